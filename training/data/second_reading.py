"""Our own second reading of public rows: what one more annotator, with the guidelines of our cases, says of each label.

A public source annotates one or two of our labels; the reading answers for all of them, so that quotation, insult or
threat are learnt from observed text too. Files hold row keys and labels, never a text. Rows of test splits are not
reread: there the published annotation alone is judged against.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from serving.bundle import OUTPUT_KEYS, ConfigError, with_parents
from serving.bundle.config import Frozen
from serving.bundle.errors import nearest

from .cards import Card
from .digests import digest_of, file_sha256
from .examples import Example
from .splits import split_of
from .truth import Truth, merge, of_case, places

#: Under ``settings.datasets``: one ``<source>.csv`` each.
FOLDER = "second_reading"
_COLUMNS = ("row", "labels", "unknown")


class SecondReadingSection(Frozen):
    """``[data.second_reading]``: whose rows are reread, and what a reread row weighs."""

    #: Weight of a reread row, when the card gives it less.
    weight: Annotated[float, Field(gt=0, le=1)]
    #: Cards that have a file in ``datasets/second_reading``, and what a published annotation still counts for where the
    #: reader says the contrary: 0 makes the label unknown.
    contested: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(min_length=1)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the cards that are reread."""
        return tuple(self.contested)


@dataclass(frozen=True)
class Reading:
    """What the second reader says of one row: labels that hold, labels nobody can decide; the others are false.

    An undecided sub-label leaves its family undecided, unless another part of it holds.
    """

    labels: tuple[str, ...]
    unknown: tuple[str, ...]

    def truth(self, weight: float) -> Truth:
        """The reading as targets and masks."""
        return of_case(self.labels, with_parents(self.unknown) - with_parents(self.labels), weight)


def load_readings(folder: Path, source: str) -> dict[str, Reading]:
    """Readings of ``source`` by row key.

    Raises:
        ConfigError: no file, a wrong column, an unknown label, or a row read twice; names the file and the line.
    """
    path = _file(folder, source)
    found: dict[str, Reading] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != _COLUMNS:
            raise ConfigError(f"{path}: columns {list(rows.fieldnames or ())}: expected {','.join(_COLUMNS)}")
        for row in rows:
            where = f"{path}:{rows.line_num}"
            if row["row"] in found:
                raise ConfigError(f"{where}: row {row['row']!r} is read twice")
            found[row["row"]] = Reading(_keys(row["labels"], where), _keys(row["unknown"], where))
    return found


def _keys(cell: str, where: str) -> tuple[str, ...]:
    keys = tuple(cell.split())
    for key in keys:
        if key not in OUTPUT_KEYS:
            raise ConfigError(f"{where}: unknown label {key!r}{nearest(key, OUTPUT_KEYS)}; expected output keys")
    return keys


def reread(
    examples: Sequence[Example], card: Card, readings: Mapping[str, Reading], section: SecondReadingSection
) -> list[Example]:
    """``examples`` of ``card``, the reader's word beside the published one.

    A label that only the reader annotates is the reader's; one on which the two disagree keeps the published answer
    for what the section's ``contested`` leaves of it.

    Raises:
        ConfigError: a reading is of a test row, or of no row of the source.
    """
    left = dict(readings)
    found = []
    for example in examples:
        reading = left.pop(example.row_id.removeprefix(f"{card.name}/"), None)
        found.append(_with(example, reading, card, section) if reading else example)
    if left:
        raise ConfigError(f"second reading of {card.name}: the source has no row {next(iter(left))!r}; remove the line")
    return found


def _with(example: Example, reading: Reading, card: Card, section: SecondReadingSection) -> Example:
    assert card.split is not None  # a training card has one
    if split_of(example.group, card.split, 0.0) == "test":
        detail = f"second reading of {card.name}: {example.row_id} is a test row, judged as published; remove the line"
        raise ConfigError(detail)
    merged, conflicts = merge([example.truth, reading.truth(section.weight)])
    contested = places(conflicts)
    target, mask = merged.target.copy(), merged.mask.copy()
    target[contested] = example.truth.target[contested]
    mask[contested] = section.contested[card.name]
    return replace(example, truth=Truth(target, mask, merged.weight))


def readings_digest(folder: Path, sources: Iterable[str]) -> str:
    """One sha256 of the files of ``sources``."""
    return digest_of(file_sha256(_file(folder, source)) for source in sources)


def _file(folder: Path, source: str) -> Path:
    path = folder / FOLDER / f"{source}.csv"
    if not path.is_file():
        raise ConfigError(f"{path}: no second reading of {source!r} here; take it out of data.second_reading.contested")
    return path
