"""Waiting, share read and overturned by group, with intervals from texts drawn again. Arrays in, records out.

Few texts drawn again hardly vary, and then say nothing of chance: a difference of shares is never surer than Newcombe's
interval, one of medians than the median test (Mood, 1950).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from serving.bundle import Interval
from training.audit.config import AuditSection
from training.audit.groups.mentions import Mentions
from training.audit.groups.multiplicity import adjusted, around, newcombe, of_interval
from training.audit.groups.varieties import TITLES, Varieties
from training.audit.records import QueueAudit, QueueGroup, QueueTable
from training.audit.rows import MENTION, MENTION_TITLE, Members
from training.evaluation.bootstrap import intervals, widened
from training.evaluation.metrics import Array
from training.evaluation.records import Figures

from .rows import QueueFile, QueueRows

VARIETY, GROUND = "variety", "ground"
#: Figure of a group, minus that of the other rows, and share of the group beyond the median of the others, minus half.
_PARTS = ("inside", "difference", "shift")
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
        (name, figure, chance) for name in names if not small[name] for figure, chance in found[name].chances.items()
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
                figures=found[name].inside,
                difference={} if small[name] else found[name].difference,
                adjusted=p_values[name],
            )
            for name in names
        ),
    )


def _units(rows: QueueRows, chosen: Members) -> int:
    """Texts that can be drawn anew among the chosen rows."""
    return len({rows.units[row] for row in np.flatnonzero(chosen).tolist()})


@dataclass(frozen=True)
class _Found:
    """The figures of a group, their differences to the other rows, and the chance of each if there were none."""

    inside: Figures = field(default_factory=dict)
    difference: Figures = field(default_factory=dict)
    chances: dict[str, float] = field(default_factory=dict)


def _measured(rows: QueueRows, inside: Mapping[str, Members], section: AuditSection) -> dict[str, _Found]:
    """Every figure of every group of rows."""
    measures = _measures(rows)
    drawn = _drawn(rows, inside, measures, section)
    named = {group: _Found() for group in inside}
    for group, chosen in inside.items():
        for name, measure in measures.items():
            # Of the rows that this figure counts: of many texts, few may be illegal.
            units = _units(rows, measure.known & chosen), _units(rows, measure.known & ~chosen)
            found = {part: drawn[key] for part in _PARTS if (key := f"{part}|{name}|{group}") in drawn}
            if "inside" in found:
                named[group].inside[name] = widened(found["inside"], units[0]) if measure.share else found["inside"]
            if "difference" in found and units[0] >= section.least_units:
                difference, chance = (_of_shares if measure.share else _of_medians)(found, units)
                named[group].difference[name], named[group].chances[name] = difference, chance
    return named


def _drawn(
    rows: QueueRows, inside: Mapping[str, Members], measures: Mapping[str, _Measure], section: AuditSection
) -> Figures:
    """``part|figure|group`` -> figure, on the same resamples; without those that the rows cannot answer."""

    def statistics(weights: Array) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for group, chosen in inside.items():
            for name, measure in measures.items():
                within, without = measure.of(weights, chosen), measure.of(weights, ~chosen)
                shift = np.zeros(len(weights)) if measure.share else measure.above(weights, chosen, without) - 0.5
                parts = within, within - without, shift
                found |= {f"{part}|{name}|{group}": line for part, line in zip(_PARTS, parts, strict=True)}
        return found

    drawn = intervals(statistics, np.ones(len(rows)), rows.units, replicates=section.replicates, seed=section.seed)
    return {name: _around(found) for name, found in drawn.items()}


def _around(found: Interval) -> Interval:
    return found.model_copy(update={"low": min(found.low, found.value), "high": max(found.high, found.value)})


def _of_shares(found: Figures, units: tuple[int, int]) -> tuple[Interval, float]:
    """The difference of two shares and its chance, from resamples or from Newcombe's interval: the wider."""
    share, drawn = found["inside"].value, found["difference"]
    difference = around(drawn, newcombe(share, units[0], share - drawn.value, units[1]))
    return difference, of_interval(difference)


def _of_medians(found: Figures, units: tuple[int, int]) -> tuple[Interval, float]:
    """The difference of two medians, and the chance that so many more than half of the group are beyond the others'.

    Waiting is skewed and a median of few jumps, so that the spread of the difference itself is no measure of chance.
    """
    shift = found["shift"]
    drawn = (shift.high - shift.low) / 2 / norm.ppf(0.975)
    spread = max(drawn, 0.5 * float(np.sqrt(1 / units[0] + 1 / units[1])))
    return found["difference"], float(2 * norm.sf(abs(shift.value) / spread))


@dataclass(frozen=True)
class _Measure:
    """A figure of the rows whose answer is known: the mean of ``values`` (n,) if it is a share, else their median."""

    values: Array
    known: Members
    share: bool

    def of(self, weights: Array, chosen: Members) -> Array:
        """The figure (b,) of the rows chosen under weights (b, n); NaN where there is none."""
        return (_mean if self.share else _median)(self.values, weights, self.known & chosen)

    def above(self, weights: Array, chosen: Members, cuts: Array) -> Array:
        """Share (b,) of the rows chosen whose value is above the cuts (b,), ties counting half."""
        kept = self.known & chosen
        values = self.values[kept]
        beyond = (values > cuts[:, None]) + 0.5 * (values == cuts[:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights[:, kept] * beyond).sum(axis=1) / weights[:, kept].sum(axis=1))


def _measures(rows: QueueRows) -> dict[str, _Measure]:
    """Median minutes waited, of all and of what is illegal; shares read and overturned; without those nobody knows."""
    illegal = rows.illegal > 0.5
    waits, reads = np.isfinite(rows.waited), np.isfinite(rows.read)
    made = {
        "waited": _Measure(rows.waited, waits, share=False),
        "waited_illegal": _Measure(rows.waited, waits & illegal, share=False),
        "read": _Measure(rows.read, reads, share=True),
        "read_illegal": _Measure(rows.read, reads & illegal, share=True),
        "overturned": _Measure(rows.overturned, np.isfinite(rows.overturned), share=True),
    }
    return {name: measure for name, measure in made.items() if measure.known.any()}


def _median(values: Array, weights: Array, kept: Members) -> Array:
    """Weighted median (b,) of the rows kept; NaN where there is none."""
    if not kept.any():
        return np.full(len(weights), np.nan)
    order = np.flatnonzero(kept)[np.argsort(values[kept], kind="stable")]
    heap = np.cumsum(weights[:, order], axis=1)
    place = np.argmax(heap >= heap[:, -1:] / 2, axis=1)
    return np.where(heap[:, -1] > 0, values[order][place], np.nan)


def _mean(values: Array, weights: Array, kept: Members) -> Array:
    """Weighted mean (b,) of the rows kept; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights[:, kept] @ values[kept] / weights[:, kept].sum(axis=1))
