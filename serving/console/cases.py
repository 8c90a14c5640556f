"""The pages of the queue and of a case, without any text: what is hidden is revealed by ``reading``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import caller_of, person
from serving.api.threads import in_thread
from serving.review import READERS, Account, Case, Opening, Role, State

from . import words
from .desk import HOME, Desk, field, fields
from .render import by_htmx
from .typography import typeset
from .views import NearView, Undo, hold

PAGE_SIZE = 50

#: The manner (``reading.MANNERS``) in which a text shows itself to somebody who asked for that in their settings.
_OPENS = {Opening.MASKED: "", Opening.VEILED: "voile", Opening.SHOWN: "nu"}

#: What a move has just done, said once on the next page.
DONE = {
    "remis": "Dossier remis dans la file.",
    "transmis": "Dossier transmis en seconde lecture.",
    "annule": "Décision annulée : le dossier est de nouveau entre vos mains.",
    "passe": "Dossier passé : il ne vous sera plus proposé.",
    "confie": "Dossier confié.",
    "note": "Note ajoutée.",
    "conteste": "Réclamation ouverte : quelqu’un d’autre relira ce dossier.",
    "garde": "Dossier gardé comme référence.",
    "retire": "Dossier de référence retiré, et son texte effacé.",
    "vide": "Aucun dossier n’attend : la file est vide.",
    "mot-de-passe": "Mot de passe changé.",
}

_FIELDS = ("qualification", "fondement", "note", "motif")


class CasePages:
    """The views of the queue and of a case."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def home(self, request: Request) -> Response:
        """The queue in claim order, without any text; for htmx only its table, refreshed."""
        account = person(caller_of(request), READERS)
        offset = _count(request, "debut")
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
            done=DONE.get(request.query_params.get("fait", "")) or _together(request) or _taken_back(request),
            undo=await self.undo(request, account),
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
        return await self.page(request, str(request.path_params["case_id"]))

    async def undo(self, request: Request, account: Account) -> Undo | None:
        """The decision that ``?decide=ID&avec=ID`` names with those alike, while their analyst may take them back."""
        asked = [request.query_params.get("decide", ""), *request.query_params.getlist("avec")]
        cases = [await in_thread(self.desk.queue.get, case_id) for case_id in dict.fromkeys(asked) if case_id]
        found = [undo for case in cases if (undo := self.desk.words.undo(case, account, self.desk.now()))]
        return replace(found[0], others=tuple(undo.case_id for undo in found[1:])) if found else None

    async def page(
        self,
        request: Request,
        case_id: str,
        status: int = 200,
        *,
        error: str | None = None,
        form: FormData | None = None,
        **revealed: Any,
    ) -> Response:
        """The page of a case; ``revealed`` is what ``reading`` shows of it."""
        account = person(caller_of(request), READERS)
        case = await in_thread(self.desk.queue.get, case_id)
        raid = await in_thread(self.desk.queue.same_target, case_id)
        values = {"revealed": None} | self._values(case, account) | {"error": error}
        values["near"] = await self.near(case_id)
        members = {member.id: member for member in await in_thread(self.desk.accounts.list_users)}
        notes = await in_thread(self.desk.queue.notes, case_id)
        values["notes"] = [self.desk.words.note(note, members) for note in notes]
        values["team"] = self._team(account, case, list(members.values()))
        values["golden"] = await in_thread(self._golden, account, case)
        values["raid"] = [self.desk.words.row(row, self.desk.now()) for row in raid]
        values["filled"] = {key: field(form, key) for key in _FIELDS} if form else {}
        values["ticked"] = fields(form, "avec") if form else []
        values["done"] = DONE.get(request.query_params.get("fait", ""))
        values["undo"] = self.desk.words.undo(case, account, self.desk.now())
        values["opens"] = "" if "masque" in request.query_params else self._opens(account, case)
        return self.desk.page(request, "case.html", status, **values | revealed)

    async def near(self, case_id: str) -> list[NearView]:
        """The near-duplicates of a case."""
        near = await in_thread(self.desk.queue.near_duplicates, case_id)
        return [self.desk.words.likeness(other, self.desk.now()) for other in near]

    @staticmethod
    def _opens(account: Account, case: Case) -> str:
        """The manner in which the text shows itself; none to those who do not hold the case.

        A text that the model has not judged may be grave.
        """
        grave = case.row.grave or not case.row.levels
        return _OPENS[account.display.opens(grave)] if hold(case.row, account) else ""

    @staticmethod
    def _team(account: Account, case: Case, members: list[Account]) -> list[Account]:
        """To whom a supervisor may hand the case, while it is open."""
        if account.role is not Role.SUPERVISOR or case.state in (State.DECIDED, State.CLOSED):
            return []
        return [member for member in members if member.role in READERS and member.id != case.row.claimed_by]

    def _golden(self, account: Account, case: Case) -> str | None:
        """What a supervisor may do with a decided case as a golden item: keep it or retire it."""
        if account.role is not Role.SUPERVISOR or case.state not in (State.DECIDED, State.CLOSED):
            return None
        if self.desk.queue.serves_as_golden(case.id):
            return "retirer"
        return "garder" if case.text is not None and case.decisions else None

    def _values(self, case: Case, account: Account) -> dict[str, Any]:
        now, desk_words = self.desk.now(), self.desk.words
        held = hold(case.row, account)
        return {
            "case": case,
            "view": desk_words.row(case.row, now),
            "reasons": [typeset(reason) for reason in case.row.reasons],
            "details": desk_words.details(case),
            "held": held,
            "waiting": case.state not in (State.CLAIMED, State.DECIDED, State.CLOSED),
            "until": desk_words.clock(case.row.lease_until) if held and case.row.lease_until else None,
            "choices": desk_words.choices(case),
            "skip_reasons": list(words.SKIP_WORDS.items()),
            "grounds": desk_words.grounds(),
            "actions": desk_words.actions(),
            "decisions": desk_words.decisions(case),
            "history": desk_words.history(case),
            "posted": desk_words.posted,
        }


def _count(request: Request, name: str) -> int:
    """A whole number of the address; 0 when it is absent or none."""
    given = request.query_params.get(name, "0")
    return min(int(given), 1_000_000) if given.isascii() and given.isdecimal() else 0


def _together(request: Request) -> str | None:
    """What became of the other cases of a decision on several."""
    if "part" not in request.query_params:
        return None
    decided, peeled = len(request.query_params.getlist("avec")), _count(request, "part")
    said = f"{words.plural(decided, 'autre dossier a', 'autres dossiers ont')} reçu la même décision"
    left = words.plural(peeled, "dossier a été mis", "dossiers ont été mis")
    return f"{said} ; {left} de côté, à lire à part." if peeled else f"{said}."


def _taken_back(request: Request) -> str | None:
    """How many decisions came back of those taken together."""
    back, kept = _count(request, "annules"), _count(request, "restes")
    if not back:
        return None
    one, many = "décision annulée : le dossier est", "décisions annulées : les dossiers sont"
    said = f"{words.plural(back, one, many)} de nouveau entre vos mains"
    left = words.plural(kept, "autre ne peut plus l’être", "autres ne peuvent plus l’être")
    return f"{said} ; {left}." if kept else f"{said}."


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
