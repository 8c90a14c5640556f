"""Error rates as DSA art. 15(1)(e) wants them told: by label, by variety of language, by source. Knows only records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from serving.bundle import Interval, Label, Manifest, parse
from serving.bundle.verdict import effective_thresholds
from training.audit.records import Audit, GroupFigures, Table
from training.evaluation.tables import LEVEL_TITLES

#: Columns of an audit's own rows that say how a text is written, and where it comes from.
VARIETY, SOURCE = "register", "source"


class Promise(StrEnum):
    """What became, on the test rows, of the formula that set a level on validation."""

    #: The figure satisfies it.
    KEPT = "tenue"
    #: It does not, and its interval would allow it.
    OPEN = "indécise"
    #: The whole interval is beyond.
    BROKEN = "non tenue"


@dataclass(frozen=True)
class ErrorRates:
    """One label at one level, on the test rows weighted to the label's population rate.

    Attributes:
        formula: what the level promises.
        wrong: share of the flagged that should not be (1 - precision).
        missed: share of the harmful that is not flagged (1 - recall).
        false_alarms: share of the harmless that is flagged.
        review: share of all that is flagged.
    """

    label: Label
    level: str
    formula: str
    promise: Promise
    wrong: Interval
    missed: Interval
    false_alarms: Interval
    review: Interval


def error_rates(manifest: Manifest) -> list[ErrorRates]:
    """Every level that is on of every label that the test rows measure, surest first."""
    return [
        ErrorRates(
            label=label,
            level=LEVEL_TITLES[level],
            formula=formulas[level],
            promise=promise(label, level, formulas[level]),
            wrong=complement(label.metrics[f"{level}.precision"]),
            missed=complement(label.metrics[f"{level}.recall"]),
            false_alarms=label.metrics[f"{level}.fpr"],
            review=label.metrics[f"{level}.review_rate"],
        )
        for label in manifest.labels
        for formulas in [{point.level: point.formula for point in label.operating_points}]
        for level in effective_thresholds(label)
        if f"{level}.precision" in label.metrics
    ]


def promise(label: Label, level: str, formula: str) -> Promise:
    """Whether the conditions of the level's formula hold on the test rows."""
    found = [(label.metrics[f"{level}.{c.metric}"], c) for c in parse(formula).conditions]
    if all(c.holds(np.array(figure.value)) for figure, c in found):
        return Promise.KEPT
    best = [(figure.high if c.at_least else figure.low, c) for figure, c in found]
    return Promise.OPEN if all(c.holds(np.array(value)) for value, c in best) else Promise.BROKEN


def complement(share: Interval) -> Interval:
    """One minus a share, its interval turned round."""
    return Interval(value=1 - share.value, low=1 - share.high, high=1 - share.low)


def unmeasured(manifest: Manifest) -> list[Label]:
    """Labels that the bundle answers and that the test rows cannot measure."""
    return [label for label in manifest.labels if not label.metrics]


def tables_by(audit: Audit, column: str) -> list[Table]:
    """The audit's tables by the groups of one column; none when its rows do not have it."""
    return [table for table in audit.tables if table.column == column and not table.crossed]


def missed(group: GroupFigures, level: str) -> Interval | None:
    """Share of the group's harmful rows that is not flagged."""
    found = group.figures.get(f"{level}.tpr")
    return complement(found) if found else None


def false_alarms(group: GroupFigures, level: str) -> Interval | None:
    """Share of the group's harmless rows that is flagged."""
    return group.figures.get(f"{level}.fpr")
