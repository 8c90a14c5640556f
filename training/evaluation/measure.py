"""Measures one label for the model and the baseline on the same rows. Arrays in, records out; reads no file."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.bundle import LEVELS
from serving.bundle.manifest import Label
from serving.bundle.operating import MIN_POSITIVES
from serving.bundle.verdict import effective_thresholds

from . import metrics as m
from .bootstrap import intervals, recentred, wilson
from .metrics import Array
from .records import Bin, Curves, Figures, Measured

#: Most points of a drawn curve.
_POINTS = 120
_SCORE_BINS = 20
#: Rate of positives at which calibration is compared across labels and bundles, whatever the declared rate.
HALF = 0.5


@dataclass(frozen=True)
class Rows:
    """Annotated rows of one label.

    Attributes:
        labels: (n,) 0 or 1.
        weights: (n,) weight of each row.
        groups: (n,) unit that is resampled.
    """

    labels: Array
    weights: Array
    groups: Sequence[Hashable]

    @property
    def positives(self) -> int:
        """Number of positive rows."""
        return int((self.labels > 0.5).sum())

    @property
    def measurable(self) -> bool:
        """At least ``MIN_POSITIVES`` groups with a positive and as many with a negative: below, a figure is noise.

        Groups, not rows: twenty instances of one template are one observation.
        """
        sides = (
            {g for g, y in zip(self.groups, self.labels > 0.5, strict=True) if y == side} for side in (True, False)
        )
        return min(len(side) for side in sides) >= MIN_POSITIVES

    def at_rate(self, rate: float) -> Array:
        """Weights (n,) that bring positives to ``rate``."""
        return np.asarray(m.to_rate(self.labels, self.weights[None, :], rate)[0])


@dataclass(frozen=True)
class Scored:
    """What one model says of the rows of one label: calibrated probabilities (n,) and its label's thresholds."""

    scores: Array
    label: Label

    def thresholds(self) -> dict[str, float | None]:
        """Score from which a row is at least at each level, surest first; None where no such level is on."""
        return {level: flag_threshold(self.label, level) for level in LEVELS[:-1]}


def flag_threshold(label: Label, level: str) -> float | None:
    """Lowest score at which ``label`` is at least at ``level``; None when that level and the surer ones are off."""
    on = [
        threshold
        for kept, threshold in effective_thresholds(label).items()
        if threshold is not None and LEVELS.index(kept) <= LEVELS.index(level)
    ]
    return min(on, default=None)


def flagged(scores: Array, threshold: float | None) -> npt.NDArray[np.bool_]:
    """Rows at or above ``threshold``; none when there is no threshold."""
    return np.zeros(len(scores), dtype=bool) if threshold is None else scores >= threshold


def compare(
    rows: Rows, scored: dict[str, Scored], rate: float, *, replicates: int, seed: int
) -> tuple[dict[str, Figures], Figures]:
    """Figures of each model, and the first minus the second with paired intervals (empty with one model).

    AUC and average precision weigh rows as they are; everything that depends on how many positives there are weighs
    them to ``rate``, as the calibration did. ``balanced.*`` are at one half, probabilities moved to it.
    """
    views = {name: _view(rows, model, rate) for name, model in scored.items()}

    def statistics(weights: Array) -> dict[str, Array]:
        at_rate, at_half = (m.to_rate(rows.labels, weights, wanted) for wanted in (rate, HALF))
        found = {f"{name}:{k}": v for name, view in views.items() for k, v in view(weights, at_rate, at_half).items()}
        return found | _differences(found, list(views))

    everything = intervals(statistics, rows.weights, rows.groups, replicates=replicates, seed=seed)
    split = {name: _named(everything, name) for name in [*views, "difference"]}
    return {name: _with_recentred_error(split[name]) for name in views}, split["difference"]


