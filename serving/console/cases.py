"""The pages of the queue and of a case. The text leaves the server only when a person asks to reveal it."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import caller_of, person
from serving.api.schemas import parse
from serving.api.threads import in_thread
from serving.bundle.errors import InputError, VigieError
from serving.review import READERS, Account, Case, DecisionForm, State

from . import words
from .desk import HOME, Desk, field
from .render import by_htmx
from .sentences import sentence
from .views import hold

PAGE_SIZE = 50

#: What a move has just done, said once on the next page.
DONE = {
    "decide": "Décision enregistrée.",
    "remis": "Dossier remis dans la file.",
    "transmis": "Dossier transmis en seconde lecture.",
    "vide": "Aucun dossier n’attend : la file est vide.",
    "mot-de-passe": "Mot de passe changé.",
}

#: Parts of a case that stay hidden until asked for.
PARTS = ("texte", "fil", "signalement")


class CasePages:
    """The views of the queue and of a case."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def home(self, request: Request) -> Response:
        """The queue in claim order, without any text; for htmx only its table, refreshed."""
        account = person(caller_of(request), READERS)
        offset = _offset(request)
        now = self.desk.now()
        rows = await in_thread(self.desk.queue.top, PAGE_SIZE + 1, offset)
        held = await in_thread(self.desk.queue.held, account)
        stats = await in_thread(self.desk.queue.stats)
        name = "_queue.html" if by_htmx(request) else "queue.html"
        return self.desk.page(
            request,
            name,
            rows=[self.desk.words.row(row, now) for row in rows[:PAGE_SIZE]],
            held=[self.desk.words.row(row, now) for row in held],
            figures=_figures(stats.states, stats.vital, stats.due_within_margin, stats.overdue),
            done=DONE.get(request.query_params.get("fait", "")),
            offset=offset,
            more=offset + PAGE_SIZE if len(rows) > PAGE_SIZE else None,
            back=max(offset - PAGE_SIZE, 0) if offset else None,
        )

    async def next(self, request: Request) -> Response:
        """Claim the next case and open it."""
        await self.desk.form(request)
        case = await in_thread(self.desk.queue.claim, person(caller_of(request), READERS))
        return RedirectResponse(f"{HOME}dossiers/{case.id}" if case else f"{HOME}?fait=vide", 303)

    async def show(self, request: Request) -> Response:
        """A case: category and severity first, everything that could hurt hidden."""
        return await self._case_page(request, _id(request))

    async def reveal(self, request: Request) -> Response:
        """A hidden part of the case, asked for: as a fragment for htmx, else in its page."""
        form = await self.desk.form(request)
        part = field(form, "partie")
        if part not in PARTS:
            raise InputError(f"partie: expected one of {', '.join(PARTS)}", code="invalid_value", pointer="/partie")
        if not by_htmx(request):
            return await self._case_page(request, _id(request), revealed=part)
        person(caller_of(request), READERS)
        case = await in_thread(self.desk.queue.get, _id(request))
        return self.desk.page(request, "_part.html", case=case, part=part, revealed=part, posted=self.desk.words.posted)

    async def decide(self, request: Request) -> Response:
        """Close the case with a finding, its ground and an action; a refusal keeps what was filled in."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            decision = _decision(form)
            await in_thread(self.desk.queue.decide, _id(request), account, decision)
        except VigieError as error:
            return await self._refused(request, error, form)
        self.desk.meters.decided.labels(str(decision.illegal).lower()).inc()
        return RedirectResponse(f"{HOME}?fait=decide", 303)

    async def release(self, request: Request) -> Response:
        """Give the case back to the queue."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            await in_thread(self.desk.queue.release, _id(request), account, field(form, "note"))
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}?fait=remis", 303)

    async def escalate(self, request: Request) -> Response:
        """Pass the case on for a second reading."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        vital = field(form, "vital") == "oui"
        try:
            await in_thread(self.desk.queue.escalate, _id(request), account, field(form, "note"), vital=vital)
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}?fait=transmis", 303)

    async def heartbeat(self, request: Request) -> Response:
        """Keep the lease while the page is open; says until when, or that it is lost."""
        await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            until = await in_thread(self.desk.queue.heartbeat, _id(request), account)
        except VigieError as error:
            return self.desk.page(request, "_lease.html", 409, lost=sentence(error), until=None, case_id=_id(request))
        return self.desk.page(request, "_lease.html", lost=None, until=self._time(until), case_id=_id(request))

    async def _refused(self, request: Request, error: VigieError, form: FormData) -> Response:
        status = 422 if isinstance(error, InputError) else 409
        return await self._case_page(request, _id(request), status, error=sentence(error), form=form)

    async def _case_page(
        self,
        request: Request,
        case_id: str,
        status: int = 200,
        *,
        revealed: str | None = None,
        error: str | None = None,
        form: FormData | None = None,
    ) -> Response:
        account = person(caller_of(request), READERS)
        case = await in_thread(self.desk.queue.get, case_id)
        raid = await in_thread(self.desk.queue.same_target, case_id)
        values = self._case_values(case, account) | {"revealed": revealed, "error": error}
        values["raid"] = [self.desk.words.row(row, self.desk.now()) for row in raid]
        values["filled"] = {key: field(form, key) for key in ("constat", "fondement", "suite", "note")} if form else {}
        return self.desk.page(request, "case.html", status, **values)

    def _case_values(self, case: Case, account: Account) -> dict[str, Any]:
        now, desk_words = self.desk.now(), self.desk.words
        held = hold(case.row, account)
        return {
            "case": case,
            "view": desk_words.row(case.row, now),
            "details": desk_words.details(case),
            "held": held,
            "waiting": case.state not in (State.CLAIMED, State.DECIDED, State.CLOSED),
            "until": self._time(case.row.lease_until) if held and case.row.lease_until else None,
            "grounds": desk_words.grounds(),
            "actions": desk_words.actions(),
            "decisions": desk_words.decisions(case),
            "history": desk_words.history(case),
            "posted": desk_words.posted,
        }

    def _time(self, at: Any) -> str:
        return self.desk.words.clock(at)


def _id(request: Request) -> str:
    return str(request.path_params["case_id"])


def _offset(request: Request) -> int:
    given = request.query_params.get("debut", "0")
    return min(int(given), 1_000_000) if given.isascii() and given.isdecimal() else 0


def _decision(form: FormData) -> DecisionForm:
    """The decision of a form.

    Raises:
        InputError: no finding, or a field is wrong.
    """
    finding = field(form, "constat")
    if finding not in ("illicite", "licite"):
        raise InputError("constat: expected 'illicite' or 'licite'", code="missing_finding", pointer="/constat")
    illegal = finding == "illicite"
    ground = field(form, "fondement") or None
    value = {"illegal": illegal, "ground": ground, "action": field(form, "suite"), "note": field(form, "note")}
    return parse(DecisionForm, value)


def _figures(states: dict[str, int], vital: int, near: int, overdue: int) -> list[tuple[str, str, str]]:
    """The head of the queue: (figure, what, tone)."""
    waiting = sum(
        states.get(state.value, 0) for state in (State.RECEIVED, State.SCORED, State.SECOND_REVIEW, State.APPEALED)
    )
    return [
        (words.number(waiting), "en attente", "calm"),
        (words.number(states.get(State.CLAIMED.value, 0)), "en cours de lecture", "calm"),
        (words.number(near), "échéance proche", "near" if near else "calm"),
        (words.number(overdue), "échéance dépassée", "past" if overdue else "calm"),
        (words.number(vital), "vie en danger", "past" if vital else "calm"),
    ]
