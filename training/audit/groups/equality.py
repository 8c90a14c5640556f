"""How far apart the groups of a column stand at each operating point: the only user of Fairlearn.

``MetricFrame`` gives the figures; the intervals come from the resamples that every figure of the audit shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from serving.bundle import Interval
from training.audit.config import AuditSection
from training.audit.records import Gap
from training.evaluation.bootstrap import recentred
from training.evaluation.metrics import Array

if TYPE_CHECKING:
    from .subgroups import Measured, Part

METRICS = {"tpr": true_positive_rate, "fpr": false_positive_rate, "selection": selection_rate}
EQUALIZED_ODDS = "equalized_odds"


def gaps(part: Part, groups: Sequence[str], found: Measured, section: AuditSection) -> tuple[Gap, ...]:
    """Largest minus smallest rate over ``groups`` (those that are not small), per level; none below two groups.

    Equalized odds is the larger of the differences of true and of false positive rates, and the smaller of their ratios
    (Agarwal et al., 2018); the highest and lowest groups are those of the difference.
    """
    if len(groups) < 2:
        return ()
    lines = [part.cells.groups.index(name) for name in groups]
    return tuple(gap for level, start in part.scored.thresholds().items() if start is not None
                 for gap in _of_level(part, groups, lines, level, start, found))  # fmt: skip


def _of_level(
    part: Part, groups: Sequence[str], lines: Sequence[int], level: str, threshold: float, found: Measured
) -> list[Gap]:
    frame = metric_frame(part, groups, threshold)
    apart, ratio = frame.difference(method="between_groups"), frame.ratio(method="between_groups")
    spreads = {name: _spread(found.draws[f"{level}.{name}"][:, lines]) for name in METRICS}
    made = [_gap(level, name, float(apart[name]), float(ratio[name]), spreads[name], frame) for name in METRICS]
    widest = max(made[:2], key=lambda gap: gap.difference.value)
    odds = np.maximum(spreads["tpr"], spreads["fpr"])
    interval = _interval(widest.difference.value, odds)
    smallest = min((gap.ratio for gap in made[:2] if gap.ratio is not None), default=None)
    return [*made, widest.model_copy(update={"metric": EQUALIZED_ODDS, "difference": interval, "ratio": smallest})]


def metric_frame(part: Part, groups: Sequence[str], threshold: float) -> Any:
    """Fairlearn's frame over ``groups``; a row that belongs to several stands once in each."""
    rows = np.concatenate([np.flatnonzero(part.members[name]) for name in groups])
    names = np.concatenate([np.full(int(part.members[name].sum()), name, dtype=object) for name in groups])
    return MetricFrame(
        metrics=METRICS,
        y_true=(part.labels[rows] > 0.5).astype(int),
        y_pred=(part.scores[rows] >= threshold).astype(int),
        sensitive_features=names,
        sample_params={name: {"sample_weight": part.weights[rows]} for name in METRICS},
    )


def _gap(level: str, name: str, difference: float, ratio: float, spread: Array, frame: Any) -> Gap:
    by_group = frame.by_group[name]
    return Gap(
        level=level,
        metric=name,
        difference=_interval(difference, spread),
        ratio=ratio if np.isfinite(ratio) else None,
        highest=str(by_group.idxmax()),
        lowest=str(by_group.idxmin()),
        groups=len(by_group),
    )


def _spread(draws: Array) -> Array:
    return np.asarray(np.nanmax(draws, axis=1) - np.nanmin(draws, axis=1))


def _interval(value: float, draws: Array) -> Interval:
    """Chance alone spreads groups apart, the more so in a resample: centred on the value."""
    low, high = (float(v) for v in np.nanquantile(draws, (0.025, 0.975)))
    found = recentred(Interval(value=value, low=min(low, high), high=high))
    return found.model_copy(update={"high": min(1.0, max(value, found.high)), "low": min(value, found.low)})
