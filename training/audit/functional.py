"""Functional suites by functionality and by group: the heat map that a table of means hides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from training.evaluation.bootstrap import wilson
from training.evaluation.measure import Scored, flag_threshold, flagged
from training.evaluation.suites import Case, tally

from .records import Cell, Functional


def judge_cases(
    cases: Sequence[Case],
    scored: Scored,
    *,
    suite: str,
    bundle: str,
    level: str,
    titles: Mapping[str, str],
    groups: Mapping[str, str],
    file: Path | None = None,
) -> Functional:
    """``cases`` tallied, and each functionality crossed with each group that its cases name.

    Args:
        scored: scores (n,) of the cases, NaN where none could be given.
        titles, groups: French titles of functionalities and of groups.
    """
    threshold = flag_threshold(scored.label, level)
    result = tally(
        cases, scored.scores, suite=suite, bundle=bundle, label=scored.label.key, level=level, threshold=threshold,
        titles=titles, file=file,
    )  # fmt: skip
    named = {case.target: groups.get(case.target, case.target) for case in cases if case.target}
    return Functional(result=result, groups=named, cells=_cells(cases, scored, threshold))


def _cells(cases: Sequence[Case], scored: Scored, threshold: float | None) -> tuple[Cell, ...]:
    """Share passed of each functionality and group, as many trials as templates."""
    passed = flagged(scored.scores, threshold) == np.array([case.harmful for case in cases], dtype=bool)
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, case in enumerate(cases):
        if case.target and np.isfinite(scored.scores[row]):
            members[case.functionality, case.target].append(row)
    found = []
    for (functionality, group), rows in sorted(members.items()):
        weights = np.array([cases[row].weight for row in rows])
        units = len({cases[row].group or str(row) for row in rows})
        share = min(1.0, float(weights @ passed[rows] / weights.sum()))
        found.append(Cell(functionality=functionality, group=group, units=units, passed=wilson(units * share, units)))
    return tuple(found)
