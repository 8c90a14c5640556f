"""Prepared tables: every source of a recipe read, de-duplicated, split and weighed, as Hugging Face datasets.

The order matters: licences are checked before anything is fetched, copies go before anything is split, and the tables
are written only after an exact search has found no copy across splits.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import datasets
import numpy as np

from serving.bundle import OUTPUT_KEYS, DatasetRecord
from serving.settings import Settings

from .cards import Card, LicenceClass, check_allowed, load_cards, pick
from .cases import OwnCases, load_cases
from .cleaning import clean, judge_sha256
from .digests import digest_of, file_sha256, value_sha256
from .duplicates import deduplicate
from .examples import OWN, Example, own_examples, source_examples
from .feedback import FEEDBACK, FEEDBACK_LICENCE, feedback_digest, feedback_examples
from .fetch import writable
from .leakage import seal_splits
from .lexicon import Lexicon
from .mentions import hatred_by_group, mention_examples
from .names import name_examples
from .ordinary import CORPUS, CORPUS_CLASS, CORPUS_LICENCE, corpus_digest, ordinary_examples
from .parts import cluster_draws, within
from .recipe import OWN_CLASS, DataRecipe
from .report import DataReport, SourceNotes, build_report, read_report, write_report
from .second_reading import load_readings, readings_digest, reread
from .splits import SPLITS, assign, tie

__all__ = ["DataRecipe", "Prepared", "prepare"]

_COLUMNS = ("text", "source", "row_id", "group", "case_id", "functionality", "family", "target_group", "register")
#: A weaker licence never displaces a stronger one: of two copies, the first of this order stays.
_PREFERENCE = (LicenceClass.OPEN, LicenceClass.RESEARCH, LicenceClass.UNLICENSED)


@dataclass(frozen=True)
class Prepared:
    """What training and evaluation receive.

    Attributes:
        tables: train, validation and test; columns in docs/data.md.
        records: one for each source, ours included, with the rows learnt from.
        report: numbers only, no text.
        path: folder of the cached tables and of ``report.json`` and ``report.md``.
    """

    tables: datasets.DatasetDict
    records: list[DatasetRecord]
    report: DataReport
    path: Path


def prepare(data: DataRecipe, settings: Settings, *, licence_classes: Sequence[str], seed: int) -> Prepared:
    """The tables of ``data``, from the cache when nothing they depend on has changed.

    Raises:
        InputError: a source is unknown.
        ConfigError: a source is not allowed by ``licence_classes``, a file is not the card's, or a case is wrong.
        Unavailable: a file is neither mirrored nor reachable.
    """
    cards = _allowed(data, load_cards(settings.datasets), tuple(licence_classes))
    own = load_cases(settings.datasets / OWN) if data.own_cases else None
    fingerprint = _fingerprint(data, settings, cards, own, seed)
    folder = settings.cache / "prepared" / fingerprint
    if not (folder / "report.json").exists():
        _make(folder, fingerprint, data, settings, cards, own, seed)
    tables = datasets.load_from_disk(str(folder / "tables"))
    assert isinstance(tables, datasets.DatasetDict)
    records = _records(tables["train"], cards, own) + list(_other_records(data, settings, tables["train"]))
    return Prepared(tables, records, read_report(folder), folder)


def _allowed(data: DataRecipe, cards: dict[str, Card], classes: tuple[str, ...]) -> dict[str, Card]:
    chosen = {name: pick(cards, name) for name in data.sources}
    for card in chosen.values():
        check_allowed(card, classes)
    return dict(sorted(chosen.items(), key=lambda item: (_PREFERENCE.index(item[1].licence_class), item[0])))


def _fingerprint(
    data: DataRecipe, settings: Settings, cards: Mapping[str, Card], own: OwnCases | None, seed: int
) -> str:
    """Digest of all that the tables depend on: recipe, seed, cards, cases, and the code of this package."""
    return value_sha256(
        {
            "data": data.model_dump(mode="json"),
            "seed": seed,
            "cards": {name: file_sha256(settings.datasets / f"{name}.toml") for name in cards},
            "own": own.sha256 if own else None,
            "corpus": corpus_digest(data.registers, settings.corpus) if data.registers else None,
            "readings": _readings_digest(data, settings),
            "judge": judge_sha256() if data.cleaning else None,
            "feedback": feedback_digest(data.feedback) if data.feedback else None,
            "code": digest_of(file_sha256(path) for path in sorted(Path(__file__).parent.glob("*.py"))),
        }
    )[:24]


def _readings_digest(data: DataRecipe, settings: Settings) -> str | None:
    section = data.second_reading
    return readings_digest(settings.datasets, section.sources) if section else None


def _make(
    folder: Path,
    fingerprint: str,
    data: DataRecipe,
    settings: Settings,
    cards: Mapping[str, Card],
    own: OwnCases | None,
    seed: int,
) -> None:
    writable(folder.parent)  # told now rather than after the work
    examples, notes = _read(data, settings, cards, own, seed)
    unique = deduplicate(examples, data.near_duplicate)
    tied = tie(unique.examples, unique.ties | _contrasts(own))
    splits, leakage = seal_splits(assign(tied, cards, data.validation_share), data.near_duplicate)
    weighed = _weigh(splits, data)
    cleaned = clean(weighed["train"], data.cleaning, seed)
    final = weighed | {"train": cleaned.examples}
    report = build_report(fingerprint, data, seed, cards, notes, unique.removals, final, leakage, cleaned.doubts)
    _write(folder, final, report)


def _read(
    data: DataRecipe, settings: Settings, cards: Mapping[str, Card], own: OwnCases | None, seed: int
) -> tuple[list[Example], SourceNotes]:
    """Examples in order of preference: held-out cases, our other cases, then sources by licence and name."""
    written = own_examples(own, data.instances_per_case, seed) if own else []
    if own and data.part:
        written = within(written, data.part, cluster_draws(own, data.near_duplicate))
    examples = sorted(written, key=lambda example: not example.held_out)
    notes: SourceNotes = {OWN: Counter(read=len(examples))} if own else {}
    for name, card in cards.items():
        found, notes[name] = source_examples(card, settings)
        if data.second_reading and name in data.second_reading.sources:
            readings = load_readings(settings.datasets, name)
            found = reread(found, card, readings, data.second_reading)
            notes[name]["second_reading"] = len(readings)
        examples += found
    if data.feedback:
        found, notes[FEEDBACK] = feedback_examples(data.feedback)
        examples += found
    if data.ordinary:
        found = ordinary_examples(data.ordinary, settings.corpus, seed)
        notes[CORPUS] = Counter(read=len(found))
        examples += found
    if own:
        for what, found in _drawn_anew(data, settings, own.lexicon, seed, examples):
            notes.setdefault(CORPUS, Counter()).update({"read": len(found), what: len(found)})
            examples += found
    return examples, notes


def _drawn_anew(
    data: DataRecipe, settings: Settings, lexicon: Lexicon, seed: int, others: Sequence[Example]
) -> Iterator[tuple[str, list[Example]]]:
    """Sentences of the corpus whose group or first name is drawn anew, where the recipe wants them."""
    if data.mentions:
        # Of our own cases alone: no test row of anybody says which group is drawn.
        learnable = [example for example in others if example.source == OWN and not example.held_out]
        hatred = hatred_by_group(learnable, lexicon)
        yield "mentions", mention_examples(data.mentions, settings.corpus, lexicon, seed, hatred)
    if data.names:
        yield "names", name_examples(data.names, settings.corpus, lexicon, seed)


def _contrasts(own: OwnCases | None) -> set[tuple[str, str]]:
    """A case and its contrast differ by little on purpose: they share a split."""
    return {(case.id, case.contrast) for case in own.cases if case.contrast} if own else set()


def _weigh(splits: Mapping[str, list[Example]], data: DataRecipe) -> dict[str, list[Example]]:
    """Row weights: a template of ours sums to one, then the recipe's factors, then the temperature."""
    instances = Counter(e.case_id for examples in splits.values() for e in examples if e.source == OWN)
    base = {name: [_base_weight(e, instances, data) for e in examples] for name, examples in splits.items()}
    totals: defaultdict[str, float] = defaultdict(float)
    for example, weight in zip(splits["train"], base["train"], strict=True):
        totals[example.source] += weight
    factors = _temperature_factors(totals, data.temperature)
    return {
        name: [
            replace(e, truth=replace(e.truth, weight=weight * factors.get(e.source, 1.0)))
            for e, weight in zip(examples, base[name], strict=True)
        ]
        for name, examples in splits.items()
    }