def _view(rows: Rows, model: Scored, rate: float) -> Callable[[Array, Array, Array], dict[str, Array]]:
    """Statistics of one model; what resampling does not change is computed once."""
    y, p = rows.labels, np.asarray(model.scores, dtype=np.float64)
    calibration = _calibration(rows, p, rate)
    balanced = _calibration(rows, m.at_prior(p, rate, HALF), HALF)
    at = {level: flagged(p, t) for level, t in model.thresholds().items() if t is not None}

    def view(weights: Array, at_rate: Array, at_half: Array) -> dict[str, Array]:
        found = {"auc": m.roc_auc(y, p, weights), "average_precision": m.average_precision(y, p, weights)}
        found |= calibration(at_rate)
        found |= {f"balanced.{name}": value for name, value in balanced(at_half).items()}
        for level, flags in at.items():
            found |= {f"{level}.{k}": v for k, v in m.at_threshold(y, flags, at_rate).items()}
        return found

    return view


def _calibration(rows: Rows, p: Array, rate: float) -> Callable[[Array], dict[str, Array]]:
    """brier, brier_skill, ece and slope of probabilities ``p`` (n,) at ``rate``; bins and line are found once."""
    y, fixed = rows.labels, rows.at_rate(rate)
    bins, line = m.equal_mass_bins(p, fixed), m.calibration_line(y, p, fixed)

    def figures(weights: Array) -> dict[str, Array]:
        return {
            "brier": m.brier(y, p, weights),
            "brier_skill": m.brier_skill(y, p, weights),
            "ece": m.calibration_error(y, p, weights, bins),
            "slope": m.calibration_slope(y, p, weights, start=line),
        }

    return figures


def _differences(found: dict[str, Array], names: list[str]) -> dict[str, Array]:
    if len(names) < 2:
        return {}
    first, second = (f"{name}:" for name in names[:2])
    shared = [k.removeprefix(first) for k in found if k.startswith(first) and second + k.removeprefix(first) in found]
    return {f"difference:{k}": found[first + k] - found[second + k] for k in shared}


def _named(everything: Figures, name: str) -> Figures:
    prefix = f"{name}:"
    return {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}


def _with_recentred_error(figures: Figures) -> Figures:
    return figures | {name: recentred(figures[name]) for name in ("ece", "balanced.ece") if name in figures}


def measured(rows: Rows, model: Scored, figures: Figures, rate: float) -> Measured:
    """``figures`` of a model with its thresholds and the curves to draw."""
    return Measured(figures=figures, thresholds=model.thresholds(), curves=_curves(rows, model.scores, rate))


def _curves(rows: Rows, scores: Array, rate: float) -> Curves:
    """ROC, precision-recall, reliability and score shares at the population rate, thinned to ``_POINTS``."""
    weights = rows.at_rate(rate)
    positive, negative = m.cumulated(rows.labels, scores, weights)
    kept = np.unique(np.linspace(0, len(positive) - 1, _POINTS).astype(int))
    precision = (positive / np.maximum(positive + negative, 1e-12))[kept]
    tpr, fpr = positive[kept] / positive[-1], negative[kept] / negative[-1]
    return Curves(
        fpr=_rounded([0.0, *fpr]),
        tpr=_rounded([0.0, *tpr]),
        recall=_rounded(tpr),
        precision=_rounded(precision),
        reliability=_reliability(rows.labels, scores, weights),
        positive_scores=_score_shares(scores, rows.weights * rows.labels),
        negative_scores=_score_shares(scores, rows.weights * (1 - rows.labels)),
    )


def _reliability(labels: Array, scores: Array, weights: Array) -> tuple[Bin, ...]:
    """Mean probability and observed rate per bin; Wilson intervals on the rows the weights are worth (Kish, 1965)."""
    bins = m.equal_mass_bins(scores, weights)
    found = []
    for number in np.unique(bins):
        w, y, p = (array[bins == number] for array in (weights, labels, scores))
        worth = w.sum() ** 2 / (w**2).sum()
        observed = wilson(float(w @ y / w.sum()) * worth, worth)
        found.append(Bin(predicted=round(float(w @ p / w.sum()), 5), observed=observed))
    return tuple(found)


def _score_shares(scores: Array, weights: Array) -> tuple[float, ...]:
    counts, _ = np.histogram(scores, bins=_SCORE_BINS, range=(0, 1), weights=weights)
    return _rounded(counts / max(float(weights.sum()), 1e-12))


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
