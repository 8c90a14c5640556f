"""Where errors gather: slices found by a shallow tree on one half of the units, confirmed on the other half.

A slice found and judged on the same rows is flattered by its choice. Here the half that judges has not been seen by the
tree, and the p-values of all slices of an audit, of more errors than elsewhere, are corrected together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from training.audit.config import AuditSection
from training.audit.groups.multiplicity import adjusted, around, newcombe, of_interval
from training.audit.records import Slice
from training.audit.rows import AuditRows, Members
from training.evaluation.bootstrap import intervals, widened
from training.evaluation.measure import Scored, flag_threshold
from training.evaluation.metrics import Array

from .traits import Trait, traits

#: Conditions of a slice, at most: more cannot be kept in mind.
_DEPTH = 3
#: Share of the rows that a slice holds, at least.
_SHARE = 0.02
#: Errors on the searched half below which nothing is searched.
_ERRORS = 10


@dataclass(frozen=True)
class Errors:
    """One kind of error of one label: over the m rows that could be wrong so."""

    key: str
    title: str
    missed: bool
    rows: Sequence[int]
    wrong: Members


def find_slices(
    rows: AuditRows, labels: Sequence[str], scored: Mapping[str, Scored], section: AuditSection
) -> tuple[Slice, ...]:
    """The slices that err more than the rest on the half that the tree saw, the gravest on the other half first."""
    seen = traits(rows, section.least_units)
    kinds = [kind for key in labels for kind in _kinds(rows, key, scored[key], section.level)]
    found = [item for kind in kinds for item in _of_kind(rows, kind, seen, section)]
    corrected = adjusted([of_interval(item.difference, greater=True) for item in found], section.multiplicity)
    told = [item.model_copy(update={"adjusted": p}) for item, p in zip(found, corrected, strict=True)]
    return tuple(sorted(told, key=lambda item: -item.difference.value))


def _kinds(rows: AuditRows, key: str, scored: Scored, level: str) -> list[Errors]:
    """Harmful rows not flagged, and harmless rows flagged; nothing when the level is off."""
    threshold = flag_threshold(scored.label, level)
    if threshold is None:
        return []
    truth, flagged = rows.labels[key], scored.scores >= threshold
    known = np.isfinite(truth) & np.isfinite(scored.scores)
    sides = ((True, known & (truth > 0.5)), (False, known & (truth <= 0.5)))
    return [
        Errors(key, scored.label.title, missed, chosen, flagged[chosen] != missed)
        for missed, side in sides
        for chosen in [np.flatnonzero(side).tolist()]
    ]


def _of_kind(rows: AuditRows, kind: Errors, seen: Sequence[Trait], section: AuditSection) -> list[Slice]:
    units = [rows.units[row] for row in kind.rows]
    if len(set(units)) < 4 * section.least_units:
        return []
    values = np.stack([trait.values[kind.rows] for trait in seen], axis=1)
    weights = rows.weights[kind.rows]
    halves = GroupShuffleSplit(1, test_size=0.5, random_state=section.seed)
    searched, judged = next(halves.split(values, groups=units))
    if kind.wrong[searched].sum() < _ERRORS or kind.wrong[searched].all():
        return []
    least = max(section.least_units, int(_SHARE * len(searched)))
    tree = DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=least, random_state=section.seed)
    tree.fit(values[searched], kind.wrong[searched], sample_weight=weights[searched])
    usual = np.average(kind.wrong[searched], weights=weights[searched])
    places = tree.apply(values[judged])
    return [
        item
        for leaf in _leaves(tree, usual)
        if (item := _judged(rows, kind, judged, places == leaf, _said(tree, leaf, seen), section))
    ]


def _leaves(tree: DecisionTreeClassifier, usual: float) -> list[int]:
    """Leaves whose rows err more often than ``usual`` on the half that the tree saw."""
    shares = tree.tree_.value[:, 0, list(tree.classes_).index(True)]
    return [leaf for leaf in np.flatnonzero(tree.tree_.children_left < 0).tolist() if shares[leaf] > usual]


def _said(tree: DecisionTreeClassifier, leaf: int, seen: Sequence[Trait]) -> tuple[str, ...]:
    """The conditions on the way to ``leaf`` in words, one per trait."""
    bounds: dict[int, tuple[float, float]] = {}
    inner = tree.tree_
    node = leaf
    while node:
        below = np.flatnonzero((inner.children_left == node) | (inner.children_right == node))
        parent = int(below[0])
        trait, cut = int(inner.feature[parent]), float(inner.threshold[parent])
        low, high = bounds.get(trait, (-np.inf, np.inf))
        bounds[trait] = (low, min(high, cut)) if inner.children_left[parent] == node else (max(low, cut), high)
        node = parent
    return tuple(seen[trait].said(*ends) for trait, ends in sorted(bounds.items()))


def _judged(
    rows: AuditRows, kind: Errors, judged: Array, inside: Members, said: tuple[str, ...], section: AuditSection
) -> Slice | None:
    """The slice on the half that the tree did not see; None where it, or the rest, is too small there."""
    wrong = kind.wrong[judged].astype(float)
    chosen = [kind.rows[place] for place in judged]
    units = [rows.units[row] for row in chosen]
    held = len({unit for unit, is_in in zip(units, inside, strict=True) if is_in})
    rest = len(set(units)) - held
    if min(held, rest) < section.least_units:
        return None

    def statistics(weights: Array) -> dict[str, Array]:
        within, without = weights[:, inside], weights[:, ~inside]
        shares = within @ wrong[inside] / within.sum(axis=1), without @ wrong[~inside] / without.sum(axis=1)
        return {"inside": shares[0], "rest": shares[1], "difference": shares[0] - shares[1]}

    found = intervals(
        statistics, rows.weights[chosen], units, replicates=section.replicates, seed=section.seed
    )  # fmt: skip
    least = newcombe(found["inside"].value, held, found["rest"].value, rest)
    return Slice(
        key=kind.key,
        title=kind.title,
        missed=kind.missed,
        conditions=said,
        rows=int(inside.sum()),
        units=held,
        errors=int(wrong[inside].sum()),
        rate=widened(found["inside"], held),
        rest=widened(found["rest"], rest),
        difference=around(found["difference"], least),
        adjusted=1.0,
    )
