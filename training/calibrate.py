"""Calibration and operating points: served logits and what is known of validation rows in, thresholds out.

Pure arrays: no model, no file. The two are fitted on different halves of validation, whole groups on one side, so that
a threshold is judged on probabilities that never saw its rows. Everything is weighted to the population rate.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from serving.bundle.curves import Curve
from serving.bundle.manifest import Calibration, OperatingPoint
from serving.bundle.operating import STANDARD_POINTS, solve

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

#: A model that ranks a label backwards keeps this slope: its scores stay at the population rate, and levels go off.
LEAST_SLOPE = 1e-3


@dataclass(frozen=True)
class Calibrated:
    """One label: its calibration, its standard operating points, and the curve that they were solved on."""

    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    curve: Curve


def fitting_half(positive: Mask, groups: Sequence[str], *, seed: int) -> Mask:
    """Which validation rows fit the calibration; the others fit the operating points.

    Whole groups go to one half. Groups are dealt out label by label, the rarest label first, so that few positives
    still land on both sides (iterative stratification: Sechidis, Tsoumakas and Vlahavas, 2011).

    Args:
        positive: known positives, shape (rows, labels).
        groups: split group of each row.
        seed: decides the order within a label.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows_of[group].append(row)
    shuffled = sorted(rows_of, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    carried = {group: np.asarray(positive[rows].any(axis=0)) for group, rows in rows_of.items()}
    rarest_first = sorted(range(positive.shape[1]), key=lambda column: int(positive[:, column].sum()))
    chosen: dict[str, bool] = {}
    for column in [*rarest_first, None]:
        sides = [chosen[group] for group in chosen if column is None or carried[group][column]]
        balance = 2 * sum(sides) - len(sides)
        for group in shuffled:
            if group not in chosen and (column is None or carried[group][column]):
                chosen[group] = balance <= 0
                balance += 1 if chosen[group] else -1
    return np.array([chosen[group] for group in groups], dtype=bool)


def population_weights(positive: Mask, weights: Floats, rate: float) -> Floats:
    """`weights` (n,) rescaled so that positives weigh `rate` of the total, which is n. Both classes must be present."""
    positives, negatives = weights[positive].sum(), weights[~positive].sum()
    return np.asarray(weights * np.where(positive, rate / positives, (1 - rate) / negatives) * len(weights))


def fit_platt(logits: Floats, positive: Mask, weights: Floats, rate: float) -> Calibration:
    """Platt scaling at the population rate, with Platt's smoothed targets against separable rows (Platt, 1999).

    Args:
        logits: (n,) served logits.
        positive: (n,) both classes present.
        weights: (n,) positive.
        rate: population rate of the label.
    """
    targets = np.where(positive, 1 - 1 / (_worth(weights[positive]) + 2), 1 / (_worth(weights[~positive]) + 2))
    weights = population_weights(positive, weights, rate)
    x = np.concatenate([logits, logits])[:, None]
    y = np.repeat([1, 0], len(logits))
    sample_weight = np.concatenate([weights * targets, weights * (1 - targets)])
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(x, y, sample_weight=sample_weight)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        intercept = float(np.log(rate / (1 - rate)) - slope * np.average(logits, weights=weights))
    return Calibration(slope=slope, intercept=intercept, population_rate=rate)


def _worth(weights: Floats) -> float:
    """Number of equal rows that these weights are worth (Kish, 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def calibratable(positive: Mask, weights: Floats, fitting: Mask) -> bool:
    """Whether both halves hold a known positive and a known negative; all arrays (n,)."""
    known = weights > 0
    return all((known & half & side).any() for half in (fitting, ~fitting) for side in (positive, ~positive))


def calibrate(
    logits: Floats,
    positive: Mask,
    weights: Floats,
    groups: Sequence[str],
    fitting: Mask,
    *,
    rate: float,
    bootstrap: int,
    seed: int,
) -> Calibrated:
    """Fit one label on the rows of `fitting` and solve its standard points on the others.

    Args:
        logits, positive, weights, groups, fitting: (n,) validation rows; weight 0 is unknown and left out.
        rate: population rate.
        bootstrap: resamples behind each interval.
        seed: of the resamples.

    Raises:
        ValueError: the label is not `calibratable`.
    """
    if not calibratable(positive, weights, fitting):
        raise ValueError("both halves need a known positive and a known negative")
    known = weights > 0
    fit, rest = known & fitting, known & ~fitting
    calibration = fit_platt(logits[fit], positive[fit], weights[fit], rate)
    z = calibration.slope * logits[rest].astype(np.float64) + calibration.intercept
    curve = Curve(
        scores=1 / (1 + np.exp(-z)),
        labels=positive[rest].astype(np.float64),
        weights=population_weights(positive[rest], weights[rest], rate),
    )
    members = np.asarray(groups)[rest]
    points = tuple(
        solve(level, formula, curve, replicates=bootstrap, seed=seed, groups=members)
        for level, formula in STANDARD_POINTS.items()
    )
    return Calibrated(calibration, points, curve)
