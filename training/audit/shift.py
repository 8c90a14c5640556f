"""What a change of source does: models taught with and without a source, judged on its test rows.

The encoder cannot be taught again within an audit; TF-IDF stands in, and the bundle's own figure stands beside. A
change of time is a column of periods, a group like any other (``training.audit.periods``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from serving.bundle import Interval
from training.evaluation import metrics
from training.evaluation.baseline import Baseline, train_baseline
from training.evaluation.bootstrap import intervals
from training.evaluation.measure import Rows, Scored
from training.evaluation.metrics import Array
from training.evaluation.split import Split

from .config import AuditSection
from .errors.neighbours import Learnt
from .records import SourceShift
from .rows import SOURCE, AuditRows, Members


def source_shifts(
    rows: AuditRows, labels: Sequence[str], scored: Mapping[str, Scored], learnt: Learnt, section: AuditSection
) -> tuple[SourceShift, ...]:
    """Every label on every source that judges it, by models taught with and without that source."""
    sample = _sample(learnt.split, section)
    members = rows.members(SOURCE)
    judged = {source: _judged(rows, labels, scored, members[source]) for source in members if source in sample.sources}
    everything = train_baseline(sample, keys=labels, seed=section.seed)
    found: list[SourceShift] = []
    for source, keys in judged.items():
        if keys:
            models = everything, _without(sample, source, keys, section)
            found += _of_source(rows, source, keys, scored, models, section)
    return tuple(found)


def _judged(rows: AuditRows, labels: Sequence[str], scored: Mapping[str, Scored], inside: Members) -> list[str]:
    """Labels that the rows ``inside`` can measure."""
    return [
        key
        for key in labels
        if _rows(rows, key, np.flatnonzero(_known(rows, key, inside, scored[key])).tolist()).measurable
    ]


def _sample(learnt: Split, section: AuditSection) -> Split:
    if len(learnt) <= section.taught_rows:
        return learnt
    drawn = np.random.default_rng(section.seed).choice(len(learnt), section.taught_rows, replace=False)
    return learnt.taken(sorted(drawn.tolist()))


def _without(sample: Split, source: str, keys: Sequence[str], section: AuditSection) -> Baseline:
    rest = sample.taken([row for row, name in enumerate(sample.sources) if name != source])
    return train_baseline(rest, keys=keys, seed=section.seed)


def _known(rows: AuditRows, key: str, inside: Members, scored: Scored) -> Members:
    return np.asarray(inside & np.isfinite(rows.labels[key]) & np.isfinite(scored.scores))


def _rows(rows: AuditRows, key: str, chosen: Sequence[int]) -> Rows:
    return Rows(rows.labels[key][chosen], rows.weights[chosen], [rows.units[row] for row in chosen])


def _of_source(
    rows: AuditRows,
    source: str,
    keys: Sequence[str],
    scored: Mapping[str, Scored],
    models: tuple[Baseline, Baseline],
    section: AuditSection,
) -> Iterator[SourceShift]:
    inside = rows.members(SOURCE)[source]
    texts = [rows.texts[row] for row in np.flatnonzero(inside)]
    logits = [dict(zip(model.keys, model.logits(texts).T, strict=True)) for model in models]
    for key in keys:
        if key not in logits[0] or key not in logits[1]:
            continue  # no other source teaches it
        known = _known(rows, key, inside, scored[key])
        chosen = np.flatnonzero(known).tolist()
        views = [scored[key].scores[chosen], *(line[key][known[inside]] for line in logits)]
        judged = _rows(rows, key, chosen)
        yield SourceShift(
            key=key,
            title=scored[key].label.title,
            source=rows.title(SOURCE, source),
            rows=len(chosen),
            positives=judged.positives,
            **_areas(judged, views, section),
        )


def _areas(judged: Rows, views: Sequence[Array], section: AuditSection) -> dict[str, Interval]:
    """AUC of the bundle and of the two models on the same resamples, and what the source taught."""

    def statistics(weights: Array) -> dict[str, Array]:
        bundle, taught, untaught = (metrics.roc_auc(judged.labels, view, weights) for view in views)
        return {"bundle": bundle, "taught": taught, "untaught": untaught, "cost": taught - untaught}

    return intervals(statistics, judged.weights, judged.groups, replicates=section.replicates, seed=section.seed)
