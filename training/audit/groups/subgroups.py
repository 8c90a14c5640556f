"""Each group against all other rows: AUCs (Borkan et al., 2019), rates at operating points, calibration.

Figures come with intervals from whole units drawn again. Where a group has few units the draws agree by chance, so the
interval is widened to the one that as many independent answers allow; such a group is shown, never tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from serving.bundle import Interval
from training.audit.config import AuditSection
from training.audit.records import GroupFigures, Table
from training.audit.rows import CROSS, AuditRows, Members
from training.evaluation.bootstrap import widened, wilson
from training.evaluation.measure import Scored
from training.evaluation.metrics import Array
from training.evaluation.records import Figures

from .equality import gaps
from .histograms import Histograms, histograms
from .multiplicity import adjusted, still, two_sided

AREAS = ("subgroup_auc", "bpsn_auc", "bnsp_auc")
_COARSE = 10
#: Spreads on either side of a 95 % interval.
_SURE = 1.959964


def audit_column(
    rows: AuditRows, column: str, members: Mapping[str, Members], key: str, scored: Scored, section: AuditSection
) -> Table:
    """``key`` on the rows that annotate it and could be scored, by the groups of one column or one crossing."""
    known = np.isfinite(rows.labels[key]) & np.isfinite(scored.scores)
    inside = {name: chosen[known] for name, chosen in members.items() if (chosen & known).any()}
    part = Part.of(rows, known, key, scored, inside)
    found = measure(part, section) if inside else Measured({}, {})
    groups = tuple(_group(rows, column, name, line, part, found, section) for line, name in enumerate(inside))
    corrected, tested = _corrected(groups, found, section)
    return Table(
        key=key,
        title=scored.label.title,
        column=column,
        column_title=CROSS.join(rows.title(name) for name in column.split(CROSS)),
        crossed=CROSS in column,
        rows=int(known.sum()),
        groups=corrected,
        gaps=gaps(part, [g.group for g in groups if not g.small], found, section),
        tested=tested,
        found=sum(p <= section.significance for group in corrected for p in group.adjusted.values()),
    )


@dataclass(frozen=True)
class Part:
    """The rows of one label that count, n of them: arrays (n,), and the groups as lines of cells."""

    labels: Array
    scores: Array
    weights: Array
    units: Sequence[str]
    members: Mapping[str, Members]
    scored: Scored
    cells: Histograms

    @classmethod
    def of(cls, rows: AuditRows, known: Members, key: str, scored: Scored, members: Mapping[str, Members]) -> Part:
        """``rows`` where ``known``; ``members`` are already cut to them."""
        labels, scores, weights = rows.labels[key][known], scored.scores[known], rows.weights[known]
        units = [rows.units[row] for row in np.flatnonzero(known).tolist()]
        cells = histograms(labels, scores, weights, units, members, scored.thresholds())
        return cls(labels, scores, weights, units, members, scored, cells)

    def units_of(self, group: str, positive: bool) -> int:
        """Distinct units of ``group`` with a row of this answer."""
        chosen = self.members[group] & ((self.labels > 0.5) == positive)
        return len({self.units[row] for row in np.flatnonzero(chosen).tolist()})

    def observed(self, group: str) -> float:
        """Share of ``group`` that is positive, all rows together brought to the declared rate."""
        rate, chosen, positive = self.scored.label.calibration.population_rate, self.members[group], self.labels > 0.5
        shares = [
            self.weights[chosen & side].sum() / max(self.weights[side].sum(), 1e-12) for side in (positive, ~positive)
        ]
        return float(rate * shares[0] / max(rate * shares[0] + (1 - rate) * shares[1], 1e-12))


@dataclass(frozen=True)
class Measured:
    """Figure -> value of each group (g,), and -> its resamples (replicates, g); ``rest:`` names those of other rows."""

    values: Mapping[str, Array]
    draws: Mapping[str, Array]


def measure(part: Part, section: AuditSection) -> Measured:
    """Every figure of every group of ``part``, and of the rows outside it, on the same resamples."""
    rate = part.scored.label.calibration.population_rate
    lines = [statistics(cells, part.cells, rate) for cells in part.cells.draws(section.replicates, section.seed)]
    values = statistics(part.cells.whole(), part.cells, rate)
    return Measured(values, {name: np.stack([line[name] for line in lines]) for name in values})


def statistics(cells: Array, made: Histograms, rate: float) -> dict[str, Array]:
    """Figures (g,) of the groups of ``cells`` (1 + g, 2, bins); probabilities are judged at ``rate``."""
    inside, outside = cells[1:], cells[:1] - cells[1:]
    named, others = _below(inside[:, 0]), _below(outside[:, 0])
    found = {
        "subgroup_auc": _area(inside[:, 1], named),
        "bpsn_auc": _area(outside[:, 1], named),
        "bnsp_auc": _area(inside[:, 1], others),
    }
    across = _area(outside[:, 1], others)
    found |= {f"rest:{name}": across for name in AREAS}
    scale = _scale(cells[0], rate)
    for prefix, lines in (("", inside), ("rest:", outside)):
        found |= {f"{prefix}{name}": value for name, value in _rates(lines, made.starts).items()}
        found |= {f"{prefix}{name}": value for name, value in _calibration(lines * scale, made.mean).items()}
    return found


def _below(negative: Array) -> tuple[Array, Array]:
    """Negatives that a score of each bin outscores, ties counting half, and all of them; lines (g, bins)."""
    passed = np.cumsum(negative, axis=1)
    return passed - negative / 2, passed[:, -1]


def _area(positive: Array, below: tuple[Array, Array]) -> Array:
    """Chance that a positive outscores one of the negatives ``below``; lines (g, bins)."""
    outscored, negatives = below
    return _ratio(np.einsum("gb,gb->g", positive, outscored), positive.sum(axis=1) * negatives)


def _rates(lines: Array, starts: Mapping[str, int]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    negatives, positives = lines.sum(axis=2).T
    for level, start in starts.items():
        false, true = lines[:, :, start:].sum(axis=2).T
        found |= {
            f"{level}.tpr": _ratio(true, positives),
            f"{level}.fpr": _ratio(false, negatives),
            f"{level}.selection": _ratio(true + false, positives + negatives),
        }
    return found


def _scale(everybody: Array, rate: float) -> Array:
    """Factor (2, 1) of each outcome that brings all rows together to ``rate``; groups keep their own odds."""
    negative, positive = everybody.sum(axis=1)
    return np.array([[(1 - rate) / max(negative, 1e-12)], [rate / max(positive, 1e-12)]])


def _calibration(lines: Array, mean: Array) -> dict[str, Array]:
    """Mean probability minus observed rate, and mean distance of the two over tenths of score."""
    total = lines.sum(axis=1)
    excess = total * mean - lines[:, 1]
    starts = np.unique(np.arange(_COARSE) * len(mean) // _COARSE)
    apart = np.abs(np.add.reduceat(excess, starts, axis=1)).sum(axis=1)
    return {"bias": _ratio(excess.sum(axis=1), total.sum(axis=1)), "ece": _ratio(apart, total.sum(axis=1))}


def _ratio(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 1e-12, top / bottom, np.nan)


def _group(
    rows: AuditRows, column: str, name: str, line: int, part: Part, found: Measured, section: AuditSection
) -> GroupFigures:
    chosen = part.members[name]
    sides = part.units_of(name, True), part.units_of(name, False)
    small = min(sides) < section.least_units
    figures = {n: _interval(n, v[line], found.draws[n][:, line], sides, small)
               for n, v in found.values.items() if not n.startswith("rest:") and np.isfinite(v[line])}  # fmt: skip
    if small:
        figures = _uncertain(figures, part.observed(name), sum(sides))
    difference = {} if small else _differences(found, line, figures, sides)
    parts = zip(column.split(CROSS), name.split(CROSS), strict=True)
    return GroupFigures(
        group=name,
        title=CROSS.join(rows.title(*both) for both in parts),
        rows=int(chosen.sum()),
        positives=int((part.labels[chosen] > 0.5).sum()),
        positive_units=sides[0],
        negative_units=sides[1],
        small=small,
        figures=figures,
        difference=difference,
    )


def _interval(name: str, value: float, draws: Array, sides: tuple[int, int], small: bool) -> Interval:
    low, high = (
        (float(v) for v in np.nanquantile(draws, (0.025, 0.975))) if np.isfinite(draws).any() else (value, value)
    )
    drawn = Interval(value=float(value), low=min(low, float(value)), high=max(high, float(value)))
    trials = _trials(name, sides) if small or name not in AREAS else 0
    return widened(drawn, trials) if trials else drawn


def _uncertain(figures: Figures, observed: float, trials: int) -> Figures:
    """Calibration of a small group: as unsure as the rate it is compared with; a distance over tenths says nothing."""
    kept = {name: found for name, found in figures.items() if name != "ece"}
    if bias := kept.get("bias"):
        wide = wilson(observed * trials, trials)
        ends = {
            "low": min(bias.low, bias.value - (wide.high - observed)),
            "high": max(bias.high, bias.value + (observed - wide.low)),
        }
        kept["bias"] = bias.model_copy(update=ends)
    return kept


def _trials(name: str, sides: tuple[int, int]) -> int:
    """Independent answers behind a share; an AUC varies at most like a share of its rarer side (Birnbaum, 1957)."""
    if name in AREAS:
        return min(side for side in sides if side) if any(sides) else 0
    kind = name.rpartition(".")[2]
    return {"tpr": sides[0], "fpr": sides[1], "selection": sum(sides)}.get(kind, 0)


def _spread(name: str, value: float, sides: tuple[int, int]) -> float:
    """Least spread of a share, from its Wilson interval; 0 for figures that are none."""
    trials = 0 if name in AREAS else _trials(name, sides)
    wide = wilson(value * trials, trials) if trials else Interval(value=value, low=value, high=value)
    return (wide.high - wide.low) / (2 * _SURE)


def _differences(found: Measured, line: int, figures: Figures, sides: tuple[int, int]) -> Figures:
    named = {}
    for name in figures:
        if name == "ece" or name.endswith(".selection"):
            # A distance is smaller among more rows; a share flagged differs where truth does: neither tells of bias.
            continue
        value = found.values[name][line] - found.values[f"rest:{name}"][line]
        draws = found.draws[name][:, line] - found.draws[f"rest:{name}"][:, line]
        if np.isfinite(value) and np.isfinite(draws).any():
            low, high = np.nanquantile(draws, (0.025, 0.975))
            reach = _SURE * _spread(name, figures[name].value, sides)
            named[name] = Interval(
                value=float(value), low=float(min(low, value - reach)), high=float(max(high, value + reach))
            )
    return named


def _corrected(
    groups: Sequence[GroupFigures], found: Measured, section: AuditSection
) -> tuple[tuple[GroupFigures, ...], int]:
    """``groups`` with corrected p-values of all their differences together, and how many were tested."""
    tests: list[tuple[int, str, float]] = []
    for line, group in enumerate(groups):
        for name, difference in group.difference.items():
            own = found.draws[name][:, line]
            least = _spread(name, group.figures[name].value, (group.positive_units, group.negative_units))
            if still(own) and not least:
                continue
            if (p := two_sided(difference.value, own - found.draws[f"rest:{name}"][:, line], least)) is not None:
                tests.append((line, name, p))
    corrected = adjusted([p for *_, p in tests], section.multiplicity)
    by_line: dict[int, dict[str, float]] = {}
    for (line, name, _), p in zip(tests, corrected, strict=True):
        by_line.setdefault(line, {})[name] = p
    done = tuple(g.model_copy(update={"adjusted": by_line.get(line, {})}) for line, g in enumerate(groups))
    return done, len(tests)
