"""Taking cases and giving them back, over HTTP: parses, makes one call in a thread, words the answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from serving import answers
from serving.bundle.config import Frozen
from serving.review import Queue, Role, SkipReason
from serving.review.bodies import Short

from .access import reader
from .auth import caller_of, person
from .document import read_body, told
from .records import as_json, case_json
from .schemas import Remark, json_body, parse
from .threads import in_thread


class Skip(Frozen):
    """Why a case is left to others."""

    reason: SkipReason


class Handover(Frozen):
    """To whom a case is handed: the id of an account."""

    to: Short


def claiming_routes(queue: Queue) -> APIRouter:
    """For people who read cases; handing a case to somebody is a supervisor's."""
    routes = APIRouter(tags=["queue"])
    moved, claimed = told(answers.CaseRow, 404, 409, 413), told(answers.Case, 404, 409, 413)

    @routes.get("/v1/queue", responses=told(answers.Rows))
    async def waiting(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**6)] = 0,
    ) -> JSONResponse:
        """What waits, in claim order, without text; chance (audit draw, ordinary share) left aside."""
        reader(request)
        return JSONResponse({"rows": as_json(await in_thread(queue.top, limit, offset))})

    @routes.get("/v1/queue/held", responses=told(answers.Rows))
    async def held(request: Request) -> JSONResponse:
        """What the person asking has claimed and not finished."""
        return JSONResponse({"rows": as_json(await in_thread(queue.held, reader(request)))})

    @routes.post("/v1/queue/claim", responses=told(answers.Claimed, 413))
    async def claim(request: Request) -> JSONResponse:
        """The next case in claim order, under a lease; ``{"case": null}`` when the queue is empty."""
        case = await in_thread(queue.claim, reader(request))
        return JSONResponse({"case": case_json(case) if case else None})

    @routes.post("/v1/cases/{case_id}/claim", responses=claimed)
    async def claim_named(request: Request, case_id: str) -> JSONResponse:
        """Claim this case, found by a search or beside another, under the same rules."""
        return JSONResponse(case_json(await in_thread(queue.claim_case, case_id, reader(request))))

    @routes.post("/v1/cases/{case_id}/heartbeat", responses=told(answers.Lease, 404, 409, 413))
    async def heartbeat(request: Request, case_id: str) -> JSONResponse:
        """Keep the lease of a claimed case; answers its new end."""
        until = await in_thread(queue.heartbeat, case_id, reader(request))
        return JSONResponse({"id": case_id, "lease_until": as_json(until)})

    @routes.post("/v1/cases/{case_id}/release", responses=moved, openapi_extra=read_body(Remark, required=False))
    async def release(request: Request, case_id: str) -> JSONResponse:
        """Give a claimed case back to the queue."""
        analyst = reader(request)
        remark = parse(Remark, await json_body(request, empty={}))
        return JSONResponse(as_json(await in_thread(queue.release, case_id, analyst, remark.note)))

    @routes.post("/v1/cases/{case_id}/skip", responses=moved, openapi_extra=read_body(Skip))
    async def skip(request: Request, case_id: str) -> JSONResponse:
        """Give a claimed case back for others; it is not given to the same person again."""
        analyst = reader(request)
        form = parse(Skip, await json_body(request))
        return JSONResponse(as_json(await in_thread(queue.skip, case_id, analyst, form.reason)))

    @routes.post("/v1/cases/{case_id}/reassign", responses=moved, openapi_extra=read_body(Handover))
    async def reassign(request: Request, case_id: str) -> JSONResponse:
        """Hand an open case to somebody who reads cases, whoever holds it."""
        supervisor = person(caller_of(request), {Role.SUPERVISOR})
        form = parse(Handover, await json_body(request))
        return JSONResponse(as_json(await in_thread(queue.reassign, case_id, supervisor, form.to)))

    return routes
