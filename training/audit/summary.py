"""The figures of an audit by name: what the gate bounds, what a tracker logs. Knows only records.

Worst figures are over groups that are not small: a small group's worst is chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from serving.bundle import Interval
from training.evaluation.judges import MODEL
from training.evaluation.records import Figures

from .records import Audit, Counterfactual, Functional, GroupFigures, Table
from .rows import CROSS

#: Worst of each figure over groups: the smallest of an area, the largest distance of a bias.
_WORST: dict[str, Callable[[Interval], float]] = {
    "subgroup_auc": lambda found: found.value,
    "bpsn_auc": lambda found: found.value,
    "bnsp_auc": lambda found: found.value,
    "bias": lambda found: -abs(found.value),
}


def headline(audit: Audit) -> Figures:
    """``<part>.<where>.<label>.<figure>`` -> figure."""
    found: Figures = {}
    for table in audit.tables:
        found |= _of_table(table)
    for item in audit.counterfactuals:
        found |= _of_counterfactual(item)
    for suite in audit.functional:
        found |= _of_suite(suite)
    for harmless in audit.harmless:
        for key, levels in harmless.overall.shares[MODEL].items() if harmless.overall else ():
            found[f"harmless.{harmless.suite}.{key}.flagged"] = levels[audit.level]
        for key, gap in harmless.gap.get(MODEL, {}).items():
            found[f"harmless.{harmless.suite}.{key}.gap"] = gap
    for copy in audit.robustness:
        found[f"robustness.{copy.disguise}.{copy.key}.drop"] = copy.drop[MODEL]
    return found


def _of_table(table: Table) -> Figures:
    place = f"{table.column.replace(CROSS, '_x_')}.{table.key}"
    large = [group for group in table.groups if not group.small]
    found = {f"worst.{place}.{name}": worst for name in _WORST if (worst := _worst(large, name))}
    return found | {f"gap.{place}.{gap.level}.{gap.metric}": gap.difference for gap in table.gaps}


def _worst(groups: Iterable[GroupFigures], name: str) -> Interval | None:
    known = [group.figures[name] for group in groups if name in group.figures]
    return min(known, key=_WORST[name], default=None)


def _of_counterfactual(item: Counterfactual) -> Figures:
    place = f"counterfactual.{item.suite}.{item.key}"
    largest = max(item.values, key=lambda value: abs(value.difference.value), default=None)
    found = {f"{place}.shift": item.shift}
    if item.flips:
        found[f"{place}.flips"] = item.flips
    if largest:
        found[f"{place}.largest"] = largest.difference
    return found


def _of_suite(suite: Functional) -> Figures:
    result = suite.result
    place = f"suite.{result.suite}.{result.label}"
    named = {"harmful": result.harmful, "harmless": result.harmless, "macro_f1": result.macro_f1, "auc": result.auc}
    found = {f"{place}.{name}": value for name, value in named.items() if value}
    worst = min((item.passed for item in result.functionalities), key=lambda passed: passed.value, default=None)
    return found | ({f"{place}.worst_functionality": worst} if worst else {})
