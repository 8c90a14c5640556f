"""The queue over HTTP: parses, makes one call in a thread, words the answer. No rule of the queue is here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from serving import answers
from serving.bundle.config import Frozen
from serving.bundle.errors import InputError
from serving.bundle.faults import pointer_to
from serving.review import READERS, Account, Case, DecisionForm, NewCase, Queue, Role, SkipReason, Source, no_case

from .auth import caller_of, person, submitter
from .document import read_body, told
from .limits import Limits
from .meters import Meters
from .quotas import spend
from .schemas import Escalation, Remark, json_body, parse
from .threads import in_thread

#: Figures of the queue without any case.
WATCHERS = READERS | {Role.RESEARCHER, Role.ADMIN}


class Skip(Frozen):
    """Why a case is left to others."""

    reason: SkipReason


class NewCases(Frozen):
    """Several cases, stored all or none."""

    cases: Annotated[tuple[NewCase, ...], Field(min_length=1)]


def case_routes(queue: Queue, meters: Meters, limits: Limits, on_received: Callable[[], None]) -> APIRouter:
    """The routes of the queue; ``on_received`` is told that there may be something to score."""
    routes = APIRouter(tags=["queue"])
    moved, remark = told(answers.CaseRow, 404, 409, 413), read_body(Remark, required=False)

    receipts = told(answers.Received | answers.ReceivedAnswer, 409, 413, also={200: "Known already", 202: "Stored"})

    @routes.post("/v1/cases", status_code=202, responses=receipts, openapi_extra=read_body(NewCase | NewCases))
    async def receive(request: Request) -> JSONResponse:
        """Store one case, or ``{"cases": [...]}`` all or nothing. Answers once it is on disk."""
        key = submitter(caller_of(request))
        cases, single = _new_cases(await json_body(request), limits)
        await spend(len(cases))
        receipts = await in_thread(queue.receive, cases, source=key.source)
        created = sum(receipt.created for receipt in receipts)
        meters.received.labels(key.kind.value).inc(created)
        if created:
            on_received()
        body = as_json(receipts[0]) if single else {"cases": as_json(receipts)}
        return JSONResponse(body, 202 if created else 200)

    @routes.get("/v1/cases", responses=told(answers.Changes))
    async def changed(
        request: Request,
        changed_since: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> JSONResponse:
        """Cases that changed after a cursor, without text; a key sees its own."""
        key_id = _scope_of(request)
        return JSONResponse(as_json(await in_thread(queue.changed_since, changed_since, limit, key_id=key_id)))

    @routes.post("/v1/queue/claim", responses=told(answers.Claimed, 413))
    async def claim(request: Request) -> JSONResponse:
        """The next case in claim order, under a lease; ``{"case": null}`` when the queue is empty."""
        case = await in_thread(queue.claim, person(caller_of(request), READERS))
        return JSONResponse({"case": case_json(case) if case else None})

    @routes.get("/v1/cases/{case_id}", responses=told(answers.Case, 404))
    async def read(request: Request, case_id: str) -> JSONResponse:
        """One case with its text, verdict, decisions and events; a key reads its own."""
        return JSONResponse(case_json(await _readable(queue, request, case_id)))

    @routes.post("/v1/cases/{case_id}/decision", responses=moved, openapi_extra=read_body(DecisionForm))
    async def decide(request: Request, case_id: str) -> JSONResponse:
        """Close a claimed case with a finding, its ground and an action."""
        analyst = person(caller_of(request), READERS)
        form = parse(DecisionForm, await json_body(request))
        row = await in_thread(queue.decide, case_id, analyst, form)
        meters.decided.labels(str(form.illegal).lower()).inc()
        return JSONResponse(as_json(row))

    @routes.post("/v1/cases/{case_id}/heartbeat", responses=told(answers.Lease, 404, 409, 413))
    async def heartbeat(request: Request, case_id: str) -> JSONResponse:
        """Keep the lease of a claimed case; answers its new end."""
        until = await in_thread(queue.heartbeat, case_id, person(caller_of(request), READERS))
        return JSONResponse({"id": case_id, "lease_until": as_json(until)})

    @routes.post("/v1/cases/{case_id}/release", responses=moved, openapi_extra=remark)
    async def release(request: Request, case_id: str) -> JSONResponse:
        """Give a claimed case back to the queue."""
        analyst = person(caller_of(request), READERS)
        remark = parse(Remark, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.release, case_id, analyst, remark.note)))

    @routes.post("/v1/cases/{case_id}/skip", responses=moved, openapi_extra=read_body(Skip))
    async def skip(request: Request, case_id: str) -> JSONResponse:
        """Give a claimed case back for others; it is not given to the same person again."""
        analyst = person(caller_of(request), READERS)
        form = parse(Skip, await json_body(request))
        return JSONResponse(as_json(await in_thread(queue.skip, case_id, analyst, form.reason)))

    @routes.post("/v1/cases/{case_id}/undo", responses=moved)
    async def undo(request: Request, case_id: str) -> JSONResponse:
        """Take one's own decision back within a minute, while nobody else has touched the case."""
        analyst = person(caller_of(request), READERS)
        return JSONResponse(as_json(await in_thread(queue.undo, case_id, analyst)))

    @routes.post("/v1/cases/{case_id}/escalate", responses=moved, openapi_extra=read_body(Escalation, required=False))
    async def escalate(request: Request, case_id: str) -> JSONResponse:
        """Pass a claimed case on to a senior; ``vital`` when a life may be in danger."""
        analyst = person(caller_of(request), READERS)
        form = parse(Escalation, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.escalate, case_id, analyst, form.note, vital=form.vital)))

    @routes.post("/v1/cases/{case_id}/appeal", responses=moved, openapi_extra=remark)
    async def appeal(request: Request, case_id: str) -> JSONResponse:
        """Contest a decision: the key that submitted the case, or a person."""
        await _readable(queue, request, case_id)
        remark = parse(Remark, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.appeal, case_id, _actor(request), remark.note)))

    @routes.get("/v1/stats", responses=told(answers.Stats))
    async def stats(request: Request) -> JSONResponse:
        """The queue in figures."""
        person(caller_of(request), WATCHERS)
        return JSONResponse(as_json(await in_thread(queue.stats)))

    return routes


