"""Ma journée: what somebody has decided and read, the limits that protect them, and why. Their own figures, no others.

Counts are told to the one person they are about, and never set beside a colleague's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.api.auth import caller_of, person
from serving.api.threads import in_thread
from serving.bundle import FAMILIES
from serving.policy import Wellbeing
from serving.review import READERS, Account, Exposure, GoldenReport, Pace
from serving.review.work import Done, done_by

from . import words
from .desk import Desk
from .typography import NBSP

DAYS = 7
#: Fewer answers to golden items than this say nothing of anybody.
_ENOUGH_ANSWERS = 10
#: From which share of right findings each sentence is said; general on purpose: no item can be recognised in it.
_GOLDEN_WORDS = (
    (0.9, "Vos qualifications rejoignent presque toujours celles des dossiers de référence."),
    (0.7, "Vos qualifications rejoignent le plus souvent celles des dossiers de référence."),
    (0.0, "Vos qualifications s’écartent parfois de celles des dossiers de référence : parlez-en en équipe."),
)
_TOO_FEW = "Trop peu de dossiers de référence sont passés entre vos mains pour en dire quelque chose."


@dataclass(frozen=True)
class Line:
    """What was read on one day, or of one family: cases by severity, and words shown."""

    title: str
    grave: int
    mild: int
    words: int
    decided: int = 0

    @property
    def cases(self) -> int:
        """Cases of which something was shown."""
        return self.grave + self.mild


@dataclass(frozen=True)
class Limit:
    """A limit of the policy in words, and why it is there."""

    title: str
    why: str


class DayPages:
    """The view of one's own day."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """Today, the last seven days, the limits."""
        account = person(caller_of(request), READERS)
        return self.desk.page(request, "day.html", **await in_thread(self._values, account))

    def _values(self, account: Account) -> dict[str, Any]:
        now, queue, policy = self.desk.now(), self.desk.queue, self.desk.words.policy
        done, read = done_by(queue, account.id, DAYS, now), queue.exposure_of(account.id, DAYS, now)
        pace = queue.pace(account, now)
        days = by_day(done, read)
        titles = {key: self.desk.words.title(key) for key in FAMILIES}
        return {
            "today": words.day_words(now.astimezone(policy.zone).date()),
            "figures": figures(days[-1], days, done, pace),
            "days": days,
            "families": by_family(read, titles),
            "advice": advice(pace, policy.wellbeing),
            "limits": limits(policy.wellbeing),
            "golden": golden_sentence(queue.golden_report(account.id)),
            "held": len(queue.held(account)),
            "number": words.number,
        }


def by_day(done: Done, read: Iterable[Exposure]) -> list[Line]:
    """One line a day, oldest first."""
    ledger = list(read)
    return [
        _line(words.day_words(day.day), [one for one in ledger if one.day == day.day.isoformat()], day.decided)
        for day in done.days
    ]


def by_family(read: Iterable[Exposure], titles: dict[str, str]) -> list[Line]:
    """One line for each family that was read, those without a family last."""
    ledger = list(read)
    keys = [*FAMILIES, *sorted({one.family for one in ledger} - set(FAMILIES))]
    lines = [_line(titles.get(key, "Rien de suspect"), [one for one in ledger if one.family == key]) for key in keys]
    return [line for line in lines if line.cases]


def _line(title: str, read: Sequence[Exposure], decided: int = 0) -> Line:
    grave = sum(one.cases for one in read if one.severity == "grave")
    mild = sum(one.cases for one in read if one.severity != "grave")
    return Line(title, grave, mild, sum(one.words for one in read), decided)


def figures(today: Line, days: Sequence[Line], done: Done, pace: Pace) -> list[tuple[str, str]]:
    """The head of the page: (figure, what)."""
    return [
        (words.number(today.decided), words.noun(today.decided, "décision aujourd’hui", "décisions aujourd’hui")),
        (words.number(sum(day.decided for day in days)), f"en {DAYS} jours"),
        (words.number(done.spared), f"{words.noun(done.spared, 'lecture épargnée', 'lectures épargnées')} à d’autres"),
        (words.number(today.words), words.noun(today.words, "mot lu aujourd’hui", "mots lus aujourd’hui")),
        (f"{pace.grave_today}{NBSP}/{NBSP}{pace.grave_per_day}", "textes graves aujourd’hui"),
    ]


def advice(pace: Pace, rules: Wellbeing) -> tuple[str, str] | None:
    """A title and a sentence when a rest would do good, else None. Never an order, never a blame."""
    if pace.break_suggested:
        worked = words.span_words(timedelta(minutes=pace.working_minutes))
        rest = words.span_words(timedelta(minutes=rules.break_minutes))
        return "Et si vous souffliez un peu ?", (
            f"Vous lisez depuis {worked}. Une pause de {rest} suffit ; pendant ce temps, la file garde l’ordre."
        )
    if pace.full:
        return "Assez de textes graves pour aujourd’hui", (
            "La file vous propose maintenant les autres, danger pour la vie et échéance proche mis à part."
        )
    return None


def limits(rules: Wellbeing) -> list[Limit]:
    """The limits of the policy, in words."""
    row, day = (
        words.plural(count, "texte grave", "textes graves") for count in (rules.grave_in_a_row, rules.grave_per_day)
    )
    worked, rest = (
        words.span_words(timedelta(minutes=minutes)) for minutes in (rules.break_after_minutes, rules.break_minutes)
    )
    return [
        Limit(
            f"{row} de suite au plus",
            "Le suivant est plus doux, s’il en attend un : alterner laisse retomber la tension.",
        ),
        Limit(
            f"{day} par jour au plus",
            "Ensuite, seuls un danger pour la vie ou une échéance proche en amènent : l’effet des lectures s’accumule.",
        ),
        Limit(
            f"Une pause proposée après {worked} de lecture",
            f"Passer {rest} sans prendre de dossier compte comme une pause. Vous restez libre de la faire.",
        ),
    ]


def golden_sentence(report: GoldenReport) -> str:
    """How somebody's answers to golden items agree with what is known, in general terms only."""
    if report.answers < _ENOUGH_ANSWERS:
        return _TOO_FEW
    share = report.findings / report.answers
    return next(said for least, said in _GOLDEN_WORDS if share >= least)
