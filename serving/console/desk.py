"""What every page needs: the rooms it calls, who is asking, and a form that cannot have been forged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse

from serving.api.auth import Caller, caller_of
from serving.api.csrf import FIELD, HEADER, csrf_matches, csrf_token
from serving.api.meters import Meters
from serving.bundle import Manifest
from serving.bundle.errors import Forbidden
from serving.review import Account, Accounts, Queue

from . import words
from .render import page
from .views import Words

HOME = "/console/"


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Reader(Protocol):
    """What weighs words: a classifier, for its logits."""

    @property
    def manifest(self) -> Manifest:
        """What its bundle says of itself."""

    def logits(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        """Of each text, shape (windows, labels)."""


@dataclass(frozen=True)
class Desk:
    """The rooms behind the pages; ``now`` is the clock, ``reader`` marks the words that weigh (None: nobody does)."""

    queue: Queue
    accounts: Accounts
    words: Words
    secret: bytes
    meters: Meters
    now: Callable[[], datetime] = utc_now
    reader: Reader | None = None

    def page(self, request: Request, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """A page for a signed-in person, with what its frame shows."""
        caller = caller_of(request)
        account = signed_in(caller)
        frame = {
            "account": account,
            "shortcuts": account.display.shortcuts,
            "role": words.ROLE_WORDS[account.role.value],
            "csrf": csrf_token(self.secret, caller.session),
        }
        return page(name, status, **frame, **values)

    async def form(self, request: Request) -> FormData:
        """The form of a post.

        Raises:
            Forbidden: it lacks the token of this session (code ``csrf``).
        """
        return await checked_form(request, self.secret, caller_of(request).session)


async def checked_form(request: Request, secret: bytes, session: str) -> FormData:
    """The form of a post whose token belongs to ``session``.

    Raises:
        Forbidden: code ``csrf``.
    """
    form = await request.form()
    given = form.get(FIELD) or request.headers.get(HEADER)
    if not csrf_matches(secret, session, given if isinstance(given, str) else None):
        raise Forbidden("the form lacks its token; load the page again", code="csrf")
    return form


def field(form: FormData, name: str) -> str:
    """A text field of a form, empty when absent or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def fields(form: FormData, name: str) -> list[str]:
    """The text fields of a form that share a name."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


def signed_in(caller: Caller) -> Account:
    """The person asking.

    Raises:
        Forbidden: a key is asking.
    """
    if caller.account is None:
        raise Forbidden("the console is for people; keys use /v1")
    return caller.account
