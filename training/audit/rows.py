"""The rows that an audit judges: texts, what is true of them, and the groups that they belong to. Knows no model.

A file gives them by columns; our own test rows give them by register, source and groups named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_list_like

from serving.bundle import OUTPUT_KEYS, InputError
from serving.bundle.errors import nearest
from training.evaluation.metrics import Array
from training.evaluation.split import Split

from .groups.mentions import Mentions
from .periods import periods

#: Column of the groups named in the text, always there.
MENTION = "mention"
MENTION_TITLE = "Groupe nommé"
#: Columns of the source of our own rows, and of the calendar period of a dated file.
SOURCE, PERIOD = "source", "period"
_TITLES = {MENTION: MENTION_TITLE, "register": "Registre", SOURCE: "Source", PERIOD: "Période"}
#: Between the groups of one cell, and between the two sides of an intersection.
SEPARATOR, CROSS = ";", " × "
_TRUE, _FALSE = ("1", "true", "vrai", "oui", "yes"), ("0", "false", "faux", "non", "no")

Members = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """Which column of a file is what.

    Attributes:
        text: of the texts.
        labels: output key -> column; empty: every column called as an output.
        groups: columns of groups; a cell may hold several, separated by ``;``.
        unit: rows of one unit are drawn together in resamples; each row is its own when not given.
        id: names a row in the report; its number when not given.
        time: of dates, compared by calendar period.
    """

    text: str = "text"
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    unit: str | None = None
    id: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class AuditRows:
    """n rows to judge.

    Attributes:
        name: of the file or the set.
        sha256: of the file, empty for a set of ours.
        texts, ids, units: (n,).
        weights: (n,).
        labels: output key -> (n,) of 0, 1 and NaN for unknown.
        groups: column -> (n,) tuples of groups, empty where a row has none.
        titles: of columns and of groups (``column/group``), where they have one.
    """

    name: str
    sha256: str
    texts: list[str]
    ids: list[str]
    units: list[str]
    weights: Array
    labels: Mapping[str, Array]
    groups: Mapping[str, list[tuple[str, ...]]]
    titles: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def title(self, column: str, group: str = "") -> str:
        """French title of a column, or of one of its groups."""
        return self.titles.get(f"{column}/{group}", group) if group else self.titles.get(column, column)

    def members(self, column: str) -> dict[str, Members]:
        """Group -> its rows (n,), in the order of their names."""
        cells = self.groups[column]
        names = sorted({name for cell in cells for name in cell})
        return {name: np.array([name in cell for cell in cells], dtype=bool) for name in names}

    def as_split(self) -> Split:
        """The same rows for the measures of ``training.evaluation``; a label is annotated where known."""
        target, mask = (np.zeros((len(self), len(OUTPUT_KEYS))) for _ in range(2))
        for key, values in self.labels.items():
            column = OUTPUT_KEYS.index(key)
            target[:, column], mask[:, column] = np.nan_to_num(values), np.isfinite(values)
        blank = [""] * len(self)
        return Split(self.texts, [self.name] * len(self), self.units, blank, blank, blank, blank, target, mask,
                     self.weights)  # fmt: skip


def crossed(rows: AuditRows) -> Iterator[tuple[str, dict[str, Members]]]:
    """Every pair of columns as one column of intersections that hold a row; periods stand alone."""
    for first, second in combinations([column for column in rows.groups if column != PERIOD], 2):
        left, right = rows.members(first), rows.members(second)
        both = {f"{a}{CROSS}{b}": left[a] & right[b] for a in left for b in right}
        yield f"{first}{CROSS}{second}", {name: found for name, found in both.items() if found.any()}


def own_rows(table: Any, mentions: Mentions, titles: Mapping[str, str]) -> AuditRows:
    """Our own test split (a ``datasets.Dataset``): by groups named, by register of our cases, by source.

    A label counts only in sources that annotate both of its answers: elsewhere, to know the source would be enough.
    """
    target, mask = (np.asarray(table[name], dtype=float).reshape(len(table), -1) for name in ("target", "mask"))
    sources = np.array(table["source"])
    labels = {key: _both_answers(target[:, n], mask[:, n], sources) for n, key in enumerate(OUTPUT_KEYS)}
    named = [mentions.named(text) for text in table["text"]]
    return AuditRows(
        name="jeu de test de la recette",
        sha256="",
        texts=list(table["text"]),
        ids=list(table["row_id"]),
        units=list(table["group"]),
        weights=np.asarray(table["weight"], dtype=float),
        labels=labels,
        groups={
            MENTION: named,
            "register": [(name,) if name else () for name in table["register"]],
            SOURCE: [(name,) for name in table["source"]],
        },
        titles=_TITLES | _of(MENTION, titles),
    )


def _of(column: str, titles: Mapping[str, str]) -> dict[str, str]:
    return {f"{column}/{key}": title for key, title in titles.items()}


def _both_answers(target: Array, mask: Array, sources: npt.NDArray[Any]) -> Array:
    known, positive = mask >= 1, target > 0.5
    judging = set(sources[known & positive]) & set(sources[known & ~positive])
    return np.where(known & np.isin(sources, sorted(judging)), positive.astype(float), np.nan)


def read_rows(path: Path, columns: Columns, mentions: Mentions, titles: Mapping[str, str]) -> AuditRows:
    """The rows of a CSV or Parquet file.

    Raises:
        InputError: the file is not readable, a column is missing, or a label is neither true, false nor blank; names
            the file, the row and the column, never a text.
    """
    whole = _table(Path(path))
    labels = dict(columns.labels) or {key: key for key in OUTPUT_KEYS if key in whole.columns}
    _check(path, whole, columns, labels)
    table = _written(path, whole[list(dict.fromkeys(_used(columns, labels)))])
    texts = list(table[columns.text])
    return AuditRows(
        name=Path(path).name,
        sha256=hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        texts=texts,
        ids=list(table[columns.id]) if columns.id else [str(number) for number in range(len(table))],
        units=list(table[columns.unit]) if columns.unit else [str(number) for number in range(len(table))],
        weights=np.ones(len(table)),
        labels={key: _truth(path, table[column], column) for key, column in labels.items()},
        groups={MENTION: [mentions.named(text) for text in texts]}
        | {name: _cells(path, name, table[name]) for name in columns.groups}
        | ({PERIOD: periods(str(path), columns.time, list(table[columns.time]))} if columns.time else {}),
        titles={name: _TITLES[name] for name in (MENTION, PERIOD)} | _of(MENTION, titles),
    )


def _table(path: Path) -> pd.DataFrame:
    """The file as it is: a CSV as text cells, a Parquet with its integers exact where some are missing."""
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path, dtype_backend="numpy_nullable")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: not readable: {error.strerror or error}; give a CSV or Parquet file") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a UTF-8 CSV or Parquet file ({type(error).__name__})") from None
    return unshifted(path, table)


def unshifted(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """``table``, unless its rows have more cells than the header: pandas then takes the first ones as their names.

    Raises:
        InputError: they have.
    """
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path}: rows have more cells than the header; quote the texts that hold a comma")
    return table


def _written(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Every cell as text; blank where there is nothing."""
    return pd.DataFrame(
        {
            column: [_text(path, number, column, value) for number, value in enumerate(table[column], start=1)]
            for column in table.columns
        }
    )


