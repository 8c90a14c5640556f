"""The queue in figures, the agreement of its readers, and what a reader has been shown. No case is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from serving import answers
from serving.bundle.config import Frozen
from serving.review import Part, Queue

from .access import WATCHERS, reader
from .auth import caller_of, person
from .document import read_body, told
from .records import as_json
from .schemas import json_body, parse
from .threads import in_thread

Days = Annotated[int, Query(ge=1, le=366)]


class Shown(Frozen):
    """What a tool has shown to the person asking: a part of a case, and how many words of it."""

    words: Annotated[int, Field(ge=0, le=10**6)]
    part: Part = Part.TEXT


def figure_routes(queue: Queue) -> APIRouter:
    """Figures for people; the exposure is one's own, and nobody else's."""
    routes = APIRouter(tags=["figures"])

    @routes.get("/v1/stats", responses=told(answers.Stats))
    async def stats(request: Request) -> JSONResponse:
        """The queue in figures."""
        person(caller_of(request), WATCHERS)
        return JSONResponse(as_json(await in_thread(queue.stats)))

    @routes.get("/v1/agreement", responses=told(answers.Agreement))
    async def agreement(request: Request, days: Days = 90) -> JSONResponse:
        """Krippendorff's alpha of the cases read twice blindly in these days, with its 95 % interval."""
        person(caller_of(request), WATCHERS)
        since = datetime.now(UTC) - timedelta(days=days)
        return JSONResponse(as_json(await in_thread(queue.agreement, since)))

    @routes.get("/v1/exposure", responses=told(answers.OwnExposure))
    async def exposure(request: Request, days: Days = 7) -> JSONResponse:
        """What the person asking has read, by day, family and severity, and their day so far."""
        analyst = reader(request)
        read = await in_thread(queue.exposure_of, analyst.id, days)
        pace = await in_thread(queue.pace, analyst)
        return JSONResponse({"pace": as_json(pace), "read": as_json(read)})

    @routes.post("/v1/cases/{case_id}/exposure", responses=told(answers.Pace, 404, 413), openapi_extra=read_body(Shown))
    async def shown(request: Request, case_id: str) -> JSONResponse:
        """Note that a part of a case has been shown to the person asking, once a day; answers their day so far."""
        analyst = reader(request)
        form = parse(Shown, await json_body(request))
        await in_thread(queue.record_exposure, case_id, analyst, form.part, form.words)
        return JSONResponse(as_json(await in_thread(queue.pace, analyst)))

    return routes
