"""What a reader of a case wants beside it: notes, texts alike, the same target, a search. Parses, calls, words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from serving import answers
from serving.bundle.config import Frozen
from serving.priority import Lane
from serving.review import Filters, Queue, State
from serving.review.bodies import Short, Storable, When

from .access import reader
from .document import read_body, told
from .records import as_json
from .schemas import json_body, parse
from .threads import in_thread

Limit = Annotated[int, Query(ge=1, le=200)]


class NewNote(Frozen):
    """What an analyst writes for colleagues."""

    text: str


class Search(Frozen):
    """What is looked for. In a body: a query in an address would be kept by whatever lies on the way."""

    query: Annotated[Storable, Field(max_length=100_000)] = ""
    state: State | None = None
    lane: Lane | None = None
    family: Short | None = None
    level: Short | None = None
    category: Short | None = None
    same_target_as: Short | None = None
    since: When | None = None
    until: When | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0

    def filters(self) -> Filters:
        """All that is asked, the words aside."""
        return Filters(**self.model_dump(exclude={"query", "limit", "offset"}))


def reading_routes(queue: Queue) -> APIRouter:
    """For people who read cases."""
    routes = APIRouter(tags=["queue"])
    alike, rows = told(answers.Likenesses, 404), told(answers.Rows, 404)

    @routes.post("/v1/cases:search", responses=told(answers.Rows, 413), openapi_extra=read_body(Search))
    async def search(request: Request) -> JSONResponse:
        """Cases by an id, by a text that is equal or near, by words of a text, and by filters; newest first."""
        reader(request)
        form = parse(Search, await json_body(request))
        found = await in_thread(queue.search, form.query, form.filters(), form.limit, form.offset)
        return JSONResponse({"rows": as_json(found)})

    @routes.get("/v1/cases/{case_id}/near", responses=alike)
    async def near(request: Request, case_id: str, limit: Limit = 20) -> JSONResponse:
        """Cases whose text is near this one's, nearest first, with the words that differ: these are text."""
        reader(request)
        return JSONResponse({"cases": as_json(await in_thread(queue.near_duplicates, case_id, limit))})

    @routes.get("/v1/cases/{case_id}/cluster", responses=alike)
    async def cluster(request: Request, case_id: str, limit: Limit = 200) -> JSONResponse:
        """Those of the near cases that wait and may be decided with this one."""
        reader(request)
        return JSONResponse({"cases": as_json(await in_thread(queue.cluster, case_id, limit))})

    @routes.get("/v1/cases/{case_id}/same-target", responses=rows)
    async def same_target(request: Request, case_id: str, limit: Limit = 20) -> JSONResponse:
        """Other cases that aim at the same person, newest first; none when no target is known."""
        reader(request)
        return JSONResponse({"rows": as_json(await in_thread(queue.same_target, case_id, limit))})

    @routes.get("/v1/cases/{case_id}/notes", responses=told(answers.Notes, 404))
    async def notes(request: Request, case_id: str) -> JSONResponse:
        """What analysts wrote for each other, oldest first; not the first reader's while the second reads blindly."""
        reader(request)
        return JSONResponse({"notes": as_json(await in_thread(queue.notes, case_id))})

    @routes.post(
        "/v1/cases/{case_id}/notes", responses=told(answers.Note, 404, 409, 413), openapi_extra=read_body(NewNote)
    )
    async def add_note(request: Request, case_id: str) -> JSONResponse:
        """Write something for colleagues; erased with the text of the case."""
        analyst = reader(request)
        form = parse(NewNote, await json_body(request))
        return JSONResponse(as_json(await in_thread(queue.add_note, case_id, analyst, form.text)))

    return routes
