"""The way in and out: sign-in with its code, one-time password, sign-out."""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from serving.api.auth import COOKIE, SIGN_IN, caller_of
from serving.api.csrf import csrf_token
from serving.api.threads import in_thread
from serving.bundle.errors import Forbidden, VigieError
from serving.review import READERS, Account, Challenge, Session

from .desk import HOME, Desk, checked_form, field, signed_in, utc_now
from .render import page
from .sentences import sentence

PASSWORD = "/console/mot-de-passe"  # noqa: S105 (a path)
PREFERENCES = "/console/reglages"
ENROLMENT = "/console/reglages/code"

#: The sign-in form has no session yet: its token belongs to this short-lived cookie.
ENTRY_COOKIE = "vigie_entree"
_ENTRY_SECONDS = 3600
_ONWARD = re.compile(r"/console/[A-Za-z0-9/_-]*")

_WRONG_PASSWORD = "Identifiant ou mot de passe incorrect, ou compte bloqué quelques minutes après plusieurs essais."  # noqa: S105
_WRONG_CODE = (
    "Ce code n’est pas le bon, a déjà servi, ou le compte est bloqué quelques minutes après plusieurs essais. "
    "Essayez le suivant ; après cinq minutes, recommencez par le mot de passe."
)


def unfinished(account: Account) -> str | None:
    """The page where somebody still has something to do before working: their own password, then their code."""
    if account.must_change_password:
        return PASSWORD
    return ENROLMENT if account.must_enrol else None


def landing(account: Account) -> str:
    """The first page of somebody: the queue, or their settings where the role reads no case."""
    return HOME if account.role in READERS else PREFERENCES


class Entrance:
    """The views of the way in and out."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """The sign-in page."""
        return self._sign_in_page(request, request.query_params.get("suite", ""))

    async def enter(self, request: Request) -> Response:
        """Open a session; say that name and password do not match (without saying which), or ask for the code."""
        try:
            form = await checked_form(request, self.desk.secret, request.cookies.get(ENTRY_COOKIE, ""))
        except Forbidden:
            return self._sign_in_page(request, "", 403, "Le formulaire a expiré. Recommencez.")
        onward, name = field(form, "suite"), field(form, "nom")
        if token := field(form, "defi"):
            return await self._answer(request, onward, token, field(form, "code"))
        found = await in_thread(self.desk.accounts.sign_in, name, field(form, "mot_de_passe"))
        if found is None:
            return self._sign_in_page(request, onward, 401, _WRONG_PASSWORD, name)
        if isinstance(found, Challenge):
            return self._sign_in_page(request, onward, challenge=found.token)
        return _admitted(found, onward, request)

    async def _answer(self, request: Request, onward: str, token: str, code: str) -> Response:
        """Open the session of a challenge, or ask for another code."""
        session = await in_thread(self.desk.accounts.answer, token, code)
        if session is None:
            return self._sign_in_page(request, onward, 401, _WRONG_CODE, challenge=token)
        return _admitted(session, onward, request)

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
            session = await in_thread(self.desk.accounts.change_password, account.id, field(form, "actuel"), new)
        except VigieError as error:
            return self.desk.page(request, "password.html", 422, error=sentence(error))
        return _with_session(RedirectResponse(f"{landing(account)}?fait=mot-de-passe", 303), session, request)

    def _sign_in_page(
        self,
        request: Request,
        onward: str,
        status: int = 200,
        error: str | None = None,
        name: str = "",
        challenge: str = "",
    ) -> HTMLResponse:
        entry = request.cookies.get(ENTRY_COOKIE) or secrets.token_urlsafe(24)
        shown = {"error": error, "name": name, "onward": _inside(onward), "challenge": challenge}
        answer = page("sign_in.html", status, csrf=csrf_token(self.desk.secret, entry), **shown)
        _set_cookie(answer, request, ENTRY_COOKIE, entry, _ENTRY_SECONDS, "/console")
        return answer


def _inside(path: str) -> str:
    """``path`` when it is a page of the console, else the home page: no redirection elsewhere."""
    return path if _ONWARD.fullmatch(path) and path != SIGN_IN else HOME


def _admitted(session: Session, onward: str, request: Request) -> Response:
    inside = _inside(onward)
    target = unfinished(session.account) or (landing(session.account) if inside == HOME else inside)
    return _with_session(RedirectResponse(target, 303), session, request)


def _with_session(answer: Response, session: Session, request: Request) -> Response:
    seconds = int((session.expires_at - utc_now()).total_seconds())
    _set_cookie(answer, request, COOKIE, session.token, seconds, "/")
    answer.delete_cookie(ENTRY_COOKIE, path="/console")
    return answer


def _set_cookie(answer: Response, request: Request, name: str, value: str, seconds: int, path: str) -> None:
    """A cookie no script reads and no other site sends; over HTTPS only, where the service has HTTPS."""
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="strict")
