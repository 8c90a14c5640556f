"""One reader per source: published files in, rows with the source's own annotation values out.

A reader knows the traps of its files and nothing of Vigie's labels, which the card maps. Texts are yielded as
published, repaired where the publication broke them; what cannot be repaired is dropped and counted.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from serving.bundle import InputError

Files = Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Row:
    """One text as its source annotates it.

    Attributes:
        key: unique in the source; sorts in the source's order.
        group: rows of one group must stay in one split.
        values: the source's annotation values, explained by the card.
    """

    text: str
    key: str
    group: str
    values: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """Rows of a source, and what happened on the way (counts by reason)."""

    rows: list[Row]
    notes: Counter[str] = field(default_factory=Counter)


def read_ftr(files: Files) -> Reading:
    """FTR tweets. Eight records were cut inside a character at 140 bytes: the broken tail is dropped, the row kept.

    More than half of the racist tweets speak of nazis, often to call someone one; "crevé" tweets fill the other class.
    """
    notes: Counter[str] = Counter()
    text = "".join(_decode(line, notes) for line in _only(files).read_bytes().splitlines(keepends=True))
    rows = []
    for record in _records(text, ("id", "tweet", "label")):
        value = {"0": "other", "1": "racist"}[record["label"].strip()]
        if value == "racist" and re.search(r"nazi|hitler", record["tweet"], re.IGNORECASE):
            value = "racist_nazi"
        if value == "other" and re.search(r"crev[ée]", record["tweet"], re.IGNORECASE):
            value = "other_creve"
        rows.append(_row(record["tweet"], record["id"], {value}))
    return Reading(rows, notes)


def _decode(line: bytes, notes: Counter[str]) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        notes["broken_utf8_repaired"] += 1
        return line.decode("utf-8", "ignore")


#: Target attributes of MLMA, kept when they tell which ground the hatred is about.
_MLMA_TARGETS = frozenset({"origin", "religion", "gender", "sexual_orientation", "disability"})


def read_mlma(files: Files) -> Reading:
    """MLMA tweets (a zip). Sentiments are several tags joined by ``_``; ``normal`` counts only when it is alone.

    The group ``indian/hindu`` is an artefact of the query words: such rows say nothing of their ground.
    """
    with zipfile.ZipFile(_only(files)) as archive:
        text = archive.read("hate_speech_mlma/fr_dataset.csv").decode("utf-8")
    records = _records(text, ("HITId", "tweet", "sentiment", "target", "group"))
    return Reading([_row(_unmasked(r["tweet"]), r["HITId"], _mlma_values(r)) for r in records])


def _unmasked(tweet: str) -> str:
    """MLMA's ``@url`` would read as a user name: write our own mask."""
    return re.sub(r"@url\b", "<url>", tweet)


def _mlma_values(record: Mapping[str, str]) -> set[str]:
    tags = set(record["sentiment"].split("_"))
    if tags == {"normal"}:
        return tags
    values = (tags - {"normal"}) | ({"mixed"} if "normal" in tags else set())
    if "hateful" in tags and record["group"] != "indian/hindu":
        if record["group"] == "jews":
            values.add("hateful_jews")
        elif record["target"] in _MLMA_TARGETS:
            values.add(f"hateful_{record['target']}")
    return values


_JIGSAW = ("toxic", "obscene", "threat", "insult", "identity_hate")


def read_jigsaw_fr(files: Files) -> Reading:
    """Jigsaw comments translated into French (column ``content``); the explanations an LLM wrote are not labels."""
    seen: Counter[str] = Counter()
    rows = []
    for record in _records(_only(files).read_text(encoding="utf-8"), ("msg_id", "content", "severe_toxic", *_JIGSAW)):
        name = record["msg_id"]
        values = {label if record[label].strip() == "1" else f"not_{label}" for label in _JIGSAW}
        if record["severe_toxic"].strip() != "1" and not values & set(_JIGSAW):
            values.add("clean")
        rows.append(Row(record["content"], f"{name}-{seen[name]}", name, frozenset(values)))
        seen[name] += 1
    return Reading(rows)


def read_safety_fr(files: Files) -> Reading:
    """Prompts to an assistant, one per line, without header; unquoted commas cut some lines into several cells.

    Every line of ``commonsense`` ends with the same instruction, which would be the easiest thing to learn: dropped.
    """
    rows, notes = [], Counter[str]()
    for path, file in sorted(files.items()):
        value = Path(path).stem.lower()
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, cells in enumerate(csv.reader(lines)):
                text, cut = re.subn(
                    r"\s*affichez le choix dangereux\s*\.?\s*$", "", ",".join(cells), flags=re.IGNORECASE
                )
                notes["instruction_dropped"] += cut
                rows.append(_row(text, f"{value}-{number:04d}", {value}))
    return Reading(rows, notes)


_AGGRESSORS = frozenset({"bully", "bully_support"})
_VERBAL_ABUSE = frozenset({"THR", "NCG", "DNG", "BLM", "OTH"})
_CHAT_COLUMNS = ("ID", "TEXT", "ROLE", "HATE", "VERBAL_ABUSE", "INTENTION")