def _text(path: Path, number: int, column: str, value: object) -> str:
    if is_list_like(value):
        raise InputError(
            f"{path}: row {number}: {column} holds a list; expected one value, or several groups as text between "
            f"{SEPARATOR!r}",
            code="bad_row",
            pointer=f"/{number}/{column}",
        )
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float | np.floating) and value.is_integer():  # integers with blanks, as pandas keeps them
        return str(int(value))
    return str(value)


def _used(columns: Columns, labels: Mapping[str, str]) -> list[str]:
    """Every column that is read, in the order of the options."""
    singles = (columns.unit, columns.id, columns.time)
    return [columns.text, *labels.values(), *columns.groups, *(column for column in singles if column)]


def _check(path: Path, table: pd.DataFrame, columns: Columns, labels: Mapping[str, str]) -> None:
    for key in labels:
        if key not in OUTPUT_KEYS:
            raise InputError(f"--label-columns: {key!r} is no output{nearest(key, OUTPUT_KEYS)}")
    if own := sorted({MENTION, PERIOD} & set(columns.groups)):
        raise InputError(f"--group-columns: {own[0]!r} is the audit's own column; rename yours")
    if crossing := next((name for name in columns.groups if CROSS in name), None):
        raise InputError(f"--group-columns: {crossing!r} holds {CROSS!r}, the sign of an intersection; rename it")
    known = [str(name) for name in table.columns]
    for column in _used(columns, labels):
        if column not in known:
            raise InputError(
                f"{path}: column {column!r} is missing{nearest(column, known)}; found {', '.join(known)}",
                code="missing_column",
                pointer=column,
            )
    if not labels:
        raise InputError(f"{path}: no label column; name one: --label-columns haine, or haine=COLUMN")
    if not len(table):
        raise InputError(f"{path}: no row below the header; expected at least one")


def _truth(path: Path, cells: Iterable[str], column: str) -> Array:
    return np.array([_value(path, number, column, cell) for number, cell in enumerate(cells, start=1)])


def _value(path: Path, number: int, column: str, cell: str) -> float:
    word = cell.strip().casefold().removesuffix(".0")
    if not word:
        return float("nan")
    if word in _TRUE or word in _FALSE:
        return float(word in _TRUE)
    raise InputError(
        f"{path}: row {number}: {column} is neither true nor false; expected {_TRUE[0]}, {_FALSE[0]} or a blank cell",
        code="bad_row",
        pointer=f"/{number}/{column}",
    )


def _cells(path: Path, column: str, values: Iterable[str]) -> list[tuple[str, ...]]:
    return [_cell(path, number, column, value) for number, value in enumerate(values, start=1)]


def _cell(path: Path, number: int, column: str, value: str) -> tuple[str, ...]:
    if CROSS in value:
        raise InputError(
            f"{path}: row {number}: {column} holds {CROSS!r}, which the audit writes between the groups of an "
            "intersection; write these names otherwise",
            code="bad_row",
            pointer=f"/{number}/{column}",
        )
    return tuple(dict.fromkeys(part.strip() for part in value.split(SEPARATOR) if part.strip()))


def sampled(rows: AuditRows, most: int, seed: int) -> Sequence[int]:
    """At most ``most`` rows, drawn once, in their order."""
    if len(rows) <= most:
        return range(len(rows))
    return sorted(np.random.default_rng(seed).choice(len(rows), most, replace=False).tolist())