def _base_weight(example: Example, instances: Counter[str], data: DataRecipe) -> float:
    share = instances[example.case_id] if example.source == OWN else 1
    return example.truth.weight * data.weights.get(example.source, 1.0) / share


def _temperature_factors(totals: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Factor of each source so that its share goes with total ** temperature, the grand total unchanged."""
    bent = {source: total**temperature for source, total in totals.items()}
    scale = sum(totals.values()) / sum(bent.values()) if bent else 1.0
    return {source: scale * bent[source] / total for source, total in totals.items()}


def _write(folder: Path, splits: Mapping[str, list[Example]], report: DataReport) -> None:
    """Tables, then the report, in a draft folder that takes its name at the end: a folder that exists is whole."""
    draft = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    with _silent():
        datasets.DatasetDict({name: _table(splits[name]) for name in SPLITS}).save_to_disk(str(draft / "tables"))
    write_report(report, draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


@contextmanager
def _silent() -> Iterator[None]:
    """No progress bars for work of a few milliseconds; the caller's choice is put back."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _features() -> datasets.Features:
    width = len(OUTPUT_KEYS)
    vector = datasets.List(datasets.Value("float32"), length=width)
    return datasets.Features(
        {name: datasets.Value("string") for name in _COLUMNS}
        | {"target": vector, "mask": vector, "weight": datasets.Value("float32")}
    )


def _table(examples: Sequence[Example]) -> datasets.Dataset:
    columns: dict[str, object] = {name: [getattr(e, name) for e in examples] for name in _COLUMNS}
    columns |= {"target": _stack([e.truth.target for e in examples]), "mask": _stack([e.truth.mask for e in examples])}
    return datasets.Dataset.from_dict(columns | {"weight": [e.truth.weight for e in examples]}, features=_features())


def _stack(vectors: Sequence[np.ndarray]) -> list[list[float]]:
    return [vector.tolist() for vector in vectors]


def _records(train: datasets.Dataset, cards: Mapping[str, Card], own: OwnCases | None) -> list[DatasetRecord]:
    rows = Counter(train["source"])
    return list(_own_record(own, rows[OWN])) + [card.record(rows[name]) for name, card in cards.items()]


def _other_records(data: DataRecipe, settings: Settings, train: datasets.Dataset) -> Iterator[DatasetRecord]:
    """What has no card: excerpts of the corpus, decisions of the queue."""
    rows = Counter(train["source"])
    if data.registers:
        digest = corpus_digest(data.registers, settings.corpus)
        yield DatasetRecord(
            name=CORPUS, sha256=digest, licence=CORPUS_LICENCE, licence_class=CORPUS_CLASS, rows=rows[CORPUS]
        )
    if data.feedback:
        yield DatasetRecord(
            name=FEEDBACK,
            sha256=feedback_digest(data.feedback),
            licence=FEEDBACK_LICENCE,
            licence_class=OWN_CLASS,
            rows=rows[FEEDBACK],
        )


def _own_record(own: OwnCases | None, rows: int) -> Iterator[DatasetRecord]:
    if own:
        yield DatasetRecord(name=OWN, sha256=own.sha256, licence="CC-BY-4.0", licence_class=OWN_CLASS, rows=rows)
