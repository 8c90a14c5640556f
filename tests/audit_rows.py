"""What tests of audits share: one label, one way of measuring, rows to judge and rows that were learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.bundle import OUTPUT_KEYS, Label, OperatingPoint
from serving.bundle.manifest import Calibration
from training.audit.config import AuditSection
from training.audit.errors.neighbours import Learnt
from training.audit.rows import AuditRows
from training.evaluation.split import Split

SECTION = AuditSection(
    labels=("haine",),
    replicates=80,
    seed=0,
    least_units=10,
    multiplicity="holm",
    significance=0.05,
    level="probable",
    disguised_rows=0,
    mistakes=4,
    neighbours=2,
    taught_rows=10_000,
)


def label(threshold: float | None = 0.5) -> Label:
    """``haine``, flagged from ``threshold``."""
    points = (OperatingPoint(level="probable", formula="maximum recall @ precision >= 0.6", threshold=threshold),)
    calibration = Calibration(slope=1.0, intercept=0.0, population_rate=0.2)
    return Label(
        key="haine", title="Haine", family="haine", severity=1.0, calibration=calibration, operating_points=points
    )


def rows_of(
    texts: Sequence[str], labels: Sequence[float] | np.ndarray, groups: dict[str, list[tuple[str, ...]]] | None = None
) -> AuditRows:
    """Rows that weigh one, are each their own unit and name no group, called by their number."""
    names = [str(number) for number in range(len(texts))]
    return AuditRows(
        name="t",
        sha256="",
        texts=list(texts),
        ids=names,
        units=names,
        weights=np.ones(len(texts)),
        labels={"haine": np.asarray(labels, dtype=float)},
        groups=groups or {"mention": [()] * len(texts)},
    )


def learnt(texts: list[str], answers: Sequence[float | None], sources: list[str] | None = None) -> Learnt:
    """Training rows whose ``haine`` is known, or unknown where None."""
    target, mask = (np.zeros((len(texts), len(OUTPUT_KEYS))) for _ in range(2))
    column = OUTPUT_KEYS.index("haine")
    for row, answer in enumerate(answers):
        target[row, column], mask[row, column] = answer or 0.0, answer is not None
    blank = [""] * len(texts)
    origin = sources or ["a"] * len(texts)
    split = Split(texts, origin, blank, blank, blank, blank, blank, target, mask, np.ones(len(texts)))
    return Learnt(split, [f"train-{row}" for row in range(len(texts))])
