"""Setting up the second factor: a key for an authenticator, a first code, recovery codes. Knows no page but its own."""

from __future__ import annotations

from typing import Any

import segno
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.api.auth import caller_of
from serving.api.threads import in_thread
from serving.bundle.errors import VigieError

from .desk import Desk, field, signed_in
from .sentences import sentence
from .sign_in import PREFERENCES

_GROUP = 4


class EnrolmentPages:
    """The views of the second factor; for every role."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """A proposed key, or what to do about the one that there is."""
        return self._page(request)

    async def confirm(self, request: Request) -> Response:
        """Ask for codes from now on, once a first one has been typed; shows the recovery codes this once.

        Other sessions end: they were opened by the password alone.
        """
        form = await self.desk.form(request)
        caller, accounts = caller_of(request), self.desk.accounts
        account, seed = signed_in(caller), field(form, "graine")
        try:
            fresh = await in_thread(accounts.confirm_second_factor, account, seed, field(form, "code"))
        except VigieError as error:
            return self._page(request, 422, seed, error=sentence(error))
        await in_thread(lambda: accounts.sign_out_everywhere(account.id, but=caller.session))
        return self._page(request, recovery=[grouped(code) for code in fresh])

    async def drop(self, request: Request) -> Response:
        """Ask for no code any more; a role that must have one sets up another."""
        form = await self.desk.form(request)
        account, accounts = signed_in(caller_of(request)), self.desk.accounts
        password, code = field(form, "mot_de_passe"), field(form, "code")
        try:
            await in_thread(accounts.drop_second_factor, account, password, code)
        except VigieError as error:
            return self._page(request, 422, error=sentence(error))
        return RedirectResponse(f"{PREFERENCES}?fait=code-retire", 303)

    def _page(self, request: Request, status: int = 200, seed: str = "", **told: Any) -> Response:
        account = signed_in(caller_of(request))
        values: dict[str, Any] = {"error": None, "recovery": [], "proposed": None} | told
        if not account.second_factor and not values["recovery"]:
            proposed = self.desk.accounts.propose_second_factor(account, seed)
            values |= {"proposed": proposed, "key": grouped(proposed.key), "drawing": drawing(proposed.uri)}
        return self.desk.page(request, "enrolment.html", status, **values)


def drawing(uri: str) -> str:
    """A QR code as SVG, drawn from its bits: no word of ``uri``, no style and no script, so the page shows it as is."""
    code = segno.make(uri, error="m", micro=False)
    return code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)


def grouped(key: str) -> str:
    """A key in groups of four, as people copy it."""
    return " ".join(key[at : at + _GROUP] for at in range(0, len(key), _GROUP))
