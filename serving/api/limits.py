"""How much one request may carry and how long it may take. Knows counts and seconds; nothing of what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bundle.errors import Unavailable
from serving.settings import Settings, available_cores

from .problems import Problem, problem_of


@dataclass(frozen=True)
class Limits:
    """The limits of one deployment.

    Attributes:
        items: texts in one scoring request.
        cases: cases in one submission.
        body: bytes of one request body.
        scoring: scoring requests that may run or wait; one more is answered 503.
        wait: seconds a scoring request may have to wait before it starts; beyond, it is answered 503.
        explained: texts in one request whose words are weighed; each costs as many readings as it has words.
        remembered: verdicts kept in memory by content, per worker, about 2 KiB each.
        sessions: texts that stand alone in their request and are scored at the same time: one for each ONNX session.
    """

    items: int = 2_000
    cases: int = 500
    body: int = 8 * 1024 * 1024
    scoring: int = 64
    wait: float = 5.0
    explained: int = 32
    remembered: int = 10_000
    sessions: int = field(default_factory=available_cores)

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the environment sets."""
        return cls(
            items=settings.max_items,
            cases=settings.max_cases,
            body=settings.max_body,
            scoring=settings.max_scoring,
            wait=float(settings.max_wait),
            explained=settings.max_explained,
            remembered=settings.remembered,
            sessions=settings.sessions,
        )


#: A refused body is read up to this many times the limit, so that simple clients get to read the refusal.
_DRAIN = 8


class BodyLimit:
    """Pure ASGI: counts the body while it streams, whatever Content-Length says, and answers 413 past the limit.

    The body is handed on whole: every route here needs all of it, and a half-read body never reaches one.
    """

    def __init__(self, app: ASGIApp, limit: int | Callable[[], int] = Limits.body) -> None:
        """``limit`` in bytes, or what tells it once the settings were read."""
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then run the application on it or refuse."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        limit = self.limit() if callable(self.limit) else self.limit
        body, whole = await _read(receive, limit)
        if body is None:
            detail = f"the body is larger than {limit} bytes; send it in several requests"
            refusal = Problem(413, "body_too_large", detail, headers={"Connection": "close"})
            return await refusal.response(scope)(scope, receive, send)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}] if whole else []

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return await self.app(scope, replay, send)


async def _read(receive: Receive, limit: int) -> tuple[bytes | None, bool]:
    """The body, None when too large; and whether it came whole (a client may leave half-way)."""
    body, seen = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body), False
        chunk = message.get("body", b"")
        seen += len(chunk)
        if seen <= limit:
            body += chunk
        if seen > limit * _DRAIN or not message.get("more_body", False):
            return (bytes(body), True) if seen <= limit else (None, True)


class Deadline:
    """Pure ASGI: answers 503 in our words when a request has taken too long, before the shell does so in its own."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application until the deadline; what a thread computes then ends with its slice."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self.seconds) as timer:
                return await self.app(scope, receive, noted)
        except TimeoutError:
            if begun or not timer.expired():
                raise
        late = Unavailable(f"no answer within {self.seconds:g} s; send fewer or shorter texts", code="too_slow")
        return await problem_of(late).response(scope)(scope, receive, send)
