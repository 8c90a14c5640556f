"""A study as one French page that stands alone; every number comes from ``study`` and ``measures``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from serving.bundle.taxonomy import Taxonomy
from serving.reports.figures import bars, curves, number
from serving.reports.page import page

from .measures import VITAL, Figures
from .study import FIFO, ORACLE, SCORE, SCORE_ONCE, VIGIE, Interval, Study, orders

GAIN_OVER_SCORE, SHARE_OF_ORACLE = 1.15, 0.90
_NAMES = {
    FIFO: "Premier arrivé",
    SCORE: "Score seul",
    SCORE_ONCE: "Score, copies closes",
    VIGIE: "Vigie",
    ORACLE: "Oracle",
}
_HOURS_SHOWN = 24


@dataclass(frozen=True)
class Goal:
    """What the queue should reach, and what was measured."""

    words: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Row:
    """One order at one load."""

    name: str
    per_minute: Interval
    share: float
    views: float
    missed: int
    deadlines: int
    median: float
    late: float
    grave: float


@dataclass(frozen=True)
class Load:
    """Everything shown of one load."""

    load: float
    rows: tuple[Row, ...]
    harm: Markup
    delays: Markup
    waiting: Markup


def write_page(study: Study, taxonomy: Taxonomy, source: str) -> str:
    """The page; ``source`` says in French where the texts come from."""
    return page(
        "simulation.html",
        package="serving.simulation",
        study=study,
        source=source,
        goals=goals(study),
        loads=[_load(study, load, taxonomy) for load in study.scenario.loads],
    )


def goals(study: Study) -> list[Goal]:
    """The goals of the queue at the judged load, and its deadlines wherever everything can be read in time.

    The gain is judged twice: against a queue that reads every copy, and against one that reads a text once, so that
    what the order brings shows apart from what known content brings.
    """
    load = study.scenario.judged_load
    gain = study.ratio(load, VIGIE, SCORE, _per_minute)
    order_alone = study.ratio(load, VIGIE, SCORE_ONCE, _per_minute)
    share = study.ratio(load, VIGIE, ORACLE, _per_minute)
    feasible = [one for one in study.scenario.loads if one <= 1]
    missed = sum(study.total(one, VIGIE, lambda run: run.missed) for one in feasible)
    deadlines = sum(study.total(one, VIGIE, lambda run: run.deadlines) for one in feasible)
    return [
        Goal("Préjudice évité par minute : au moins 15 % de plus que le score seul", *_told(gain, GAIN_OVER_SCORE)),
        Goal("La même chose, le score seul ne relisant pas les copies", *_told(order_alone, GAIN_OVER_SCORE)),
        Goal("Préjudice évité par minute : au moins 90 % de l’oracle", *_told(share, SHARE_OF_ORACLE)),
        Goal(
            "Aucune échéance légale manquée tant que l’équipe suffit (charge d’au plus 1)",
            f"{missed:.0f} manquée(s) sur {deadlines:.0f}",
            bool(deadlines) and not missed,
        ),
    ]


def _told(ratio: Interval, least: float) -> tuple[str, bool]:
    shown = f"× {number(ratio.value, 2)} [{number(ratio.low, 2)} ; {number(ratio.high, 2)}]"
    return shown, ratio.value >= least


def name_of(order: str) -> str:
    """An order in French; a variant of Vigie says which."""
    base, _, variant = order.partition(":")
    return f"{_NAMES[base]}, {variant}" if variant else _NAMES[base]


def rows(study: Study, load: float) -> list[Row]:
    """The table of one load."""
    return [_row(study, load, order) for order in orders(study.scenario)]


def _row(study: Study, load: float, order: str) -> Row:
    return Row(
        name=name_of(order),
        per_minute=study.mean(load, order, _per_minute),
        share=study.total(load, order, lambda run: run.harm_averted)
        / study.total(load, order, lambda run: run.harm_avertable),
        views=study.total(load, order, lambda run: run.views_averted)
        / study.total(load, order, lambda run: run.views_avertable),
        missed=round(study.total(load, order, lambda run: run.missed)),
        deadlines=round(study.total(load, order, lambda run: run.deadlines)),
        median=study.mean(load, order, lambda run: float(np.median(run.action_minutes))).value,
        late=study.mean(load, order, lambda run: float(np.quantile(run.action_minutes, 0.9))).value,
        grave=study.mean(load, order, lambda run: run.grave_review_share).value,
    )


def _load(study: Study, load: float, taxonomy: Taxonomy) -> Load:
    table = rows(study, load)
    shares = [(row.name, [100 * row.share]) for row in table]
    delays = [(name_of(order), _delays(study.runs[load][order])) for order in orders(study.scenario)]
    shown = [FIFO, SCORE, VIGIE]
    waits = _waits(study, load, shown, taxonomy)
    return Load(
        load,
        tuple(table),
        bars("Part du préjudice évitable qui est évitée", ["part"], shares),
        curves("Délai d’action sur les contenus illicites", "heures depuis le signalement", delays),
        bars("Attente moyenne avant lecture", [name_of(order) for order in shown], waits, 0),
    )


def _per_minute(run: Figures) -> float:
    return run.harm_per_minute


def _delays(runs: Sequence[Figures]) -> list[tuple[float, float]]:
    """(hours, share of illegal texts acted on by then), for the first day."""
    hours = np.concatenate([np.array(run.action_minutes) for run in runs]) / 60
    return [(float(at), float(np.mean(hours <= at))) for at in np.linspace(0, _HOURS_SHOWN, 97)]


def _waits(study: Study, load: float, shown: Sequence[str], taxonomy: Taxonomy) -> list[tuple[str, list[float]]]:
    groups = sorted({group for run in study.runs[load][VIGIE] for group in run.waiting})
    return [
        (
            _group_title(group, taxonomy),
            [_mean_wait(study.runs[load][order], group) for order in shown],
        )
        for group in groups
    ]


def _group_title(group: str, taxonomy: Taxonomy) -> str:
    if group == VITAL:
        return "Danger pour la vie"
    return taxonomy.output(group).title if group else "Aucun préjudice"


def _mean_wait(runs: Sequence[Figures], group: str) -> float:
    minutes = [minute for run in runs for minute in run.waiting.get(group, ())]
    return float(np.mean(minutes)) if minutes else float("nan")
