"""What an analyst does with a case: decides, takes it back, passes it on. Each view is one call of the queue."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import caller_of, person
from serving.api.schemas import Remark, parse
from serving.api.threads import in_thread
from serving.bundle.errors import InputError, VigieError
from serving.review import READERS, Bulk, DecisionForm, Role

from .cases import CasePages
from .desk import HOME, field, fields
from .sentences import sentence

LEGAL = "licite"
ELSEWHERE = "autre"


class MovePages:
    """The views that move a case."""

    def __init__(self, cases: CasePages) -> None:
        self.cases = cases
        self.desk = cases.desk

    async def decide(self, request: Request) -> Response:
        """Close the case with a qualification and an action; a refusal keeps what was filled in."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            decision = decision_of(form)
            others = fields(form, "avec")
            if others:
                bulk = await in_thread(self.desk.queue.decide_many, [_id(request), *others], account, decision)
            else:
                await in_thread(self.desk.queue.decide, _id(request), account, decision)
                bulk = Bulk((_id(request),), {})
        except VigieError as error:
            return await self._refused(request, error, form)
        self.desk.meters.decided.labels(str(decision.illegal).lower()).inc(len(bulk.decided))
        told = [("decide", bulk.decided[0]), *(("avec", other) for other in bulk.decided[1:])]
        told += [("part", str(len(bulk.peeled)))] if others else []
        return RedirectResponse(f"{HOME}?{urlencode(told)}", 303)

    async def undo(self, request: Request) -> Response:
        """Take back one's own decision, and those taken with it that still can be, while the policy allows."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        others = fields(form, "avec")
        refused: list[VigieError] = []
        for case_id in (_id(request), *others):
            try:
                await in_thread(self.desk.queue.undo, case_id, account)
            except VigieError as error:
                refused.append(error)
        if len(refused) == 1 + len(others):
            return await self._refused(request, refused[0], form)
        if others:
            return RedirectResponse(f"{HOME}?annules={1 + len(others) - len(refused)}&restes={len(refused)}", 303)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}?fait=annule", 303)

    async def appeal(self, request: Request) -> Response:
        """Open a complaint against the decision, on the grounds written."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            await in_thread(self.desk.queue.appeal, _id(request), account, _grounds(form))
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}?fait=conteste", 303)

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

    async def skip(self, request: Request) -> Response:
        """Give the case back for others, for good."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            await in_thread(self.desk.queue.skip, _id(request), account, field(form, "raison"))
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}?fait=passe", 303)

    async def take(self, request: Request) -> Response:
        """Claim this very case."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            await in_thread(self.desk.queue.claim_case, _id(request), account)
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}", 303)

    async def hand(self, request: Request) -> Response:
        """A supervisor hands the case to somebody."""
        form = await self.desk.form(request)
        account = person(caller_of(request), (Role.SUPERVISOR,))
        try:
            await in_thread(self.desk.queue.reassign, _id(request), account, field(form, "a"))
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}?fait=confie", 303)

    async def golden(self, request: Request) -> Response:
        """A supervisor keeps the decided case as a golden item, or retires the item made of it."""
        form = await self.desk.form(request)
        account = person(caller_of(request), (Role.SUPERVISOR,))
        keeps = field(form, "geste") == "garder"
        act = self.desk.queue.keep_golden if keeps else self.desk.queue.retire_golden
        try:
            await in_thread(act, _id(request), account)
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}?fait={'garde' if keeps else 'retire'}", 303)

    async def note(self, request: Request) -> Response:
        """Write something for colleagues."""
        form = await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            await in_thread(self.desk.queue.add_note, _id(request), account, field(form, "note"))
        except VigieError as error:
            return await self._refused(request, error, form)
        return RedirectResponse(f"{HOME}dossiers/{_id(request)}?fait=note", 303)

    async def heartbeat(self, request: Request) -> Response:
        """Keep the lease while the page is open; says until when, or that it is lost."""
        await self.desk.form(request)
        account = person(caller_of(request), READERS)
        try:
            until = await in_thread(self.desk.queue.heartbeat, _id(request), account)
        except VigieError as error:
            lost = sentence(error)
            return self.desk.page(request, "_lease.html", 409, lost=lost, until=None, case_id=_id(request))
        clock = self.desk.words.clock(until)
        return self.desk.page(request, "_lease.html", lost=None, until=clock, case_id=_id(request))

    async def _refused(self, request: Request, error: VigieError, form: FormData) -> Response:
        status = 422 if isinstance(error, InputError) else 409
        return await self.cases.page(request, _id(request), status, error=sentence(error), form=form)


def decision_of(form: FormData) -> DecisionForm:
    """The decision of a form: ``qualification`` is ``licite``, the key of a ground, or ``autre`` with ``fondement``.

    Raises:
        InputError: no qualification, or a field is wrong.
    """
    qualification = field(form, "qualification")
    if not qualification:
        detail = f"qualification: expected {LEGAL!r}, {ELSEWHERE!r} or the key of a ground"
        raise InputError(detail, code="missing_finding", pointer="/qualification")
    ground = field(form, "fondement") if qualification == ELSEWHERE else qualification
    illegal = qualification != LEGAL
    return parse(
        DecisionForm,
        {
            "illegal": illegal,
            "ground": (ground or None) if illegal else None,
            "action": field(form, "suite"),
            "note": field(form, "note"),
        },
    )


def _grounds(form: FormData) -> str:
    """The grounds of a complaint.

    Raises:
        InputError: none are given, or they are too long.
    """
    if not field(form, "motif").strip():
        raise InputError("motif: expected the grounds of the complaint", code="missing_grounds", pointer="/motif")
    return parse(Remark, {"note": field(form, "motif")}).note


def _id(request: Request) -> str:
    return str(request.path_params["case_id"])
