"""The way in and out: sign-in, one-time password, sign-out."""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.api.auth import COOKIE, SIGN_IN, caller_of
from serving.api.csrf import csrf_token
from serving.api.threads import in_thread
from serving.bundle.errors import Forbidden, VigieError
from serving.review import Session

from .desk import HOME, Desk, checked_form, field, signed_in, utc_now
from .render import page
from .sentences import sentence

PASSWORD = "/console/mot-de-passe"  # noqa: S105 (a path)

#: The sign-in form has no session yet: its token belongs to this short-lived cookie.
ENTRY_COOKIE = "vigie_entree"
_ENTRY_SECONDS = 3600
_ONWARD = re.compile(r"/console/[A-Za-z0-9/_-]*")


class Entrance:
    """The views of the way in and out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """The sign-in page."""
        return self._sign_in_page(request, request.query_params.get("suite", ""))

    async def enter(self, request: Request) -> Response:
        """Open a session, or say that name and password do not match (without saying which)."""
        try:
            form = await checked_form(request, self.desk.secret, request.cookies.get(ENTRY_COOKIE, ""))
        except Forbidden:
            return self._sign_in_page(request, "", 403, "Le formulaire a expiré. Recommencez.")
        onward, name = field(form, "suite"), field(form, "nom")
        session = await in_thread(self.desk.accounts.sign_in, name, field(form, "mot_de_passe"))
        if session is None:
            refusal = "Identifiant ou mot de passe incorrect, ou compte bloqué quelques minutes après plusieurs essais."
            return self._sign_in_page(request, onward, 401, refusal, name)
        target = PASSWORD if session.account.must_change_password else onward
        return _with_session(RedirectResponse(_inside(target), 303), session, request)

    async def leave(self, request: Request) -> Response:
        """Close the session, here and in the database."""
        await self.desk.form(request)
        await in_thread(self.desk.accounts.sign_out, caller_of(request).session)
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    async def show_password(self, request: Request) -> Response:
        """The page where a password is chosen."""
        return self.desk.page(request, "password.html", error=None)

    async def change_password(self, request: Request) -> Response:
        """Change the password; every other session of the person ends."""
        form = await self.desk.form(request)
        new = field(form, "nouveau")
        if new != field(form, "confirmation"):
            mismatch = "Les deux saisies du nouveau mot de passe diffèrent."
            return self.desk.page(request, "password.html", 422, error=mismatch)
        account = signed_in(caller_of(request))
        try:
            await in_thread(self.desk.accounts.change_password, account.id, field(form, "actuel"), new)
        except VigieError as error:
            return self.desk.page(request, "password.html", 422, error=sentence(error))
        return await self._again(request, account.name, new)

    async def _again(self, request: Request, name: str, password: str) -> Response:
        """Open a session with the new password, whatever became of the old one."""
        session = await in_thread(self.desk.accounts.sign_in, name, password)
        if session is None:
            return RedirectResponse(SIGN_IN, 303)
        await in_thread(self.desk.accounts.sign_out, caller_of(request).session)
        return _with_session(RedirectResponse(f"{HOME}?fait=mot-de-passe", 303), session, request)

    def _sign_in_page(
        self, request: Request, onward: str, status: int = 200, error: str | None = None, name: str = ""
    ) -> HTMLResponse:
        entry = request.cookies.get(ENTRY_COOKIE) or secrets.token_urlsafe(24)
        token = csrf_token(self.desk.secret, entry)
        answer = page("sign_in.html", status, csrf=token, error=error, name=name, onward=_inside(onward))
        _set_cookie(answer, request, ENTRY_COOKIE, entry, _ENTRY_SECONDS, "/console")
        return answer


def _inside(path: str) -> str:
    """``path`` when it is a page of the console, else the home page: no redirection elsewhere."""
    return path if _ONWARD.fullmatch(path) and path != SIGN_IN else HOME


def _with_session(answer: Response, session: Session, request: Request) -> Response:
    seconds = int((session.expires_at - utc_now()).total_seconds())
    _set_cookie(answer, request, COOKIE, session.token, seconds, "/")
    answer.delete_cookie(ENTRY_COOKIE, path="/console")
    return answer


def _set_cookie(answer: Response, request: Request, name: str, value: str, seconds: int, path: str) -> None:
    """A cookie no script reads and no other site sends; over HTTPS only, where the service has HTTPS."""
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="strict")
