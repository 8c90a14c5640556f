"""Counterfactual token fairness: how much a score moves when only a name, a group or a register does.

Source: Garg et al. (2019), Counterfactual Fairness in Text Classification through Robustness. There is no original
sentence here, so that the difference is taken over all pairs of values of a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.bundle import Interval
from training.audit.config import AuditSection
from training.audit.groups.multiplicity import adjusted, two_sided
from training.audit.records import Counterfactual, ValueFigures
from training.evaluation.bootstrap import widened
from training.evaluation.measure import Scored, flag_threshold, flagged
from training.evaluation.metrics import Array

from .sets import Variant, VariantSet


def judge_variants(found: VariantSet, key: str, scored: Scored, section: AuditSection) -> Counterfactual | None:
    """``key`` on the sentences of a set.

    Args:
        found: the set, m texts.
        scored: their scores (m,); one that is NaN is left out.

    Returns:
        None when no sentence has two values.
    """
    values = list(dict.fromkeys(item.value for item in found.variants))
    threshold = flag_threshold(scored.label, section.level)
    scores = np.asarray(scored.scores, dtype=float)
    mean = _table(found.variants, values, scores)
    hits = _table(found.variants, values, np.where(np.isfinite(scores), flagged(scores, threshold), np.nan))
    kept = np.isfinite(mean).sum(axis=1) > 1
    mean, hits = mean[kept], hits[kept]
    if not len(mean):
        return None
    draws = _draws(len(mean), section)
    told = [_value(n, value, found, mean, hits, draws) for n, value in enumerate(values)]
    return Counterfactual(
        suite=found.key,
        title=found.title,
        harmful=found.harmful,
        key=key,
        label_title=scored.label.title,
        units=len(mean),
        shift=_share(_apart(mean), draws),
        flips=None if threshold is None else widened(_share(_flips(hits), draws), len(hits)),
        values=_corrected([line for line in told if line], section),
    )


def _table(variants: Sequence[Variant], values: Sequence[str], scores: Array) -> Array:
    """Mean score of each unit and value (units, values); NaN where a unit lacks one."""
    column, line = {value: n for n, value in enumerate(values)}, dict[str, int]()
    places = np.array([line.setdefault(item.unit, len(line)) * len(values) + column[item.value] for item in variants])
    kept, size = np.isfinite(scores), len(line) * len(values)
    counts = np.bincount(places[kept], minlength=size)
    sums = np.bincount(places[kept], weights=scores[kept], minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(len(line), len(values)))


def _apart(mean: Array) -> Array:
    """Mean absolute difference over the pairs of values of each unit, (units,)."""
    pairs = np.abs(mean[:, :, None] - mean[:, None, :])
    known = np.isfinite(mean).sum(axis=1)
    return np.asarray(np.nansum(pairs, axis=(1, 2)) / (known * (known - 1)))


def _flips(hits: Array) -> Array:
    """Units where not every text gets the same answer, (units,)."""
    return np.asarray((np.nanmax(hits, axis=1) > 0) & (np.nanmin(hits, axis=1) < 1), dtype=float)


def _draws(units: int, section: AuditSection) -> Array:
    """Times each unit is drawn, (replicates, units)."""
    drawn = np.random.default_rng(section.seed).integers(0, units, (section.replicates, units))
    return np.stack([np.bincount(line, minlength=units) for line in drawn]).astype(float)


def _share(values: Array, draws: Array) -> Interval:
    return _with_interval(float(values.mean()), draws @ values / draws.sum(axis=1))


def _with_interval(value: float, sample: Array) -> Interval:
    low, high = (float(v) for v in np.nanquantile(sample, (0.025, 0.975)))
    return Interval(value=value, low=min(low, value), high=max(high, value))


def _value(
    n: int, value: str, found: VariantSet, mean: Array, hits: Array, draws: Array
) -> tuple[ValueFigures, float | None] | None:
    """Figures of one value, and the p-value of its difference to the other values of the same sentences."""
    rows = np.flatnonzero(np.isfinite(mean[:, n]))
    if not len(rows):
        return None
    others = np.delete(mean[rows], n, axis=1)
    apart = mean[rows, n] - np.nanmean(others, axis=1)
    mine = draws[:, rows]
    total = np.where(mine.sum(axis=1) > 0, mine.sum(axis=1), np.nan)
    sample = mine @ apart / total
    record = ValueFigures(
        value=value,
        title=found.titles.get(value, value),
        texts=sum(item.value == value for item in found.variants),
        units=len(rows),
        mean=_with_interval(float(mean[rows, n].mean()), mine @ mean[rows, n] / total),
        flagged=widened(_with_interval(float(hits[rows, n].mean()), mine @ hits[rows, n] / total), len(rows)),
        difference=_with_interval(float(apart.mean()), sample),
        adjusted=None,
    )
    return record, two_sided(float(apart.mean()), sample)


def _corrected(told: Sequence[tuple[ValueFigures, float | None]], section: AuditSection) -> tuple[ValueFigures, ...]:
    tested = [n for n, (_, p) in enumerate(told) if p is not None]
    corrected = adjusted([p for _, p in told if p is not None], section.multiplicity)
    by_line = dict(zip(tested, corrected, strict=True))
    return tuple(record.model_copy(update={"adjusted": by_line.get(n)}) for n, (record, _) in enumerate(told))
