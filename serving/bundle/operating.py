"""Operating points as formulas, in the manner of ORES (Halfaker and Geiger, 2020).

``maximum recall @ precision >= 0.9`` asks: of all thresholds whose precision is at least 0.9, which gives the highest
recall? An answer carries 95 % intervals; a formula that no threshold satisfies has no threshold.

Metrics at threshold t, over rows weighted to the population rate (flagged = score >= t):
    precision   = weight of flagged positives / weight of flagged
    recall      = weight of flagged positives / weight of positives
    review_rate = weight of flagged / weight of all
    fpr         = weight of flagged negatives / weight of negatives
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .curves import Array, Curve
from .errors import InputError, nearest
from .manifest import Interval, OperatingPoint

METRICS = ("precision", "recall", "review_rate", "fpr")

#: Levels from the surest to the rest.
LEVELS = ("tres_probable", "probable", "possible", "peu_probable")

#: The formulas every label ships.
STANDARD_POINTS = {
    "tres_probable": "maximum recall @ precision >= 0.9",
    "probable": "maximum recall @ precision >= 0.6",
    "possible": "minimum review_rate @ recall >= 0.95",
}

#: Fewest positives on which a threshold means anything.
MIN_POSITIVES = 5

_FORMULA = re.compile(r"^\s*(?P<goal>\w+)\s+(?P<metric>\w+)\s*@\s*(?P<conditions>.+?)\s*$")
_CONDITION = re.compile(r"^\s*(?P<metric>\w+)\s*(?P<sign>>=|<=)\s*(?P<value>\d*\.?\d+)\s*$")


@dataclass(frozen=True)
class Condition:
    """``metric >= value`` or ``metric <= value``."""

    metric: str
    at_least: bool
    value: float

    def holds(self, values: Array) -> npt.NDArray[np.bool_]:
        """Where ``values`` (of this metric, one per threshold) satisfy the condition, to 1e-9."""
        return values >= self.value - 1e-9 if self.at_least else values <= self.value + 1e-9


@dataclass(frozen=True)
class Formula:
    """``maximum|minimum METRIC @ METRIC >=|<= x [and ...]``."""

    text: str
    maximise: bool
    metric: str
    conditions: tuple[Condition, ...]


def parse(text: str) -> Formula:
    """Read a formula.

    Raises:
        InputError: code ``invalid_formula``; names the word that is wrong and what was expected.
    """
    found = _FORMULA.match(text)
    if not found:
        raise _invalid(f"formula {text!r} must read 'maximum|minimum METRIC @ METRIC >=|<= NUMBER [and ...]'")
    if found["goal"] not in ("maximum", "minimum"):
        raise _invalid(f"formula {text!r} must start with 'maximum' or 'minimum', not {found['goal']!r}")
    conditions = tuple(_condition(part, text) for part in re.split(r"\s+and\s+", found["conditions"]))
    return Formula(text.strip(), found["goal"] == "maximum", _metric(found["metric"]), conditions)


def _condition(part: str, text: str) -> Condition:
    found = _CONDITION.match(part)
    if not found:
        raise _invalid(f"condition {part!r} of {text!r} must read 'METRIC >= NUMBER' or 'METRIC <= NUMBER'")
    value = float(found["value"])
    if value > 1:
        raise _invalid(f"condition {part!r} of {text!r}: expected a share between 0 and 1")
    return Condition(_metric(found["metric"]), found["sign"] == ">=", value)


def _metric(name: str) -> str:
    if name not in METRICS:
        raise _invalid(f"unknown metric {name!r}{nearest(name, METRICS)}; expected one of {', '.join(METRICS)}")
    return name


def _invalid(detail: str) -> InputError:
    return InputError(detail, code="invalid_formula", pointer="/formula")


@dataclass(frozen=True)
class Sweep:
    """Metrics at every distinct score of a curve, thresholds descending; each array has shape (k,)."""

    thresholds: Array
    metrics: dict[str, Array]


def sweep(curve: Curve) -> Sweep:
    """Compute the four metrics at every distinct score; O(n log n)."""
    order = np.argsort(-curve.scores, kind="stable")
    scores = np.asarray(curve.scores, dtype=np.float64)[order]
    weights = np.asarray(curve.weights, dtype=np.float64)[order]
    positive = np.cumsum(weights * curve.labels[order])
    flagged = np.cumsum(weights)
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    positives, total = positive[-1], flagged[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        metrics = {
            "precision": positive[last] / flagged[last],
            "recall": positive[last] / positives,
            "review_rate": flagged[last] / total,
            "fpr": (flagged[last] - positive[last]) / (total - positives),
        }
    return Sweep(scores[last], {name: np.nan_to_num(values) for name, values in metrics.items()})


def choose(formula: Formula, swept: Sweep) -> int | None:
    """Index into ``swept.thresholds`` of the formula's answer, None when unattainable.

    Ties go to the highest threshold for ``minimum`` and to the lowest review rate for ``maximum``: fewer cases to read.
    """
    allowed = np.ones(len(swept.thresholds), dtype=bool)
    for condition in formula.conditions:
        allowed &= condition.holds(swept.metrics[condition.metric])
    if not allowed.any():
        return None
    values = swept.metrics[formula.metric]
    masked = np.where(allowed, values if formula.maximise else -values, -np.inf)
    return int(np.argmax(masked))


def solve(
    level: str, formula: str, curve: Curve, *, replicates: int = 400, seed: int = 0, groups: Array | None = None
) -> OperatingPoint:
    """The operating point of ``formula`` on ``curve``, with 95 % percentile bootstrap intervals (Efron, 1979).

    The intervals hold the threshold fixed and resample rows (whole ``groups`` where given, shape (n,)), the question a
    deployment asks: "with this threshold, what will I see?". Fewer than ``MIN_POSITIVES`` positives or negatives make
    any formula unattainable.
    """
    parsed = parse(formula)
    positives = int((curve.labels > 0.5).sum())
    if min(positives, len(curve.labels) - positives) < MIN_POSITIVES:
        return OperatingPoint(level=level, formula=parsed.text, threshold=None)
    swept = sweep(curve)
    index = choose(parsed, swept)
    if index is None:
        return OperatingPoint(level=level, formula=parsed.text, threshold=None)
    threshold = float(swept.thresholds[index])
    draws = _bootstrap(curve, threshold, replicates, seed, groups)
    metrics = {
        name: Interval(
            value=float(swept.metrics[name][index]),
            low=float(np.quantile(draws[name], 0.025)),
            high=float(np.quantile(draws[name], 0.975)),
        )
        for name in METRICS
    }
    return OperatingPoint(level=level, formula=parsed.text, threshold=threshold, metrics=metrics)


def _bootstrap(
    curve: Curve, threshold: float, replicates: int, seed: int, groups: Array | None
) -> dict[str, npt.NDArray[np.float64]]:
    """Metrics of ``replicates`` resamples; each array has shape (replicates,)."""
    weights = np.asarray(curve.weights, dtype=np.float64)
    flagged = curve.scores >= threshold
    positive = curve.labels > 0.5
    # Four sums per resampling unit are enough for all four metrics.
    parts = np.stack([weights * (flagged & positive), weights * flagged, weights * positive, weights], axis=1)
    if groups is not None:
        _, member = np.unique(groups, return_inverse=True)
        units = np.zeros((int(member.max()) + 1, 4))
        np.add.at(units, member, parts)
        parts = units
    generator = np.random.default_rng(seed)
    n = len(parts)
    counts = np.stack([np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(replicates)])
    hit, flag, pos, total = (counts @ parts).T
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "precision": hit / flag,
            "recall": hit / pos,
            "review_rate": flag / total,
            "fpr": (flag - hit) / (total - pos),
        }
    return {name: np.nan_to_num(draw) for name, draw in values.items()}
