"""What is known of a text's labels: targets and how far each is known. Pure functions on small arrays.

Unknown is not negative: an output that nobody annotated has mask 0 and costs nothing in the loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from serving.bundle import FAMILIES, OUTPUT_KEYS, with_parents

from .cards import Card

_INDEX = {key: place for place, key in enumerate(OUTPUT_KEYS)}


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels of one text.

    Attributes:
        target: float32 [22], 1 where the label holds.
        mask: float32 [22]: 1 annotated, between 0 and 1 presumed negative, 0 unknown.
        weight: what the row counts for.
    """

    target: np.ndarray
    mask: np.ndarray
    weight: float


def children(keys: Iterable[str]) -> set[str]:
    """``keys`` and every sub-label of the families among them: what is false of a family is false of its parts."""
    found = set(keys)
    return found | {
        key for key in OUTPUT_KEYS for family in FAMILIES if family in found and key.startswith(family + ".")
    }


def places(keys: Iterable[str]) -> list[int]:
    """Columns of ``keys``."""
    return [_INDEX[key] for key in keys]


def of_values(card: Card, values: Iterable[str]) -> Truth:
    """What the card's label map says of a row that carries ``values``.

    A positive wins over a negative, an annotation over a presumption; a positive sub-label makes its family positive,
    a negative family makes its sub-labels negative.
    """
    annotations = [card.annotation(value) for value in values]
    presumed = card.presumed_negative
    positive = with_parents(key for a in annotations for key in a.positive)
    negative = children(key for a in annotations for key in a.negative) - positive
    guessed = children([*(presumed.labels if presumed else ()), *(k for a in annotations for k in a.presumed_negative)])
    weight = card.row_weight * float(np.prod([a.weight for a in annotations]))
    return _truth(positive, negative, guessed, presumed.weight if presumed else 0.0, weight)


def _truth(positive: set[str], negative: set[str], guessed: set[str], guess: float, weight: float) -> Truth:
    target = np.zeros(len(OUTPUT_KEYS), np.float32)
    mask = np.zeros(len(OUTPUT_KEYS), np.float32)
    mask[places(guessed)] = guess
    mask[places(positive | negative)] = 1.0
    target[places(positive)] = 1.0
    return Truth(target, mask, weight)


def of_case(labels: Iterable[str], unknown: Iterable[str], weight: float = 1.0) -> Truth:
    """Truth of one of our own cases: every label is annotated but the ``unknown`` ones and their sub-labels."""
    positive = with_parents(labels)
    hidden = children(unknown) - positive
    return _truth(positive, set(OUTPUT_KEYS) - positive - hidden, set(), 0.0, weight)


def presumed_negative(labels: Iterable[str], guess: float, weight: float = 1.0) -> Truth:
    """Truth of a text that nobody annotated and that is believed to carry none of ``labels`` nor of their parts."""
    return _truth(set(), set(), children(labels), guess, weight)


def merge(truths: Sequence[Truth]) -> tuple[Truth, frozenset[str]]:
    """One truth for several copies of a text, and the labels on which their annotations conflict.

    A label that the copies annotate both true and false becomes unknown: nobody's word is taken. An annotation wins
    over a presumption; the weight is the greatest.
    """
    targets, masks = np.stack([t.target for t in truths]), np.stack([t.mask for t in truths])
    annotated = masks >= 1.0
    yes = (annotated & (targets > 0.5)).any(axis=0)
    no = (annotated & (targets <= 0.5)).any(axis=0)
    mask = np.asarray(np.where(yes & no, 0.0, masks.max(axis=0)), np.float32)
    merged = Truth(np.asarray(yes & ~no, np.float32), mask, max(t.weight for t in truths))
    return merged, frozenset(OUTPUT_KEYS[place] for place in np.flatnonzero(yes & no))
