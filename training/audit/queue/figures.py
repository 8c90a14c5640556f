"""Waiting, share read and overturned by group, with intervals from texts drawn again. Arrays in, records out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serving.bundle import Interval
from training.audit.config import AuditSection
from training.audit.groups.mentions import Mentions
from training.audit.groups.multiplicity import adjusted, of_interval
from training.audit.groups.varieties import TITLES, Varieties
from training.audit.records import QueueAudit, QueueGroup, QueueTable
from training.audit.rows import MENTION, MENTION_TITLE, Members
from training.evaluation.bootstrap import intervals, widened
from training.evaluation.metrics import Array
from training.evaluation.records import Figures

from .rows import QueueFile, QueueRows

VARIETY, GROUND = "variety", "ground"
_COLUMN_TITLES = {MENTION: MENTION_TITLE, VARIETY: "Registre estimé", GROUND: "Motif"}


def audit_queue(
    file: QueueFile, mentions: Mentions, varieties: Varieties, titles: Mapping[str, str], section: AuditSection
) -> QueueAudit:
    """Every order of the file by group named, by variety and by ground; ``titles`` are French, of groups and labels."""
    tables = [
        _table(rows, column, cells, TITLES if column == VARIETY else titles, section)
        for rows in file.orders
        for column, cells in _columns(rows, mentions, varieties).items()
    ]
    return QueueAudit(
        data=file.name,
        data_sha256=file.sha256,
        kind=file.kind.value,
        rows=sum(len(rows) for rows in file.orders),
        variety_recall=varieties.recall,
        variety_cases=varieties.cases,
        tables=tuple(table for table in tables if table.groups),
    )


def _columns(rows: QueueRows, mentions: Mentions, varieties: Varieties) -> dict[str, list[tuple[str, ...]]]:
    return {
        MENTION: [mentions.named(text) for text in rows.texts],
        VARIETY: varieties.named(rows.texts),
        GROUND: rows.grounds,
    }


def _table(
    rows: QueueRows, column: str, cells: Sequence[tuple[str, ...]], titles: Mapping[str, str], section: AuditSection
) -> QueueTable:
    names = sorted({name for cell in cells for name in cell})
    inside = {name: np.array([name in cell for cell in cells], dtype=bool) for name in names}
    found = _measured(rows, inside, section)
    small = {name: _units(rows, chosen) < section.least_units for name, chosen in inside.items()}
    tests = [
        (name, figure, of_interval(difference))
        for name in names
        if not small[name]
        for figure, difference in found[name]["difference"].items()
    ]
    corrected = adjusted([p for *_, p in tests], section.multiplicity)
    p_values: dict[str, dict[str, float]] = {name: {} for name in names}
    for (name, figure, _), p in zip(tests, corrected, strict=True):
        p_values[name][figure] = p
    return QueueTable(
        order=rows.order,
        column=column,
        column_title=_COLUMN_TITLES[column],
        rows=len(rows),
        tested=len(tests),
        groups=tuple(
            QueueGroup(
                group=name,
                title=titles.get(name, name),
                rows=int(inside[name].sum()),
                units=_units(rows, inside[name]),
                small=small[name],
                figures=found[name]["inside"],
                difference={} if small[name] else found[name]["difference"],
                adjusted=p_values[name],
            )
            for name in names
        ),
    )


def _units(rows: QueueRows, chosen: Members) -> int:
    """Texts that can be drawn anew among the chosen rows."""
    return len({rows.units[row] for row in np.flatnonzero(chosen).tolist()})


def _measured(rows: QueueRows, inside: Mapping[str, Members], section: AuditSection) -> dict[str, dict[str, Figures]]:
    """Group -> ``inside`` and ``difference`` (to the other rows) -> figure."""
    measures = _measures(rows)

    def statistics(weights: Array) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for group, chosen in inside.items():
            for figure, measure in measures.items():
                within, without = measure.of(weights, chosen), measure.of(weights, ~chosen)
                found |= {f"{group}|inside|{figure}": within, f"{group}|difference|{figure}": within - without}
        return found

    everything = intervals(
        statistics, np.ones(len(rows)), rows.units, replicates=section.replicates, seed=section.seed
    )  # fmt: skip
    named: dict[str, dict[str, Figures]] = {group: {"inside": {}, "difference": {}} for group in inside}
    for name, interval in everything.items():
        group, part, figure = name.split("|")
        # Of the rows that this figure counts: of many texts, few may be illegal, and few drawn anew hardly vary.
        units = _units(rows, measures[figure].known & inside[group])
        if part == "difference" and units < section.least_units:
            continue
        share = part == "inside" and not figure.startswith("waited")
        named[group][part][figure] = widened(_around(interval), units) if share else _around(interval)
    return named


def _around(found: Interval) -> Interval:
    return found.model_copy(update={"low": min(found.low, found.value), "high": max(found.high, found.value)})


@dataclass(frozen=True)
class _Measure:
    """A figure of the rows whose answer is known: ``of`` takes weights (b, n) and the rows chosen, and gives (b,)."""

    known: Members
    of: Callable[[Array, Members], Array]


def _measures(rows: QueueRows) -> dict[str, _Measure]:
    """Median minutes waited, of all and of what is illegal; shares read and overturned; without those nobody knows."""
    illegal = rows.illegal > 0.5
    made = {
        "waited": _median_of(rows.waited, np.isfinite(rows.waited)),
        "waited_illegal": _median_of(rows.waited, np.isfinite(rows.waited) & illegal),
        "read": _share_of(rows.read, np.isfinite(rows.read)),
        "read_illegal": _share_of(rows.read, np.isfinite(rows.read) & illegal),
        "overturned": _share_of(rows.overturned, np.isfinite(rows.overturned)),
    }
    return {name: measure for name, measure in made.items() if measure.known.any()}


def _median_of(values: Array, known: Members) -> _Measure:
    """Weighted median over the rows known and chosen; NaN where there is none."""
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]

    def median(weights: Array, chosen: Members) -> Array:
        kept = order[chosen[order]]
        if not len(kept):
            return np.full(len(weights), np.nan)
        heap = np.cumsum(weights[:, kept], axis=1)
        place = np.argmax(heap >= heap[:, -1:] / 2, axis=1)
        return np.where(heap[:, -1] > 0, values[kept][place], np.nan)

    return _Measure(known, median)


def _share_of(values: Array, known: Members) -> _Measure:
    """Weighted mean over the rows known and chosen; NaN where there is none."""

    def share(weights: Array, chosen: Members) -> Array:
        kept = known & chosen
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(weights[:, kept] @ values[kept] / weights[:, kept].sum(axis=1))

    return _Measure(known, share)
