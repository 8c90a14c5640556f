"""What is known of prepared rows, as arrays: targets, what each cell weighs, the labels worth training.

Knows the columns of prepared tables (docs/data.md) and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from serving.bundle.taxonomy import OUTPUT_KEYS, family_of

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Targets:
    """What is known of some rows, columns in the order of `keys`.

    Attributes:
        keys: output keys of the columns.
        values: share of positive in [0, 1], shape (rows, keys).
        weights: row weight times mask, shape (rows, keys); 0 where nothing is known.
    """

    keys: tuple[str, ...]
    values: Array
    weights: Array

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """Where a known value is at least one half."""
        return (self.values >= 0.5) & (self.weights > 0)

    def columns(self, keys: Sequence[str]) -> Targets:
        """The same rows for a subset of the keys."""
        index = [self.keys.index(key) for key in keys]
        return Targets(tuple(keys), self.values[:, index], self.weights[:, index])


def targets_of(rows: Dataset) -> Targets:
    """Targets of prepared rows over the 22 keys, a known positive child having made its family positive."""
    values = np.asarray(rows["target"], dtype=np.float32).reshape(-1, len(OUTPUT_KEYS))
    masks = np.asarray(rows["mask"], dtype=np.float32).reshape(-1, len(OUTPUT_KEYS))
    for column, key in enumerate(OUTPUT_KEYS):
        family = family_of(key)
        if family and family != key:
            _raise_family(values, masks, column, OUTPUT_KEYS.index(family))
    weights = np.asarray(rows["weight"], dtype=np.float32)[:, None]
    return Targets(OUTPUT_KEYS, values, masks * weights)


def _raise_family(values: Array, masks: Array, child: int, family: int) -> None:
    raised = (
        (masks[:, child] > 0)
        & (values[:, child] >= 0.5)
        & ((masks[:, family] == 0) | (values[:, family] < values[:, child]))
    )
    values[raised, family] = values[raised, child]
    masks[raised, family] = np.maximum(masks[raised, family], masks[raised, child])


def trainable_labels(targets: Targets) -> tuple[str, ...]:
    """Keys with at least one positive row; the others are not trained and get no entry in the bundle."""
    return tuple(key for column, key in enumerate(targets.keys) if targets.positive[:, column].any())


def positive_weights(targets: Targets, most: float) -> Array:
    """What a positive weighs against a negative, per key: their weight ratio, between 1 and `most`. Shape (keys,)."""
    positive = (targets.weights * targets.values).sum(axis=0)
    negative = (targets.weights * (1 - targets.values)).sum(axis=0)
    return np.asarray(np.clip(negative / np.maximum(positive, 1e-6), 1.0, most), dtype=np.float32)
