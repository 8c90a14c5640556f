"""Revealing a part of a case: the text leaves the server only when a person asks, and in the way they ask.

The words that weigh are computed then, with the running model, and never kept.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving.api.auth import caller_of, person
from serving.api.threads import in_thread
from serving.bundle import FAMILIES, InputError, Judge
from serving.bundle.errors import VigieError
from serving.bundle.text import words as count_words
from serving.explain import Occlusion, Span
from serving.review import READERS, Case, Part

from .cases import CasePages
from .desk import Reader, field, fields
from .highlights import pieces
from .render import by_htmx
from .views import hold

#: Parts of a case that stay hidden until asked for.
PARTS = ("texte", "fil", "signalement", "proches")

#: Those that the ledger of what somebody has read counts.
_COUNTED = {"texte": Part.TEXT, "fil": Part.THREAD, "signalement": Part.NOTICE}

#: How a text is shown: as it is, with the words that weigh marked, or with these words masked.
MANNERS = ("nu", "surligne", "voile")

#: Of longer texts, weighing the words would take too long for somebody who waits.
LONGEST_EXPLAINED = 4_000


class ReadingPages:
    """The view that reveals."""

    def __init__(self, cases: CasePages) -> None:
        self.cases = cases
        self.desk = cases.desk

    async def reveal(self, request: Request) -> Response:
        """A hidden part of the case, asked for: as a fragment for htmx, else in its page."""
        form = await self.desk.form(request)
        part, manner = field(form, "partie"), field(form, "maniere") or "nu"
        if part not in PARTS or manner not in MANNERS:
            expected = f"partie: one of {', '.join(PARTS)}; maniere: one of {', '.join(MANNERS)}"
            raise InputError(f"expected {expected}", code="invalid_value", pointer="/partie")
        account = person(caller_of(request), READERS)
        case = await in_thread(self.desk.queue.get, str(request.path_params["case_id"]))
        values = await self.revealed(case, part, manner)
        if words := _words(case, part):
            await in_thread(self.desk.queue.record_exposure, case.id, account, _COUNTED[part], words)
        if not by_htmx(request):
            return await self.cases.page(request, case.id, form=form, **values)
        if part == "proches":
            near, held = await self.cases.near(case.id), hold(case.row, account)
            ticked = fields(form, "avec")
            return self.desk.page(request, "_near.html", case=case, near=near, held=held, ticked=ticked, **values)
        return self.desk.page(request, "_part.html", case=case, part=part, posted=self.desk.words.posted, **values)

    async def revealed(self, case: Case, part: str, manner: str) -> dict[str, Any]:
        """What the fragment of ``part`` needs to show it."""
        values: dict[str, Any] = {"revealed": part, "manner": manner, "pieces": [], "carried": [], "explained": True}
        if part == "proches":  # the page has them, and shows their words now
            return values
        if part == "fil":
            return values | {"posts": [(post, pieces(post.text)) for post in case.thread]}
        if part == "signalement":
            return values | {"pieces": pieces((case.notice or {}).get("explanation") or "Sans explication.")}
        if case.text is None:
            return values
        spans = await in_thread(weighed, self.desk.reader, case.text) if manner != "nu" else []
        carried = dict.fromkeys(span.label for span in spans or [])
        titles = [(key, self.desk.words.title(key)) for key in FAMILIES if key in carried]
        explained = spans is not None
        return values | {"pieces": pieces(case.text, spans or []), "carried": titles, "explained": explained}


def weighed(reader: Reader | None, text: str) -> list[Span] | None:
    """The words that carry each family at least possible; None when that cannot be told."""
    if reader is None or len(text) > LONGEST_EXPLAINED:
        return None
    occlusion = Occlusion.of(text)
    try:
        logits = reader.logits(occlusion.readings)
    except VigieError:
        return None
    manifest = reader.manifest
    return occlusion.explain(manifest, logits).spans(Judge(manifest)(logits[0]), FAMILIES)


def _words(case: Case, part: str) -> int:
    """How many words ``part`` gives to read."""
    if part == "texte":
        return count_words(case.text or "")
    if part == "proches":
        return 0
    if part == "fil":
        return sum(count_words(post.text) for post in case.thread)
    return count_words((case.notice or {}).get("explanation") or "")
