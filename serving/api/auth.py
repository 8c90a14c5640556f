"""Who is asking. Pure ASGI, at the level of the whole service, so that the shell's own routes are covered as well.

Knows keys, sessions and paths; what a caller may do with a case is said route by route with ``person`` and ``source``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.bundle.errors import Forbidden, Unavailable, VigieError
from serving.review import Account, Accounts, Key, Role

from .csrf import HEADER, csrf_matches
from .dialects import sent_key
from .problems import Problem, problem_of, unauthenticated

COOKIE = "vigie_session"
SIGN_IN = "/console/connexion"
STATIC = "/console/static/"

#: Open to everybody: is it alive, is it ready, and the way in.
OPEN = frozenset({"/livez", "/readyz", "/healthz", SIGN_IN})

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Doors:
    """What the gate checks callers with."""

    accounts: Accounts
    secret: bytes


@dataclass(frozen=True)
class Caller:
    """A known caller: a key, or a person with the token of their session. Exactly one of the two."""

    key: Key | None = None
    account: Account | None = None
    session: str = ""
    #: The session came as a cookie, which browsers send along by themselves.
    by_cookie: bool = False

    @property
    def name(self) -> str:
        """A pseudonym for logs."""
        return f"key:{self.key.id}" if self.key else f"person:{self.account.id if self.account else '?'}"


class Gate:
    """Lets known callers through and tells the application who they are (``scope["state"]["caller"]``).

    A key opens ``/v1`` and the shell's own routes; a session opens ``/console`` and ``/v1``, and the shell's own routes
    to an admin. A session cookie alone cannot write to ``/v1``: the header X-CSRF-Token is needed too.
    """

    def __init__(self, app: ASGIApp, doors: Callable[[], Doors | None]) -> None:
        """``doors`` gives None while the service starts."""
        self.app = app
        self.doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for known callers; answer the others."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and _is_open(scope["path"])):
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008, "reason": "no websocket here"})
        outcome = await self._admit(scope)
        if isinstance(outcome, Response):
            return await outcome(scope, receive, send)
        scope.setdefault("state", {})["caller"] = outcome
        return await self.app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Caller | Response:
        """The caller, or the answer that refuses."""
        doors = self.doors()
        if doors is None:
            detail = "the service is not ready: it is starting, or could not start; its log says which"
            return problem_of(Unavailable(detail, code="not_ready")).response(scope)
        try:
            caller = recalled(doors.accounts, scope) or await anyio.to_thread.run_sync(identify, doors.accounts, scope)
        except VigieError as error:
            return problem_of(error).response(scope)
        if caller is None:
            return _ask_who(scope)
        return refusal(caller, scope, doors.secret) or caller


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(STATIC)


def recalled(accounts: Accounts, scope: Scope) -> Caller | None:
    """The caller behind a key that is still known from an earlier request; does not wait for the database."""
    plain = _bearer(Headers(scope=scope).get("authorization")) or sent_key(scope)
    key = accounts.recall_key(plain) if plain else None
    return Caller(key=key) if key else None


def identify(accounts: Accounts, scope: Scope) -> Caller | None:
    """The caller by Authorization header, else by the façade's way, else by session cookie; None when unknown.

    Reads the database.
    """
    bearer = _bearer(Headers(scope=scope).get("authorization"))
    if bearer is not None:
        if key := accounts.authenticate_key(bearer):
            return Caller(key=key)
        account = accounts.session(bearer)
        return Caller(account=account, session=bearer) if account else None
    if plain := sent_key(scope):
        sent = accounts.authenticate_key(plain)
        return Caller(key=sent) if sent else None
    token = HTTPConnection(scope).cookies.get(COOKIE)
    account = accounts.session(token) if token else None
    return Caller(account=account, session=token or "", by_cookie=True) if account else None


def _bearer(header: str | None) -> str | None:
    scheme, _, value = (header or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def refusal(caller: Caller, scope: Scope, secret: bytes) -> Response | None:
    """Why this known caller may not enter here; None when they may."""
    path: str = scope["path"]
    if path == "/" or path.startswith("/console"):
        return None if caller.account else _forbidden(scope, "the console is for people; keys use /v1")
    if not path.startswith(("/v1", "/$discovery/")):
        allowed = caller.key or (caller.account and caller.account.role is Role.ADMIN and caller.account.settled)
        return None if allowed else _forbidden(scope, "this route needs a key or an admin's session")
    if caller.by_cookie and scope["method"] not in _SAFE and not _has_csrf(caller, scope, secret):
        detail = "a session cookie alone cannot write; send the header X-CSRF-Token, or the session as a Bearer token"
        return _forbidden(scope, detail, "csrf")
    return None


def _has_csrf(caller: Caller, scope: Scope, secret: bytes) -> bool:
    return csrf_matches(secret, caller.session, Headers(scope=scope).get(HEADER))


def _forbidden(scope: Scope, detail: str, code: str = "forbidden") -> Response:
    return Problem(403, code, detail).response(scope)


def _ask_who(scope: Scope) -> Response:
    """401; a person is sent to the sign-in page instead."""
    path: str = scope["path"]
    if path == "/" or path.startswith("/console"):
        if Headers(scope=scope).get("hx-request") == "true":
            # htmx would follow a redirection and show the sign-in page inside the page.
            return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
        onward = f"?suite={quote(path, safe='/')}" if scope["method"] == "GET" and path != "/" else ""
        return RedirectResponse(SIGN_IN + onward, 303)
    return unauthenticated("send a valid key as 'Authorization: Bearer KEY'; make one with: vigie key create").response(
        scope
    )


class Insiders:
    """Pure ASGI, inside the application: without a gate before it, it lets nobody in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for those whom the gate let in."""
        if scope["type"] == "http" and not _is_open(scope["path"]) and _caller_in(scope) is None:
            return await problem_of(_NO_GATE).response(scope)(scope, receive, send)
        return await self.app(scope, receive, send)


_NO_GATE = Forbidden("nobody was identified; this application must run behind its gate")


def _caller_in(scope: Scope) -> Caller | None:
    caller = scope.get("state", {}).get("caller")
    return caller if isinstance(caller, Caller) else None


def caller_of(request: Request) -> Caller:
    """The caller the gate let in.

    Raises:
        Forbidden: there was no gate.
    """
    if caller := _caller_in(request.scope):
        return caller
    raise _NO_GATE


def person(caller: Caller, roles: Collection[Role]) -> Account:
    """The person asking, when their role is one of ``roles``.

    Raises:
        Forbidden: a key is asking, or the role is another.
    """
    wanted = ", ".join(sorted(role.value for role in roles))
    if caller.account is None:
        raise Forbidden(f"a key may not do this; sign in as a person with one of the roles {wanted}")
    if caller.account.role not in roles:
        raise Forbidden(f"the role {caller.account.role.value!r} may not do this; expected one of {wanted}")
    if caller.account.must_change_password:
        detail = "the one-time password must be changed first, at /console/mot-de-passe"
        raise Forbidden(detail, code="password_change_required")
    if caller.account.must_enrol:
        detail = "this role signs in with a code as well; set it up first, at /console/reglages/code"
        raise Forbidden(detail, code="second_factor_required")
    return caller.account


def submitter(caller: Caller) -> Key:
    """The key asking.

    Raises:
        Forbidden: a person is asking; the class of a reporter comes from a key.
    """
    if caller.key is None:
        raise Forbidden("cases are submitted with a key; make one with: vigie key create")
    return caller.key
