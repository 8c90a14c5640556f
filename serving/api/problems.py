"""RFC 9457 problem details: the one shape in which the HTTP interface refuses something.

Knows errors and statuses; nothing of scoring, cases or users. A text never enters a problem.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.bundle.errors import Conflict, Forbidden, InputError, NotFound, TooMany, Unavailable, VigieError
from serving.bundle.faults import Culprit, culprits_of

from . import dialects

log = logging.getLogger("vigie.errors")

MEDIA_TYPE = "application/problem+json"

#: The first class that matches gives the status; any other VigieError is our fault.
STATUSES: tuple[tuple[type[VigieError], int], ...] = (
    (InputError, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Forbidden, 403),
    (TooMany, 429),
    (Unavailable, 503),
)

#: What comes with a Retry-After, and the seconds when the error does not know better.
_RETRIED = (429, 503)
_RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True)
class Problem:
    """A refusal, ready to be sent."""

    status: int
    code: str
    detail: str
    pointer: str | None = None
    culprits: tuple[Culprit, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def response(self, scope: Scope) -> JSONResponse:
        """The answer to the request of ``scope``, with its request id; on a façade, in that façade's words."""
        words = dialects.worded(scope, self.status, self.code, self.detail, self.pointer, self.culprits)
        if words:
            return JSONResponse(words[1], words[0], self.headers)
        body: dict[str, Any] = {
            "type": f"urn:vigie:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "pointer": self.pointer,
            "instance": scope.get("path"),
            "request_id": scope.get("state", {}).get("request_id"),
        }
        if self.culprits:
            body["errors"] = [culprit.as_json() for culprit in self.culprits]
        return JSONResponse(body, self.status, self.headers, media_type=MEDIA_TYPE)


class InvalidBody(InputError):
    """A body that was read and is wrong in one or more places."""

    def __init__(self, culprits: Sequence[Culprit]) -> None:
        """``culprits``: at least one."""
        first = culprits[0]
        also = " (and more, see errors)" if len(culprits) > 1 else ""
        super().__init__(first.detail + also, code=first.code, pointer=first.pointer)
        self.culprits = tuple(culprits)


def problem_of(error: VigieError) -> Problem:
    """The problem that an error of the tree becomes."""
    if isinstance(error, InvalidBody):
        return Problem(422, error.code, error.detail, error.pointer, error.culprits)
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    seconds = getattr(error, "retry_after", _RETRY_AFTER_SECONDS)
    headers = {"Retry-After": str(seconds)} if status in _RETRIED else {}
    return Problem(status, error.code, error.detail, error.pointer, headers=headers)


def unauthenticated(detail: str) -> Problem:
    """401: nobody known is asking."""
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="vigie"'})


def install(app: FastAPI) -> None:
    """Make every refusal of ``app`` a problem, the unexpected ones included."""
    app.add_exception_handler(VigieError, _on_vigie_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(ValidationError, _on_validation)
    app.add_middleware(Unexpected)


async def _on_vigie_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VigieError)
    return problem_of(error).response(request.scope)


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ValidationError | RequestValidationError)
    return problem_of(InvalidBody(culprits_of(error.errors()))).response(request.scope)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    details = {404: "no such resource; see docs/api.md", 405: "this method is not allowed here; see the Allow header"}
    code = {404: "unknown_route", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    detail = details.get(error.status_code, str(error.detail))
    return Problem(error.status_code, code, detail, headers=dict(error.headers or {})).response(request.scope)


class Unexpected:
    """Answers 500 to what nobody foresaw, and logs where it happened.

    The exception's message is neither sent nor logged: a driver's message may quote the text of a case.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; a refusal is sent only while nothing else was."""
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            note_unexpected(error, scope.get("state", {}).get("request_id"))
            if not started and scope["type"] == "http":
                detail = "an unexpected error; give the request id to whoever runs this service"
                await Problem(500, "unexpected", detail).response(scope)(scope, receive, send)


def note_unexpected(error: BaseException, request_id: str | None) -> None:
    """Log the class and the places of ``error``; its message only when it is one of ours, which quote no text."""
    if isinstance(error, VigieError):
        fields = {"request_id": request_id, "code": error.code, "detail": error.detail}
        return log.error("refused", extra={"fields": fields})
    places = [f"{place.filename}:{place.lineno}" for place in traceback.extract_tb(error.__traceback__)]
    extra = {"fields": {"request_id": request_id, "error": type(error).__name__, "places": places[-6:]}}
    return log.error("unexpected error", extra=extra)
