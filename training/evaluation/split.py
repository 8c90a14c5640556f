"""One split of the prepared rows as arrays. Knows the columns that ``training.data.prepare`` writes, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.bundle import OUTPUT_KEYS, ConfigError

from .measure import Rows
from .metrics import Array

COLUMNS = ("text", "source", "group", "case_id", "functionality", "family", "target_group", "target", "mask", "weight")


@dataclass(frozen=True)
class Split:
    """Rows of one split.

    Attributes:
        texts, sources, groups: (n,) lists.
        case_ids, functionalities, families, target_groups: (n,) lists; empty strings but for our own cases.
        target: (n, 22) of 0 and 1, in the order of ``OUTPUT_KEYS``.
        mask: (n, 22): 0 unknown, between 0 and 1 presumed negative, 1 annotated.
        weight: (n,) weight of each row.
    """

    texts: list[str]
    sources: list[str]
    groups: list[str]
    case_ids: list[str]
    functionalities: list[str]
    families: list[str]
    target_groups: list[str]
    target: Array
    mask: Array
    weight: Array

    def __len__(self) -> int:
        return len(self.texts)

    def annotated(self, key: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows where a person decided on ``key``, (n,)."""
        return np.asarray(self.mask[:, OUTPUT_KEYS.index(key)] >= 1)

    def presumed(self, key: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Rows presumed negative for ``key``, (n,)."""
        column = self.mask[:, OUTPUT_KEYS.index(key)]
        return np.asarray((column > 0) & (column < 1))

    def taken(self, kept: Sequence[int]) -> Split:
        """The rows ``kept`` alone, in that order."""

        def of(values: list[str]) -> list[str]:
            return [values[row] for row in kept]

        rows = list(kept)
        return Split(
            of(self.texts),
            of(self.sources),
            of(self.groups),
            of(self.case_ids),
            of(self.functionalities),
            of(self.families),
            of(self.target_groups),
            self.target[rows],
            self.mask[rows],
            self.weight[rows],
        )

    def rows(self, key: str, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Rows:
        """The rows ``chosen`` (n,) as seen by ``key``."""
        kept = np.flatnonzero(chosen)
        return Rows(
            labels=self.target[kept, OUTPUT_KEYS.index(key)],
            weights=self.weight[kept],
            groups=[self.groups[row] for row in kept],
        )


def read_split(table: Any) -> Split:
    """``table`` (a ``datasets.Dataset``) as arrays.

    Raises:
        ConfigError: a column is missing; names it.
    """
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise ConfigError(f"prepared rows lack the column {missing[0]!r}; expected {', '.join(COLUMNS)}")
    return Split(
        texts=list(table["text"]),
        sources=list(table["source"]),
        groups=list(table["group"]),
        case_ids=list(table["case_id"]),
        functionalities=list(table["functionality"]),
        families=list(table["family"]),
        target_groups=list(table["target_group"]),
        target=(_matrix(table, "target") >= 0.5).astype(np.float64),
        mask=_matrix(table, "mask"),
        weight=np.asarray(table["weight"], dtype=np.float64),
    )


def _matrix(table: Any, column: str) -> Array:
    return np.asarray(table[column], dtype=np.float64).reshape(len(table), len(OUTPUT_KEYS))
