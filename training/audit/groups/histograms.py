"""Weighted histograms of the scores of many overlapping groups at once, resampled by unit. Knows no metric.

A group is a line of cells, outcome by bin of score; everything measured of a group is a function of its line. Counting
is one ``bincount`` per resample, so hundreds of groups on 50,000 rows stay within seconds and a few megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.audit.rows import Members
from training.evaluation.metrics import Array

#: Bins of score: scores fall in equal-mass bins when more distinct ones exist; an AUC moves by less than 1/1000.
BINS = 512


@dataclass(frozen=True)
class Histograms:
    """Rows of one label in cells of shape (1 + groups, 2, bins); line 0 is everybody, then each group.

    Attributes:
        groups: names, in the order of the lines.
        shape: of the cells.
        rows, cells: (m,) a row and the flattened cell that it falls into, once per line it belongs to.
        weights, units: (n,) of the rows.
        mean: (bins,) mean score of each bin.
        starts: level -> first bin of the rows at that level.
    """

    groups: tuple[str, ...]
    shape: tuple[int, int, int]
    rows: npt.NDArray[np.intp]
    cells: npt.NDArray[np.intp]
    weights: Array
    units: npt.NDArray[np.intp]
    mean: Array
    starts: Mapping[str, int]

    def whole(self) -> Array:
        """The rows as they are, cells of ``shape``."""
        return self._count(self.weights)

    def draws(self, replicates: int, seed: int) -> Iterator[Array]:
        """Cells of each resample: as many units, drawn with replacement."""
        generator, number = np.random.default_rng(seed), int(self.units.max()) + 1
        for _ in range(replicates):
            times = np.bincount(generator.integers(0, number, number), minlength=number)
            yield self._count(self.weights * times[self.units])

    def _count(self, weights: Array) -> Array:
        counted = np.bincount(self.cells, weights=weights[self.rows], minlength=int(np.prod(self.shape)))
        return np.asarray(counted.reshape(self.shape))


def histograms(
    labels: Array,
    scores: Array,
    weights: Array,
    units: Sequence[str],
    members: Mapping[str, Members],
    thresholds: Mapping[str, float | None],
) -> Histograms:
    """Cells of n rows whose label and score are known.

    Args:
        labels: (n,) of 0 and 1.
        scores, weights, units: (n,).
        members: group -> its rows, (n,).
        thresholds: level -> lowest score of it; a level without one has no start.
    """
    edges = _edges(scores, [t for t in thresholds.values() if t is not None])
    bins = np.searchsorted(edges, scores, side="right")
    lines = np.stack([np.ones(len(labels), dtype=bool), *members.values()])
    line, rows = np.nonzero(lines)
    shape = (len(lines), 2, len(edges) + 1)
    number: dict[str, int] = {}
    return Histograms(
        groups=tuple(members),
        shape=shape,
        rows=rows,
        cells=(line * 2 + (labels[rows] > 0.5)) * shape[2] + bins[rows],
        weights=weights,
        units=np.array([number.setdefault(unit, len(number)) for unit in units]),
        mean=_means(bins, scores, shape[2]),
        starts={
            level: int(np.searchsorted(edges, t, side="right")) for level, t in thresholds.items() if t is not None
        },
    )


def _edges(scores: Array, thresholds: Sequence[float]) -> Array:
    """Sorted lower edges of all bins but the first; every threshold is one."""
    distinct = np.unique(scores)
    inner = distinct[1:] if len(distinct) <= BINS else np.unique(np.quantile(scores, np.arange(1, BINS) / BINS))
    return np.unique([*inner, *thresholds])


def _means(bins: npt.NDArray[np.intp], scores: Array, number: int) -> Array:
    counts = np.bincount(bins, minlength=number)
    return np.asarray(np.bincount(bins, weights=scores, minlength=number) / np.maximum(counts, 1))
