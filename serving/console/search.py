"""Finding cases: "is this already in the queue?". Posted, never in an address: what is looked for may be a text."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from serving.api.auth import caller_of, person
from serving.api.threads import in_thread
from serving.bundle import FAMILIES
from serving.bundle.errors import InputError, VigieError
from serving.review import READERS, CaseRow, Filters, State

from . import words
from .desk import Desk, field
from .sentences import sentence

FOUND_SIZE = 50
#: Beyond this, a text is looked for by its beginning.
_LONGEST_QUERY = 20_000
_NAMES = ("texte", "famille", "niveau", "voie", "etat", "categorie", "du", "au")


class SearchPages:
    """The views of the search."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def show(self, request: Request) -> Response:
        """The empty form."""
        person(caller_of(request), READERS)
        return self._page(request, 200, dict.fromkeys(_NAMES, ""), None, None)

    async def find(self, request: Request) -> Response:
        """What was asked for, newest first; no text is shown."""
        form = await self.desk.form(request)
        person(caller_of(request), READERS)
        asked = {name: field(form, name).strip() for name in _NAMES}
        offset = int(given) if (given := field(form, "debut")).isascii() and given.isdecimal() else 0
        try:
            filters = self._filters(form)
            query, start = asked["texte"][:_LONGEST_QUERY], min(offset, 1_000_000)
            rows = await in_thread(self.desk.queue.search, query, filters, FOUND_SIZE + 1, start)
        except VigieError as error:
            return self._page(request, 422, asked, None, sentence(error))
        return self._page(request, 200, asked, rows, None, start)

    def _filters(self, form: FormData) -> Filters:
        return Filters(
            state=field(form, "etat") or None,
            lane=field(form, "voie") or None,
            family=field(form, "famille") or None,
            level=field(form, "niveau") or None,
            category=field(form, "categorie").strip() or None,
            since=self._day(field(form, "du")),
            until=day + timedelta(days=1) if (day := self._day(field(form, "au"))) else None,
        )

    def _day(self, given: str) -> datetime | None:
        """Midnight of a day on the analysts' clock.

        Raises:
            InputError: not a day.
        """
        try:
            return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=self.desk.words.policy.zone) if given else None
        except ValueError:
            raise InputError("du, au: expected a day such as 2026-03-02", code="bad_day", pointer="/du") from None

    def _page(
        self,
        request: Request,
        status: int,
        asked: dict[str, str],
        rows: list[CaseRow] | None,
        error: str | None,
        offset: int = 0,
    ) -> Response:
        now = self.desk.now()
        found = [self.desk.words.row(row, now) for row in (rows or [])[:FOUND_SIZE]]
        return self.desk.page(
            request,
            "search.html",
            status,
            asked=asked,
            error=error,
            searched=rows is not None,
            found=found,
            more=offset + FOUND_SIZE if rows and len(rows) > FOUND_SIZE else None,
            choices={
                "famille": [(key, self.desk.words.title(key)) for key in FAMILIES],
                "niveau": [(key, f"au moins {words.LEVEL_WORDS[key]}") for key in words.SEARCHED_LEVELS],
                "voie": list(words.LANE_WORDS.items()),
                "etat": [(state.value, words.STATE_WORDS[state.value]) for state in State],
            },
        )
