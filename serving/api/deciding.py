"""Decisions over HTTP, on one case or on several alike, taken back, or left to a senior: parses, calls, words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse

from serving import answers
from serving.review import DecisionForm, Queue
from serving.review.bodies import Short

from .access import reader
from .document import read_body, told
from .meters import Meters
from .records import as_json
from .schemas import Escalation, json_body, parse
from .threads import in_thread

#: Cases of one decision: each is claimed, decided and logged on its own.
_MOST = 200


class BulkForm(DecisionForm):
    """One decision on several cases: on the first, and on those alike."""

    ids: Annotated[tuple[Short, ...], Field(min_length=1, max_length=_MOST)]


def deciding_routes(queue: Queue, meters: Meters) -> APIRouter:
    """For people who read cases."""
    routes = APIRouter(tags=["queue"])
    moved = told(answers.CaseRow, 404, 409, 413)

    @routes.post("/v1/cases/{case_id}/decision", responses=moved, openapi_extra=read_body(DecisionForm))
    async def decide(request: Request, case_id: str) -> JSONResponse:
        """Close a claimed case with a finding, its ground and an action."""
        analyst = reader(request)
        form = parse(DecisionForm, await json_body(request))
        row = await in_thread(queue.decide, case_id, analyst, form)
        meters.decided.labels(str(form.illegal).lower()).inc()
        return JSONResponse(as_json(row))

    @routes.post("/v1/decisions", responses=told(answers.Bulk, 404, 409, 413), openapi_extra=read_body(BulkForm))
    async def decide_many(request: Request) -> JSONResponse:
        """Decide the first case and, alike, the others; each that differs or is somebody else's is left, and why."""
        analyst = reader(request)
        form = parse(BulkForm, await json_body(request))
        decision = DecisionForm(**form.model_dump(exclude={"ids"}))
        done = await in_thread(queue.decide_many, form.ids, analyst, decision)
        meters.decided.labels(str(form.illegal).lower()).inc(len(done.decided))
        return JSONResponse(as_json(done))

    @routes.post("/v1/cases/{case_id}/undo", responses=moved)
    async def undo(request: Request, case_id: str) -> JSONResponse:
        """Take one's own decision back within a minute, while nobody else has touched the case."""
        return JSONResponse(as_json(await in_thread(queue.undo, case_id, reader(request))))

    @routes.post("/v1/cases/{case_id}/escalate", responses=moved, openapi_extra=read_body(Escalation, required=False))
    async def escalate(request: Request, case_id: str) -> JSONResponse:
        """Pass a claimed case on to a senior; ``vital`` when a life may be in danger."""
        analyst = reader(request)
        form = parse(Escalation, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.escalate, case_id, analyst, form.note, vital=form.vital)))

    return routes
