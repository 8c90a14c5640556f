"""How much one request may carry. Knows bytes and counts; nothing of what they mean."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import Problem


@dataclass(frozen=True)
class Limits:
    """The limits of one deployment.

    Attributes:
        items: texts in one scoring request.
        cases: cases in one submission.
        body: bytes of one request body.
        scoring: scoring requests that may run or wait; one more is answered 503.
    """

    items: int = 2_000
    cases: int = 500
    body: int = 8 * 1024 * 1024
    scoring: int = 64


#: A refused body is read up to this many times the limit, so that simple clients get to read the refusal.
_DRAIN = 8


class BodyLimit:
    """Pure ASGI: counts the body while it streams, whatever Content-Length says, and answers 413 past the limit.

    The body is handed on whole: every route here needs all of it, and a half-read body never reaches one.
    """

    def __init__(self, app: ASGIApp, limit: int = Limits.body) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then run the application on it or refuse."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body, whole = await self._read(receive)
        if body is None:
            detail = f"the body is larger than {self.limit} bytes; send it in several requests"
            refusal = Problem(413, "body_too_large", detail, headers={"Connection": "close"})
            return await refusal.response(scope)(scope, receive, send)
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}] if whole else []

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        return await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> tuple[bytes | None, bool]:
        """The body, None when too large; and whether it came whole (a client may leave half-way)."""
        body, seen = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(body), False
            chunk = message.get("body", b"")
            seen += len(chunk)
            if seen <= self.limit:
                body += chunk
            if seen > self.limit * _DRAIN or not message.get("more_body", False):
                return (bytes(body), True) if seen <= self.limit else (None, True)