def read_cyberagression(files: Files) -> Reading:
    """Teenagers' role-played group chats, one workbook a chat, in order. One chat is one group.

    Values start with the side of the speaker: a victim or defender who hits back is aggressive, not a harasser.
    """
    rows, notes = [], Counter[str]()
    for path, file in sorted(files.items()):
        chat = _ascii(Path(path).stem)
        for number, record in enumerate(_sheet(file, path)):
            text = _cell(record["TEXT"])
            if text is None:
                notes["empty_text"] += 1
                continue
            rows.append(Row(text, f"{chat}-{number:04d}", chat, frozenset(_chat_values(record))))
    return Reading(rows, notes)


def _chat_values(record: Mapping[str, object]) -> Iterator[str]:
    side = "aggressor" if _cell(record["ROLE"]) in _AGGRESSORS else "other_side"
    hate, abuse = _cell(record["HATE"]), _cell(record["VERBAL_ABUSE"])
    if hate:
        yield f"{side}:{hate}"
    if side == "aggressor" and hate != "NAG" and abuse in _VERBAL_ABUSE:
        yield f"aggressor:{abuse}"
    if side == "other_side" and hate == "NAG" and _cell(record["INTENTION"]) == "CNS":
        yield "counter_speech"


def _cell(value: object) -> str | None:
    """A cell's text; NULL and the traces of a vote without majority (``File: ... Majority: NULL``) are nothing."""
    text = str(value).strip() if value is not None else ""
    return None if text in ("", "NULL") or re.search(r"Majority:\s*NULL\s*$", text) else text


def _sheet(file: Path, path: str) -> Iterator[dict[str, object]]:
    from openpyxl import load_workbook  # heavy, and only this source needs it

    book = load_workbook(file, read_only=True, data_only=True)
    try:
        lines = book.worksheets[0].iter_rows(values_only=True)
        names = [str(cell) for cell in next(lines, ())]
        _require(names, _CHAT_COLUMNS, path)
        for line in lines:
            yield dict(zip(names, line, strict=False))
    finally:
        book.close()


def read_nlp_toolbox(files: Files) -> Reading:
    """Machine-translated comments, ``label,text`` without header. Toxic or not, nothing more."""
    rows = []
    with _only(files).open(encoding="utf-8", newline="") as lines:
        for number, cells in enumerate(csv.reader(lines)):
            if len(cells) < 2 or cells[0].strip() not in ("0", "1"):
                raise InputError(f"nlp_toolbox, line {number + 1}: expected a label 0 or 1, a comma and a text")
            rows.append(
                _row(",".join(cells[1:]), f"{number:05d}", {"toxic" if cells[0].strip() == "1" else "not_toxic"})
            )
    return Reading(rows)


def read_honest(files: Files) -> Reading:
    """HONEST templates: unfinished neutral sentences about identities; the mask ``[M]`` becomes an ellipsis."""
    text = _only(files).read_text(encoding="utf-8")
    records = _records(text, ("template_masked", "identity", "category"), delimiter="\t")
    return Reading(
        [_row(r["template_masked"].replace("[M]", "…"), f"{n:04d}", {"neutral"}) for n, r in enumerate(records)]
    )


def read_hatecheck(files: Files) -> Reading:
    """Multilingual HateCheck's schema: functional cases with a gold label; rows of one template stay together."""
    text = _only(files).read_text(encoding="utf-8")
    records = _records(text, ("mhc_case_id", "functionality", "test_case", "label_gold", "templ_id"))
    return Reading(
        [Row(r["test_case"], r["mhc_case_id"], r["templ_id"], frozenset({r["label_gold"]})) for r in records]
    )


READERS: dict[str, Callable[[Files], Reading]] = {
    "ftr": read_ftr,
    "mlma": read_mlma,
    "jigsaw_fr": read_jigsaw_fr,
    "safety_fr": read_safety_fr,
    "cyberagression": read_cyberagression,
    "nlp_toolbox": read_nlp_toolbox,
    "honest": read_honest,
    "hatecheck": read_hatecheck,
}


def _row(text: str, key: str, values: Iterable[str]) -> Row:
    """A row that is its own group."""
    return Row(text, key, key, frozenset(values))


def _only(files: Files) -> Path:
    (path,) = files.values()
    return path


def _records(text: str, columns: tuple[str, ...], delimiter: str = ",") -> Iterator[dict[str, str]]:
    records = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    _require(records.fieldnames or (), columns, "table")
    return iter(records)


def _require(names: Iterable[str], columns: tuple[str, ...], where: str) -> None:
    found = list(names)
    if lacking := [column for column in columns if column not in found]:
        raise InputError(f"{where}: column {lacking[0]!r} is missing; found {', '.join(found)}", code="missing_column")


def _ascii(name: str) -> str:
    """A file name as an identifier (one of the published names holds a byte order mark)."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
