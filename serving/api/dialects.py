"""How the façades' clients send their key, and the words in which they expect to be refused.

Knows paths, statuses and the two shapes; nothing of scoring. Every refusal goes through here, whoever raises it: the
gate, the size limit, a route or an accident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from serving.bundle.faults import Culprit

_OPENAI = ("/v1/moderations",)
_GOOGLE = ("/v1alpha1/", "/$discovery/")

#: Our status for a body that cannot be used is 422; both services say 400.
_UNUSABLE = 422


def sent_key(scope: Scope) -> str | None:
    """The key as Google's clients send it, ``?key=`` or ``X-Goog-Api-Key``; on the Perspective façade only."""
    if not scope["path"].startswith(_GOOGLE):
        return None
    return QueryParams(scope.get("query_string", b"")).get("key") or Headers(scope=scope).get("x-goog-api-key")


def worded(
    scope: Scope, status: int, code: str, detail: str, pointer: str | None, culprits: Sequence[Culprit]
) -> tuple[int, dict[str, Any]] | None:
    """Status and body of a refusal in the words of the façade that was asked; None on our own routes."""
    path = scope.get("path", "")
    status = 400 if status == _UNUSABLE else status
    if path.startswith(_OPENAI):
        return _openai(status, code, detail, pointer)
    if path.startswith(_GOOGLE):
        return _google(scope, status, detail, culprits)
    return None


# --- OpenAI -----------------------------------------------------------------------------------------------------------

_OPENAI_TYPES = {403: "permission_error", 429: "rate_limit_error", 500: "server_error", 503: "server_error"}
_OPENAI_CODES = {"unauthenticated": "invalid_api_key"}


def _openai(status: int, code: str, detail: str, pointer: str | None) -> tuple[int, dict[str, Any]]:
    error = {
        "message": detail,
        "type": _OPENAI_TYPES.get(status, "invalid_request_error"),
        "param": pointer.removeprefix("/").replace("/", ".") if pointer else None,
        "code": _OPENAI_CODES.get(code, code),
    }
    return status, {"error": error}


# --- Google -----------------------------------------------------------------------------------------------------------

#: Canonical codes of google.rpc.Code by HTTP status.
_GOOGLE_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def google_error(status: int, message: str, details: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The body of a refusal as Google's services write it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _GOOGLE_STATUS.get(status, "UNKNOWN")}
    if details:
        error["details"] = [dict(detail) for detail in details]
    return {"error": error}


def _google(scope: Scope, status: int, detail: str, culprits: Sequence[Culprit]) -> tuple[int, dict[str, Any]]:
    if status == 401:
        return _unknown_caller(scope, detail)
    fields = [
        {"field": (culprit.pointer or "").removeprefix("/").replace("/", "."), "description": culprit.detail}
        for culprit in culprits
    ]
    return status, google_error(status, detail, [{"@type": _BAD_REQUEST, "fieldViolations": fields}] if fields else ())


def _unknown_caller(scope: Scope, detail: str) -> tuple[int, dict[str, Any]]:
    """A wrong key is 400 there, no key at all 403, and a wrong token 401: clients tell them apart."""
    if Headers(scope=scope).get("authorization"):
        return 401, google_error(401, detail)
    if sent_key(scope) is None:
        return 403, google_error(403, "Method doesn't allow unregistered callers; send an API key as ?key=KEY.")
    info = {"@type": _ERROR_INFO, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
    return 400, google_error(400, "API key not valid. Please pass a valid API key.", [info])
