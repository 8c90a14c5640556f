"""Équipe: load, clocks, who holds what, agreement and exposure, for supervisors and administrators.

Numbers about people are for all together; opt-outs are shown nowhere. Only the supervisor, who hands cases over, sees
names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import caller_of, person
from serving.api.threads import in_thread
from serving.bundle import FAMILIES
from serving.bundle.errors import VigieError
from serving.review import READERS, Account, Agreement, CaseRow, ExposureReport, GoldenReport, Role
from serving.review.oversight import Load, Overview, overview

from . import words
from .desk import HOME, Desk, field
from .sentences import sentence
from .typography import NBSP
from .views import RowView

WATCHERS = (Role.SUPERVISOR, Role.ADMIN)
#: Days over which agreement and exposure are told.
DAYS = 30
_DONE = {"confie": "Dossier confié."}
_BY = {"reporter": "d’un même signaleur", "author": "contre un même auteur"}


@dataclass(frozen=True)
class Held:
    """A case that somebody reads: its line, by whom, and until when it is kept for them."""

    view: RowView
    holder: str
    who: str
    until: str


@dataclass(frozen=True)
class Waiting:
    """What waits in a lane or about a family, in words; ``share`` of the largest, from 0 to 100, for the drawing."""

    title: str
    waiting: str
    long: str
    oldest: str
    share: int


@dataclass(frozen=True)
class Bar:
    """One bar of a figure: its title, its value in words, and its length from 0 to 100."""

    title: str
    value: str
    length: int


class TeamPages:
    """The views of those who watch over queue and team."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """The whole page."""
        return await self._page(request)

    async def hand(self, request: Request) -> Response:
        """A supervisor hands an open case to somebody, and stays on the page."""
        form = await self.desk.form(request)
        account = person(caller_of(request), (Role.SUPERVISOR,))
        try:
            await in_thread(self.desk.queue.reassign, field(form, "dossier"), account, field(form, "a"))
        except VigieError as error:
            return await self._page(request, 409, sentence(error))
        return RedirectResponse(f"{HOME}equipe?fait=confie", 303)

    async def _page(self, request: Request, status: int = 200, error: str | None = None) -> Response:
        account = person(caller_of(request), WATCHERS)
        values = await in_thread(self._values, account)
        done = _DONE.get(request.query_params.get("fait", ""))
        return self.desk.page(request, "team.html", status, error=error, done=done, undo=None, **values)

    def _values(self, account: Account) -> dict[str, Any]:
        now, queue = self.desk.now(), self.desk.queue
        since, seen = now - timedelta(days=DAYS), overview(queue, now)
        members = {member.id: member for member in self.desk.accounts.list_users()}
        named = account.role is Role.SUPERVISOR
        titles = {key: self.desk.words.title(key) for key in FAMILIES} | {"": "Rien de suspect, ou non évalué"}
        return {
            "figures": figures(seen, now),
            "lanes": waiting(seen.lanes, words.LANE_WORDS, now),
            "families": waiting(seen.families, titles, now),
            "passed_over": seen.passed_over,
            "for_senior": sum(lane.for_senior for lane in seen.lanes),
            "due": [self._held(row, members, named, now) for row in seen.due],
            "missed": seen.missed,
            "held": [self._held(row, members, named, now) for row in seen.held],
            "team": [member for member in members.values() if member.role in READERS] if named else [],
            "named": named,
            "strain": seen,
            "campaigns": campaigns(seen.campaigns),
            "agreement": agreement(queue.agreement(since)),
            "golden": golden(queue.golden_report()),
            "exposure": exposure(queue.exposure_report(since)),
        }

    def _held(self, row: CaseRow, members: dict[str, Account], named: bool, now: datetime) -> Held:
        holder = row.claimed_by or ""
        known = members.get(holder)
        who = known.name if known and named else holder[:8]
        until = self.desk.words.clock(row.lease_until) if row.lease_until else ""
        return Held(self.desk.words.row(row, now), holder, who, until)


def figures(seen: Overview, now: datetime) -> list[tuple[str, str, str]]:
    """The head of the page: (figure, what, tone)."""
    past = sum(row.due_at is not None and row.due_at <= now for row in seen.due)
    near = len(seen.due) - past
    return [
        (words.number(sum(lane.waiting for lane in seen.lanes)), "en attente", "calm"),
        (words.number(len(seen.held)), "en cours de lecture", "calm"),
        (words.number(near), "échéance proche", "near" if near else "calm"),
        (words.number(past), "échéance dépassée", "past" if past else "calm"),
        (words.number(sum(lane.long for lane in seen.lanes)), f"depuis plus de 24{NBSP}h", "calm"),
    ]


def waiting(loads: Iterable[Load], titles: dict[str, str], now: datetime) -> list[Waiting]:
    """The lines of a table of what waits."""
    listed = list(loads)
    most = max((load.waiting for load in listed), default=0) or 1
    return [
        Waiting(
            titles.get(load.name, load.name),
            words.number(load.waiting),
            words.number(load.long),
            words.span_words(now - load.oldest_at) if load.oldest_at else "–",
            round(100 * load.waiting / most),
        )
        for load in listed
    ]


def campaigns(damped: dict[str, list[int]]) -> list[str]:
    """Each campaign of reports in words, the largest first."""
    sized = sorted(((size, by) for by, sizes in damped.items() for size in sizes), reverse=True)
    return [f"{words.plural(size, 'signalement')} {_BY[by]}" for size, by in sized]


def agreement(found: Agreement) -> dict[str, str] | None:
    """Krippendorff's alpha with its interval, in words; None while it is not defined."""
    if found.alpha is None or found.low is None or found.high is None:
        return None
    return {
        "alpha": words.decimal(found.alpha),
        "interval": f"{words.decimal(found.low)} à {words.decimal(found.high)}",
        "pairs": words.plural(found.pairs, "dossier lu deux fois", "dossiers lus deux fois"),
    }


def golden(report: GoldenReport) -> list[Bar]:
    """Answers to golden items: how many were right in the finding, the ground too, the action too."""
    if not report.answers:
        return []
    steps = (("Constat juste", report.findings), ("et fondement", report.grounds), ("et suite donnée", report.actions))
    return [_share(title, right, report.answers) for title, right in steps]


def _share(title: str, part: int, whole: int) -> Bar:
    value = f"{words.percent(part / whole)} ({words.number(part)} sur {words.number(whole)})"
    return Bar(title, value, round(100 * part / whole))


def exposure(report: ExposureReport) -> dict[str, Any] | None:
    """Words before and after de-duplication and masking; None while nothing has been decided."""
    before = report.words + report.known_words
    if not before:
        return None
    steps = (
        ("Écrits dans les textes décidés", before),
        ("Sans les textes déjà connus", report.words),
        ("Réellement montrés à quelqu’un", report.words_read),
    )
    most = max(count for _, count in steps)
    bars = [Bar(title, words.plural(count, "mot"), round(100 * count / most)) for title, count in steps]
    known = words.plural(report.known_cases, "texte déjà connu", "textes déjà connus")
    return {"bars": bars, "cases": words.plural(report.cases, "dossier décidé", "dossiers décidés"), "known": known}
