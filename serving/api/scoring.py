"""``POST /v1/score`` and ``/v1/bundle``: parses, asks the classifier in a thread, and words the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from serving.answers import BundleAnswer, ScoreAnswer
from serving.bundle import LEVELED, OUTPUT_KEYS, Manifest, Verdict, at_least
from serving.bundle.errors import InputError
from serving.bundle.faults import Culprit, pointer_to
from serving.cache import ContentCache
from serving.classifier import Classifier
from serving.explain import Explanation, Occlusion
from serving.receipts import Notary, Receipt

from .admission import Admission
from .document import read_body, told
from .limits import Limits
from .meters import Meters
from .problems import InvalidBody
from .quotas import spend
from .schemas import LONGEST_ID, ScoreItem, ScoreRequest, json_body, parse

#: Texts handed to the classifier at once: a long request lets the others through between two slices.
_SLICE = 32

#: Slices of several texts scored at the same time; the classifier spreads their windows over its own sessions.
_SLICES = 4

Answer = TypeVar("Answer")

#: An item of a body, or what is wrong with it.
Item = ScoreItem | InputError


class Scorer:
    """The classifier behind a bounded queue: scoring runs in threads, the event loop stays free."""

    def __init__(self, classifier: Classifier, secret: bytes, meters: Meters, limits: Limits) -> None:
        self.classifier = classifier
        self.limits = limits
        self.notary = Notary(secret)
        self._cache = ContentCache(secret, limits.remembered, lambda how, texts: meters.content.labels(how).inc(texts))
        self._meters = meters
        self._admission = Admission(limits.scoring, limits.wait, meters)
        # Threads of its own: a long archive must not keep the database's calls from theirs, nor a text alone from its
        # session. Not anyio's: they cost 0.1 ms more a call, which is a tenth of a short text.
        self._alone = ThreadPoolExecutor(limits.sessions, thread_name_prefix="vigie-text")
        self._slices = ThreadPoolExecutor(_SLICES, thread_name_prefix="vigie-slice")

    async def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """Judge ``texts``; an unusable one yields its error.

        Raises:
            Overloaded: they would wait too long.
            TooMany: the key behind the request has used its texts of this minute.
        """
        return await self._admitted(partial(self._cache.score, self.classifier), texts)

    async def score_anew(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """Judge ``texts`` without what is remembered of them; raises as ``score`` does."""
        return await self._admitted(self.classifier.score, texts)

    async def explain(self, texts: Sequence[str]) -> list[Explanation]:
        """What each word of texts that can be scored weighs; as many readings as they have words. Raises likewise.

        All of them are paid for before the first is read: a refusal half-way would waste what was read.
        """
        occlusions = [Occlusion.of(text) for text in texts]
        with self._admission.request():
            await spend(sum(1 + len(occlusion.parts) for occlusion in occlusions))
            return [await self._explained(occlusion) for occlusion in occlusions]

    async def _explained(self, occlusion: Occlusion) -> Explanation:
        logits = await self._in_slices(self.classifier.logits, occlusion.readings)
        return occlusion.explain(self.classifier.manifest, logits)

    async def _admitted(self, read: Callable[[Sequence[str]], list[Answer]], texts: Sequence[str]) -> list[Answer]:
        """What ``read`` answers of ``texts``, once they were let in and paid for."""
        with self._admission.request():
            await spend(len(texts))
            return await self._in_slices(read, texts)

    async def _in_slices(self, read: Callable[[Sequence[str]], list[Answer]], texts: Sequence[str]) -> list[Answer]:
        """What ``read`` answers of ``texts``, in threads, letting other requests through between two slices."""
        found: list[Answer] = []
        started = time.perf_counter()
        for first in range(0, len(texts), _SLICE):
            part = texts[first : first + _SLICE]
            with self._admission.reading(part):
                threads = self._alone if len(part) == 1 else self._slices
                found += await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, read, part)
        self._meters.scoring.observe(time.perf_counter() - started)
        return found

    def receipt(self, text: str, verdict: Verdict) -> Receipt:
        """What proves later that this text got these scores from this bundle, without holding the text."""
        # int8 sessions run one window per run, so that a replay gives identical bits.
        exact = self.classifier.manifest.quantisation.precision == "int8"
        return self.notary.issue(text, verdict, self.classifier.bundle_id, exact=exact)

    def count(self, answers: Sequence[dict[str, Any]]) -> None:
        """Add the answers to the meters, by outcome."""
        for status in ("scored", "error"):
            self._meters.texts.labels(status).inc(sum(answer["status"] == status for answer in answers))


def scoring_routes(scorer: Scorer) -> APIRouter:
    """The routes of scoring."""
    routes = APIRouter(tags=["scoring"])

    @routes.post("/v1/score", responses=told(ScoreAnswer, 413), openapi_extra=read_body(ScoreRequest))
    async def score(request: Request) -> JSONResponse:
        """Score up to 2,000 texts. One bad item never fails the others."""
        body = parse(ScoreRequest, await json_body(request))
        items = items_of(body.items, scorer.limits.explained if "spans" in body.include else scorer.limits.items)
        found = await verdicts_of(scorer, items)
        answers = answers_of(body.items, items, found)
        if "receipt" in body.include:
            for answer, item, verdict in zip(answers, items, found, strict=True):
                answer["receipt"] = _receipt(scorer, item, verdict)
        if "spans" in body.include:
            for answer, spans in zip(answers, await _spans(scorer, items, found), strict=True):
                answer["spans"] = spans
        scorer.count(answers)
        return JSONResponse({"bundle": scorer.classifier.bundle_id, "items": answers})

    @routes.get("/v1/bundle", responses=told(BundleAnswer))
    @routes.post("/v1/bundle", responses=told(BundleAnswer, 413))
    async def bundle() -> JSONResponse:
        """What scores here: labels, operating points with intervals, figures and provenance."""
        return JSONResponse(public_manifest(scorer.classifier.bundle_id, scorer.classifier.manifest))

    return routes


def public_manifest(bundle_id: str, manifest: Manifest) -> dict[str, Any]:
    """The manifest without its file list, and with its id."""
    return {"id": bundle_id, **manifest.model_dump(mode="json", exclude={"files"})}


def items_of(values: Sequence[object], most: int) -> list[Item]:
    """The items of a body, each with its own error where it has one.

    Raises:
        InvalidBody: more than ``most``.
    """
    if len(values) > most:
        detail = f"items holds {len(values)} texts; expected at most {most}: send several requests"
        raise InvalidBody([Culprit(detail, "too_many_items", "/items")])
    return [_item(value, number) for number, value in enumerate(values)]


async def verdicts_of(scorer: Scorer, items: Sequence[Item]) -> list[Verdict | InputError]:
    """One verdict or error for each item, in order."""
    verdicts = iter(await scorer.score([item.text for item in items if isinstance(item, ScoreItem)]))
    return [item if isinstance(item, InputError) else next(verdicts) for item in items]


def answers_of(
    values: Sequence[object], items: Sequence[Item], found: Sequence[Verdict | InputError]
) -> list[dict[str, Any]]:
    """The answer to each item: the same keys whether it was scored or not."""
    triples = zip(values, items, found, strict=True)
    return [_answer(number, *triple) for number, triple in enumerate(triples)]


def _item(value: object, number: int) -> Item:
    try:
        return parse(ScoreItem, value, at=("items", number))
    except InvalidBody as error:
        return error


def _answer(number: int, value: object, item: Item, found: Verdict | InputError) -> dict[str, Any]:
    scored = found if isinstance(found, Verdict) else None
    return {
        "id": _id_of(item, value, number),
        "status": "scored" if scored else "error",
        "labels": scored.scores if scored else dict.fromkeys(OUTPUT_KEYS),
        "levels": scored.levels if scored else dict.fromkeys(LEVELED),
        "flags": scored.flags if scored else None,
        "error": _error(found, number) if isinstance(found, InputError) else None,
    }


def _receipt(scorer: Scorer, item: Item, found: Verdict | InputError) -> dict[str, Any] | None:
    if isinstance(item, ScoreItem) and isinstance(found, Verdict):
        return scorer.receipt(item.text, found).model_dump()
    return None


async def _spans(
    scorer: Scorer, items: Sequence[Item], found: Sequence[Verdict | InputError]
) -> list[list[dict[str, Any]] | None]:
    """The words that carry what is at least possible; nothing is read again where nothing is."""
    worth = [isinstance(v, Verdict) and any(at_least(level, "possible") for level in v.levels.values()) for v in found]
    explained = await explanations(scorer, items, worth)
    return [_passages(why, verdict) for why, verdict in zip(explained, found, strict=True)]


def _passages(why: Explanation | None, found: Verdict | InputError) -> list[dict[str, Any]] | None:
    if not isinstance(found, Verdict):
        return None
    return [span._asdict() for span in why.spans(found, LEVELED)] if why else []


async def explanations(scorer: Scorer, items: Sequence[Item], worth: Sequence[bool]) -> list[Explanation | None]:
    """What the words weigh of the items that are worth it, which could be scored; None for the others."""
    texts = [item.text for item, wanted in zip(items, worth, strict=True) if wanted and isinstance(item, ScoreItem)]
    explained = iter(await scorer.explain(texts) if texts else ())
    return [next(explained) if wanted else None for wanted in worth]


def _id_of(item: Item, raw: object, number: int) -> str:
    """The item's id; its number when it gave none, or none that can be sent back."""
    given = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(item, ScoreItem):
        return str(number) if item.id is None else item.id
    sendable = isinstance(given, str) and len(given) <= LONGEST_ID and given.isprintable()
    return str(given) if sendable else str(number)


def _error(error: InputError, number: int) -> dict[str, str | None]:
    """The item's error as every row of Vigie says it, with the pointer into this request."""
    if isinstance(error, InvalidBody):
        return error.culprits[0].as_json()
    return Culprit(error.detail, error.code, pointer_to(("items", number, "text"))).as_json()
