"""From logits to what people read: calibrated scores and levels. Pure numpy; the one place where this rule lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .manifest import Label, Manifest
from .operating import LEVELS
from .taxonomy import LEVELED, OUTPUT_KEYS


@dataclass(frozen=True)
class Verdict:
    """What the machine says of one text.

    Attributes:
        scores: calibrated probability of every output key; None where the bundle was not trained on it.
        levels: level of each family and of ``contexte_protege``; None likewise.
        windows: number of windows read.
        truncated: some of the text lies beyond the last window.
        not_french: the text is surely in another language, which these scores know nothing of.
    """

    scores: dict[str, float | None]
    levels: dict[str, str | None]
    windows: int = 1
    truncated: bool = False
    not_french: bool = False

    @property
    def flags(self) -> dict[str, int | bool]:
        """What a reader of the scores must know of how the text was read."""
        return {"windows": self.windows, "truncated": self.truncated, "not_french": self.not_french}


def calibrated(label: Label, logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Probabilities of ``label`` for its logits, any shape, at the label's population rate."""
    return _sigmoid(label.calibration.slope * np.asarray(logits, dtype=np.float64) + label.calibration.intercept)


def _sigmoid(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    small = np.exp(-np.abs(z))  # never overflows
    return np.asarray(np.where(z >= 0, 1 / (1 + small), small / (1 + small)))


def level_of(label: Label, score: float) -> str:
    """The surest level whose threshold ``score`` reaches; the last level is the rest."""
    return _level(effective_thresholds(label), score)


def _level(thresholds: Mapping[str, float], score: float) -> str:
    for level, threshold in thresholds.items():
        if score >= threshold:
            return level
    return LEVELS[-1]


def effective_thresholds(label: Label) -> dict[str, float]:
    """Thresholds of the levels that are on, surest first.

    An unattainable level is off. So is one whose threshold does not lie below that of every surer level: nothing
    would be left between them, and the surer formula already holds there.
    """
    given = {point.level: point.threshold for point in label.operating_points}
    kept: dict[str, float] = {}
    for level in LEVELS[:-1]:
        threshold = given.get(level)
        if threshold is not None and threshold < min(kept.values(), default=2.0):
            kept[level] = threshold
    return kept


def at_least(level: str | None, floor: str) -> bool:
    """Whether ``level`` is as sure as ``floor`` or surer; an absent level never is."""
    return level is not None and LEVELS.index(level) <= LEVELS.index(floor)


class Judge:
    """The rule of one bundle, ready to be applied to many texts: calibrations and thresholds are read once."""

    def __init__(self, manifest: Manifest) -> None:
        fits = [(label.calibration.slope, label.calibration.intercept) for label in manifest.labels]
        self._slopes, self._intercepts = np.array(fits).T
        self._keys = [label.key for label in manifest.labels]
        self._thresholds = {label.key: effective_thresholds(label) for label in manifest.labels if label.key in LEVELED}

    def __call__(
        self, logits: npt.NDArray[np.floating[Any]], *, truncated: bool = False, not_french: bool = False
    ) -> Verdict:
        """Read the logits of one text, shape (windows, labels): maximum over windows, calibration, levels."""
        if logits.ndim != 2 or logits.shape[1] != len(self._keys) or not len(logits):
            raise ValueError(f"logits must have shape (windows >= 1, {len(self._keys)}), got {logits.shape}")
        # All labels at once: one at a time, this costs more than the tokenizer.
        probabilities = _sigmoid(self._slopes * logits.max(axis=0) + self._intercepts).tolist()
        scores: dict[str, float | None] = dict.fromkeys(OUTPUT_KEYS)
        scores.update(zip(self._keys, probabilities, strict=True))
        levels: dict[str, str | None] = dict.fromkeys(LEVELED)
        for key, thresholds in self._thresholds.items():
            levels[key] = _level(thresholds, probabilities[self._keys.index(key)])
        return Verdict(scores, levels, windows=len(logits), truncated=truncated, not_french=not_french)
