"""Figures of one label over weighted rows, many resamples at once. Pure numpy: knows no model, file or data source.

Every function takes ``labels`` (n,) of 0 and 1, ``scores`` (n,) or ``flagged`` (n,), and ``weights`` (b, n): one line
per resample. It returns (b,), NaN where a resample cannot answer (no positive, nothing flagged). A plain figure
is b = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

#: Equal-mass bins of the calibration error and of reliability diagrams.
BINS = 15

_TINY = 1e-12
#: Slopes beyond come from scores that are nearly constant.
_STEEPEST = 20.0


def to_rate(labels: Array, weights: Array, rate: float) -> Array:
    """``weights`` rescaled so that positives weigh ``rate`` and negatives the rest, in each resample; shape (b, n)."""
    positives = weights @ labels
    negatives = weights.sum(axis=1) - positives
    return weights * np.where(
        labels > 0.5, _ratio(rate, positives)[:, None], _ratio(1 - rate, negatives)[:, None]
    )  # fmt: skip


def at_prior(scores: Array, rate: float, wanted: float) -> Array:
    """Probabilities (n,) given at a rate of positives ``rate``, moved to ``wanted`` (Saerens et al., 2002)."""
    z = _logit(scores) + np.log(wanted / (1 - wanted)) - np.log(rate / (1 - rate))
    return np.asarray(1 / (1 + np.exp(-z)))


def roc_auc(labels: Array, scores: Array, weights: Array) -> Array:
    """Area under the ROC curve: chance that a positive outscores a negative, ties counting half (Hanley, 1982)."""
    positive, negative = _tied_sums(labels, scores, weights)
    below = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1)
    won = (positive * (below + negative / 2)).sum(axis=1)
    return _ratio(won, positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(labels: Array, scores: Array, weights: Array) -> Array:
    """Sum of precision over steps of recall, without interpolation, at the rate of positives of ``weights``."""
    positive, negative = _tied_sums(labels, scores, weights)
    hit = np.cumsum(positive, axis=1)
    precision = hit / np.maximum(hit + np.cumsum(negative, axis=1), _TINY)
    return _ratio((positive * precision).sum(axis=1), positive.sum(axis=1))


def at_threshold(labels: Array, flagged: npt.NDArray[np.bool_], weights: Array) -> dict[str, Array]:
    """precision, recall, f1, fpr and review_rate (share flagged) of the rows ``flagged``."""
    positive = labels > 0.5
    hit, flag, pos = (weights @ np.stack([flagged & positive, flagged, positive], axis=1).astype(float)).T
    total = weights.sum(axis=1)
    return {
        "precision": _ratio(hit, flag),
        "recall": _ratio(hit, pos),
        "f1": _ratio(2 * hit, flag + pos),
        "fpr": _ratio(flag - hit, total - pos),
        "review_rate": _ratio(flag, total),
    }


def macro_f1(labels: Array, flagged: npt.NDArray[np.bool_], weights: Array) -> Array:
    """Mean of the F1 of the positive and of the negative class: a model that always flags stays below one half."""
    first = at_threshold(labels, flagged, weights)["f1"]
    return (first + at_threshold(1 - labels, ~flagged, weights)["f1"]) / 2


def brier(labels: Array, scores: Array, weights: Array) -> Array:
    """Mean squared distance of the probability to the outcome (Brier, 1950); lower is better."""
    return _ratio(weights @ (scores - labels) ** 2, weights.sum(axis=1))


def brier_skill(labels: Array, scores: Array, weights: Array) -> Array:
    """Share of the Brier score of the constant base rate that the scores save; 0 says nothing, 1 is perfect."""
    rate = _ratio(weights @ labels, weights.sum(axis=1))
    return 1 - _ratio(brier(labels, scores, weights), rate * (1 - rate))


def equal_mass_bins(scores: Array, weights: Array, bins: int = BINS) -> npt.NDArray[np.intp]:
    """Bin of each row, shape (n,), so that the bins carry about equal ``weights`` (n,); equal scores stay together."""
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(weights[order]) - weights[order] / 2
    cuts = np.interp(np.arange(1, bins) / bins * weights.sum(), mass, scores[order])
    return np.searchsorted(np.unique(cuts), scores, side="right")


def calibration_error(labels: Array, scores: Array, weights: Array, bins: npt.NDArray[np.intp]) -> Array:
    """Expected calibration error over the given ``bins`` (n,): mean distance of probability to rate (Naeini, 2015)."""
    member = np.eye(int(bins.max()) + 1)[bins]
    return _ratio(np.abs(weights @ (member * (scores - labels)[:, None])).sum(axis=1), weights.sum(axis=1))


def calibration_slope(labels: Array, scores: Array, weights: Array, start: Array | None = None) -> Array:
    """Slope of the logistic regression of the outcome on logit(score) (Cox, 1958): 1 is right, below 1 overconfident.

    With ``start`` (intercept and slope that solve the unresampled rows) each resample takes one Newton step from it,
    which is accurate to first order (Davison and Hinkley, 1997, 7.2) and costs one product.
    """
    if start is not None:
        return np.asarray(_newton_step(labels, _logit(scores), weights, start)[1])
    return np.array([calibration_line(labels, scores, row)[1] for row in weights])


def calibration_line(labels: Array, scores: Array, weights: Array, steps: int = 50) -> Array:
    """Intercept and slope of the recalibration line for ``weights`` (n,), by Newton.

    NaN when it does not settle, or when scores vary so little that the slope says nothing.
    """
    x, line = _logit(scores), np.array([0.0, 1.0])
    for _ in range(steps):
        following = _newton_step(labels, x, weights[None, :], line)[:, 0]
        if not np.isfinite(following).all() or np.abs(following).max() > 1e3:
            break
        if np.abs(following - line).max() < 1e-9:
            return following if abs(following[1]) < _STEEPEST else np.array([np.nan, np.nan])
        line = following
    return np.array([np.nan, np.nan])


def _newton_step(labels: Array, x: Array, weights: Array, line: Array) -> Array:
    """One Newton step of weighted logistic regression from ``line``; shape (2, b)."""
    fitted = 1 / (1 + np.exp(-np.clip(line[0] + line[1] * x, -50, 50)))
    slack, curve = labels - fitted, fitted * (1 - fitted)
    sums = weights @ np.stack([slack, slack * x, curve, curve * x, curve * x * x], axis=1)
    g0, g1, h00, h01, h11 = sums.T
    determinant = h00 * h11 - h01 * h01
    return np.stack(
        [line[0] + _ratio(h11 * g0 - h01 * g1, determinant), line[1] + _ratio(h00 * g1 - h01 * g0, determinant)]
    )


def cumulated(labels: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Weight of positives and of negatives at or above each distinct score, descending, for ``weights`` (n,)."""
    positive, negative = _tied_sums(labels, scores, weights[None, :])
    return np.cumsum(positive[0]), np.cumsum(negative[0])


def _tied_sums(labels: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Weight of positives and of negatives at each distinct score, descending; each (b, k)."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    sorted_weights = weights[:, order]
    positive = np.add.reduceat(sorted_weights * labels[order], starts, axis=1)
    return positive, np.add.reduceat(sorted_weights, starts, axis=1) - positive


def _logit(scores: Array) -> Array:
    kept = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.log(kept / (1 - kept))


def _ratio(top: Array | float, bottom: Array) -> Array:
    """``top / bottom``, NaN where ``bottom`` is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > _TINY, top / bottom, np.nan)