def _new_cases(value: object, limits: Limits) -> tuple[list[NewCase], bool]:
    """The cases of a body, and whether it was a single one."""
    if not (isinstance(value, dict) and "cases" in value):
        return [parse(NewCase, value)], True
    if others := [key for key in value if key != "cases"]:
        detail = "the body holds 'cases' beside other fields; send one case, or 'cases' alone"
        raise InputError(detail, code="unknown_field", pointer=pointer_to([others[0][:64]]))
    given = value["cases"]
    if not isinstance(given, list):
        raise InputError("cases: expected an array of cases", code="wrong_type", pointer="/cases")
    if not 1 <= len(given) <= limits.cases:
        detail = f"cases: expected 1 to {limits.cases} cases, got {len(given)}; send several requests"
        raise InputError(detail, code="too_many_cases" if given else "invalid_value", pointer="/cases")
    return [parse(NewCase, case, at=("cases", number)) for number, case in enumerate(given)], False


def _scope_of(request: Request) -> str | None:
    """The key to which a listing is confined; None for people who read cases."""
    caller = caller_of(request)
    if caller.key:
        return caller.key.id
    person(caller, READERS)
    return None


async def _readable(queue: Queue, request: Request, case_id: str) -> Case:
    """The case, when the caller may read it. Another key's case does not exist for this one."""
    key_id = _scope_of(request)
    case = await in_thread(queue.get, case_id)
    if key_id is not None and case.row.key_id != key_id:
        raise no_case(case_id)
    return case


def _actor(request: Request) -> Account | Source:
    caller = caller_of(request)
    return caller.key.source if caller.key else person(caller, READERS)


def case_json(case: Case) -> dict[str, Any]:
    """A case with the fields of its row at the top."""
    body = as_json(case)
    return {**body.pop("row"), **body}


def as_json(value: Any) -> Any:
    """Frozen records as JSON values: times in ISO 8601 with their offset, enums by value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: as_json(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    return [as_json(part) for part in value] if isinstance(value, list | tuple) else value
