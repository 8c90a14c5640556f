"""Proves that no text of one split has a copy in another, by comparing every pair exactly.

The search for copies that precedes uses LSH, which may miss a pair; what it missed is found here and removed from the
split that matters less. Afterwards the search is repeated and must find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from serving.bundle.config import Frozen

from .examples import Example
from .similarity import exact_pairs, shingles

#: (split that gives way, split that is protected)
_FRONTIERS = (("train", "test"), ("validation", "test"), ("train", "validation"))


class Leakage(Frozen):
    """The proof in numbers.

    Attributes:
        threshold: Jaccard similarity from which two texts are copies.
        pairs_compared: pairs of rows from different splits, all compared.
        removed_late: rows that the approximate search had missed, by the split they were removed from.
        highest: greatest similarity left across splits.
        leaks: pairs left at or above the threshold; always 0.
    """

    threshold: float
    pairs_compared: int
    removed_late: dict[str, int]
    highest: float
    leaks: int


def seal_splits(splits: Mapping[str, list[Example]], threshold: float) -> tuple[dict[str, list[Example]], Leakage]:
    """The splits without any pair of copies across them, and the proof."""
    sealed = {name: list(examples) for name, examples in splits.items()}
    removed = dict.fromkeys(sealed, 0)
    highest, compared = 0.0, 0
    sets = {name: [shingles(example.text) for example in examples] for name, examples in sealed.items()}
    for yielding, protected in _FRONTIERS:
        pairs, _ = exact_pairs(sets[yielding], sets[protected], threshold)
        gone = {left for left, _ in pairs}
        removed[yielding] += len(gone)
        sealed[yielding] = [example for place, example in enumerate(sealed[yielding]) if place not in gone]
        sets[yielding] = [shingle_set for place, shingle_set in enumerate(sets[yielding]) if place not in gone]
    for yielding, protected in _FRONTIERS:
        pairs, alike = exact_pairs(sets[yielding], sets[protected], threshold)
        assert not pairs, f"{len(pairs)} copies left between {yielding} and {protected}"
        highest = max(highest, alike)
        compared += len(sets[yielding]) * len(sets[protected])
    leakage = Leakage(threshold=threshold, pairs_compared=compared, removed_late=removed, highest=highest, leaks=0)
    return sealed, leakage
