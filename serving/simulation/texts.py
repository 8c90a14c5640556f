"""Texts whose truth is known, with what the model says of them. Reads files and asks a classifier; draws nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.bundle.config import read_toml
from serving.bundle.errors import InputError, nearest
from serving.bundle.taxonomy import FAMILIES, OUTPUT_KEYS, Taxonomy, family_of, with_parents
from serving.bundle.text import words
from serving.bundle.verdict import Verdict
from serving.review.scoring import Scorer

from .scenario import Posts

#: One text before it is judged: id, text, true labels.
Row = tuple[str, str, frozenset[str]]
#: Files of ours whose cases are everyday talk: what people write around the sentence that is reported.
_EVERYDAY = "ordinaire*.toml"


@dataclass(frozen=True)
class GoldText:
    """One text with its true labels and the model's verdict.

    Attributes:
        labels: output keys that are true, families included.
        severity: of the gravest true label in the running taxonomy; 0 for a text of no family.
    """

    id: str
    text: str
    labels: frozenset[str]
    severity: float
    verdict: Verdict

    @property
    def illegal(self) -> bool:
        """Whether it carries a label of one of the three families."""
        return self.severity > 0

    def family(self, taxonomy: Taxonomy) -> str | None:
        """The family of its gravest label."""
        weighed = {key: taxonomy.output(key).severity or 0.0 for key in self.labels if family_of(key)}
        return family_of(max(sorted(weighed), key=lambda key: weighed[key])) if weighed else None


def own_texts(folder: Path, role: str = "held_out") -> Iterator[Row]:
    """(id, text, true labels) of our own cases without slots; those held out are unknown to every model of ours."""
    for path in sorted(folder.glob("*.toml")):
        content = read_toml(path)
        if content.get("role") == role:
            yield from (
                (case["id"], case["text"], frozenset(case["labels"]))
                for case in content.get("case", ())
                if "{" not in case["text"]
            )


def everyday_sentences(folder: Path) -> list[str]:
    """Sentences of ours that harm nobody and say nothing of what stands beside them."""
    cases = (case for path in sorted(folder.glob(_EVERYDAY)) for case in read_toml(path).get("case", ()))
    return [case["text"] for case in cases if not case["labels"] and "{" not in case["text"]]


def in_posts(rows: Sequence[Row], around: Sequence[str], posts: Posts, seed: int) -> list[Row]:
    """Each text in ``posts.per_text`` posts of log-normal length, among sentences that change nothing of its truth.

    A post shorter than its text is the text alone; ``judged`` keeps one of these.
    """
    rng = np.random.default_rng(seed)
    wanted = rng.lognormal(np.log(posts.median_words), posts.sigma, (len(rows), posts.per_text))
    return [
        (f"{name}/{place}", _post(text, around, min(length, posts.most_words), rng), labels)
        for (name, text, labels), lengths in zip(rows, wanted, strict=True)
        for place, length in enumerate(lengths)
    ]


def _post(text: str, around: Sequence[str], length: float, rng: np.random.Generator) -> str:
    said, count = [text], words(text)
    for place in rng.permutation(len(around)):
        if count + words(around[place]) > length:
            break
        said.insert(int(rng.integers(len(said) + 1)), around[place])
        count += words(around[place])
    return " ".join(said)


def read_texts(path: Path) -> Iterator[Row]:
    """(id, text, true labels) of a JSONL file of ``{"id", "text", "gold": [keys]}``.

    Raises:
        InputError: names the line and what was expected, never the text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 ({type(error).__name__})", code="unreadable_file") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _read(line, f"{path}, line {number}")


def _read(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
        name, text, gold = str(row["id"]), row["text"], row["gold"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f'{where}: expected {{"id": ..., "text": ..., "gold": [labels]}}', code="wrong_type") from None
    if not isinstance(text, str) or not isinstance(gold, list):
        raise InputError(f"{where}: text must be a string and gold a list of output keys", code="wrong_type")
    if unknown := [key for key in gold if key not in OUTPUT_KEYS]:
        hint = nearest(str(unknown[0]), OUTPUT_KEYS)
        raise InputError(f"{where}: gold {unknown[0]!r} is not an output{hint}", code="unknown_label")
    return name, text, frozenset(gold)


def judged(rows: Sequence[Row], classifier: Scorer, taxonomy: Taxonomy) -> list[GoldText]:
    """The texts with their verdicts; one that cannot be scored, or comes twice, is left out."""
    first = {text.strip(): (name, text, labels) for name, text, labels in reversed(rows)}
    kept = list(first.values())[::-1]
    found = classifier.score([text for _, text, _ in kept])
    return [
        GoldText(name, text, whole, _severity(whole, taxonomy), verdict)
        for (name, text, labels), verdict in zip(kept, found, strict=True)
        if isinstance(verdict, Verdict)
        for whole in [frozenset(with_parents(labels))]
    ]


def _severity(labels: frozenset[str], taxonomy: Taxonomy) -> float:
    of_families = (taxonomy.output(key).severity or 0.0 for key in labels if family_of(key) in FAMILIES)
    return max(of_families, default=0.0)
