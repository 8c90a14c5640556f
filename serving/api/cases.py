"""Cases as those who sent them see them: submit, follow, read, say how far a text has spread, contest a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from serving import answers
from serving.bundle.config import Frozen
from serving.bundle.errors import InputError, VigieError
from serving.bundle.faults import pointer_to
from serving.review import NewCase, Queue

from .access import actor, readable, scope_of
from .auth import caller_of, submitter
from .document import read_body, told
from .limits import Limits
from .meters import Meters
from .quotas import spend
from .records import as_json, case_json
from .schemas import Remark, json_body, parse
from .threads import in_thread


class NewCases(Frozen):
    """Several cases, stored all or none."""

    cases: Annotated[tuple[NewCase, ...], Field(min_length=1)]


class Reach(Frozen):
    """How many people have seen a text by now."""

    reach: Annotated[int, Field(ge=0, le=10**15)]


def case_routes(queue: Queue, meters: Meters, limits: Limits, on_received: Callable[[], None]) -> APIRouter:
    """For keys, and for people where a case is read; ``on_received`` is told that there may be something to score."""
    routes = APIRouter(tags=["cases"])
    moved, remark = told(answers.CaseRow, 404, 409, 413), read_body(Remark, required=False)
    receipts = told(answers.Received | answers.ReceivedAnswer, 409, 413, also={200: "Known already", 202: "Stored"})

    @routes.post("/v1/cases", status_code=202, responses=receipts, openapi_extra=read_body(NewCase | NewCases))
    async def receive(request: Request) -> JSONResponse:
        """Store one case, or ``{"cases": [...]}`` all or nothing. Answers once it is on disk."""
        key = submitter(caller_of(request))
        cases, single = _new_cases(await json_body(request), limits)
        await spend(len(cases))
        try:
            receipts = await in_thread(queue.receive, cases, source=key.source)
        except VigieError as error:
            raise _in_the_body(error, single) from None
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
        key_id = scope_of(request)
        return JSONResponse(as_json(await in_thread(queue.changed_since, changed_since, limit, key_id=key_id)))

    @routes.get("/v1/cases/{case_id}", responses=told(answers.Case, 404))
    async def read(request: Request, case_id: str) -> JSONResponse:
        """One case with its text, verdict, decisions and events; a key reads its own."""
        return JSONResponse(case_json(await readable(queue, request, case_id)))

    @routes.post("/v1/cases/{case_id}/reach", responses=moved, openapi_extra=read_body(Reach))
    async def reach(request: Request, case_id: str) -> JSONResponse:
        """More people have seen a text: its rank is written again. The key that submitted the case, or a person."""
        await readable(queue, request, case_id)
        form = parse(Reach, await json_body(request))
        return JSONResponse(as_json(await in_thread(queue.change_reach, case_id, form.reach, actor(request))))

    @routes.post("/v1/cases/{case_id}/appeal", responses=moved, openapi_extra=remark)
    async def appeal(request: Request, case_id: str) -> JSONResponse:
        """Contest a decision: the key that submitted the case, or a person."""
        await readable(queue, request, case_id)
        remark = parse(Remark, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.appeal, case_id, actor(request), remark.note)))

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


def _in_the_body(error: VigieError, single: bool) -> VigieError:
    """``error`` with its pointer into the body that was sent: the queue's are into a batch."""
    if error.pointer is not None:
        error.pointer = error.pointer.removeprefix("/0") if single else f"/cases{error.pointer}"
    return error
