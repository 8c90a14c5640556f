"""Request ids, structured logs and latencies: one JSON line a request, without query, body or text.

Knows paths, statuses and times; nothing of what was said. Stands in for BentoML's own instruments, which keep a series
for every path ever asked, case ids included, before anybody is authenticated.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .meters import Meters

log = logging.getLogger("vigie.requests")

_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = {"/livez", "/readyz", "/healthz"}
_LONGEST_PATH = 200


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and the record's ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; an exception is named, its message is not written."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(line, ensure_ascii=False, default=str)


def start_logging(level: int = logging.INFO) -> None:
    """Write Vigie's loggers to standard error as JSON lines; called once, by whoever starts a process."""
    root = logging.getLogger("vigie")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root.handlers = [handler]
    root.setLevel(level)
    root.propagate = False


class Journal:
    """Pure ASGI, outermost: gives each request its id, sends it back, logs and times the outcome."""

    def __init__(self, app: ASGIApp, meters: Callable[[], Meters | None]) -> None:
        """``meters`` gives None while the service starts."""
        self.app = app
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application between a stopwatch and a log line."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _stamp(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            return await self.app(scope, receive, stamped)
        finally:
            if scope["path"] not in _QUIET:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        if meters := self.meters():
            meters.requests.labels(route, method_of(scope), str(status)).observe(seconds)
        caller = scope["state"].get("caller")
        fields = {
            "request_id": scope["state"]["request_id"],
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "caller": caller.name if caller else None,
        }
        # Made here: ``log.info`` would first look through the stack for the line it is called from.
        told = {"name": log.name, "levelno": logging.INFO, "levelname": "INFO", "msg": "request", "fields": fields}
        log.handle(logging.makeLogRecord(told))


def route_of(scope: Scope) -> str:
    """The template of the route that answered, such as ``/v1/cases/{case_id}``; ``other`` when none did."""
    path = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{path}" if path else "other"


def method_of(scope: Scope) -> str:
    """The method; one of ours or ``OTHER``, since a client may send any word."""
    return scope["method"] if scope["method"] in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "OTHER"


def _request_id(scope: Scope) -> str:
    """The caller's id when it is a plain one, else a fresh one: 16 hexadecimal digits."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def _stamp(headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-ID"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
