"""``POST /v1/score`` and ``/v1/bundle``: parses, asks the classifier in a thread, and words the answer."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from serving.bundle import LEVELED, OUTPUT_KEYS, Manifest, Verdict
from serving.bundle.errors import InputError
from serving.bundle.faults import Culprit, pointer_to
from serving.classifier import Classifier

from .admission import Admission
from .limits import Limits
from .meters import Meters
from .problems import InvalidBody
from .quotas import spend
from .schemas import LONGEST_ID, ScoreItem, ScoreRequest, json_body, parse, read_body

#: Texts handed to the classifier at once: a long request lets the others through between two slices.
_SLICE = 32

#: Requests scored at the same time; the classifier spreads their windows over its own sessions.
_THREADS = 4


class Scorer:
    """The classifier behind a bounded queue: scoring runs in threads, the event loop stays free."""

    def __init__(self, classifier: Classifier, secret: bytes, meters: Meters, limits: Limits) -> None:
        self.classifier = classifier
        self.limits = limits
        self._secret = secret
        self._meters = meters
        self._admission = Admission(limits.scoring, limits.wait, meters)
        # Threads of its own: a long archive must not keep the database's calls from theirs.
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """Judge ``texts``; an unusable one yields its error.

        Raises:
            Unavailable: too many requests wait already.
        """
        found: list[Verdict | InputError] = []
        with self._admission.request():
            await spend(len(texts))
            started = time.perf_counter()
            for first in range(0, len(texts), _SLICE):
                part = texts[first : first + _SLICE]
                with self._admission.reading(part):
                    found += await anyio.to_thread.run_sync(self.classifier.score, part, limiter=self._threads)
            self._meters.scoring.observe(time.perf_counter() - started)
        return found

    def receipt(self, text: str, verdict: Verdict) -> dict[str, Any]:
        """What proves later that this text got these scores from this bundle, without holding the text."""
        digest = hmac.new(self._secret, b"receipt\0" + text.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return {
            "text_hmac": digest.hexdigest(),
            "bundle": self.classifier.bundle_id,
            "scores": verdict.scores,
            "levels": verdict.levels,
            # int8 sessions run one window per run, so that a replay gives identical bits.
            "exact": self.classifier.manifest.quantisation.precision == "int8",
        }

    def count(self, answers: Sequence[dict[str, Any]]) -> None:
        """Add the answers to the meters, by outcome."""
        for status in ("scored", "error"):
            self._meters.texts.labels(status).inc(sum(answer["status"] == status for answer in answers))


def scoring_routes(scorer: Scorer) -> APIRouter:
    """The routes of scoring."""
    routes = APIRouter(tags=["scoring"])

    @routes.post("/v1/score", openapi_extra=read_body(ScoreRequest))
    async def score(request: Request) -> JSONResponse:
        """Score up to 2,000 texts. One bad item never fails the others."""
        body = _score_request(await json_body(request), scorer.limits)
        items = [_item(value, number) for number, value in enumerate(body.items)]
        verdicts = iter(await scorer.score([item.text for item in items if isinstance(item, ScoreItem)]))
        answers = [
            _answer(number, item, item if isinstance(item, InputError) else next(verdicts), scorer, body)
            for number, item in enumerate(items)
        ]
        scorer.count(answers)
        return JSONResponse({"bundle": scorer.classifier.bundle_id, "items": answers})

    @routes.get("/v1/bundle")
    @routes.post("/v1/bundle")
    async def bundle() -> JSONResponse:
        """What scores here: labels, operating points with intervals, figures and provenance."""
        return JSONResponse(public_manifest(scorer.classifier.bundle_id, scorer.classifier.manifest))

    return routes


def public_manifest(bundle_id: str, manifest: Manifest) -> dict[str, Any]:
    """The manifest without its file list, and with its id."""
    return {"id": bundle_id, **manifest.model_dump(mode="json", exclude={"files"})}


def _score_request(value: object, limits: Limits) -> ScoreRequest:
    body = parse(ScoreRequest, value)
    if len(body.items) > limits.items:
        detail = f"items holds {len(body.items)} texts; expected at most {limits.items}: send several requests"
        raise InvalidBody([Culprit(detail, "too_many_items", "/items")])
    return body


def _item(value: object, number: int) -> ScoreItem | InputError:
    try:
        return parse(ScoreItem, value, at=("items", number))
    except InvalidBody as error:
        return error


def _answer(
    number: int, item: ScoreItem | InputError, found: Verdict | InputError, scorer: Scorer, body: ScoreRequest
) -> dict[str, Any]:
    """The answer to one item: the same keys whether it was scored or not."""
    scored = found if isinstance(found, Verdict) else None
    answer: dict[str, Any] = {
        "id": _id_of(item, body.items[number], number),
        "status": "scored" if scored else "error",
        "labels": scored.scores if scored else dict.fromkeys(OUTPUT_KEYS),
        "levels": scored.levels if scored else dict.fromkeys(LEVELED),
        "flags": scored.flags if scored else None,
        "error": _error(found, number) if isinstance(found, InputError) else None,
    }
    if "receipt" in body.include:
        text = item.text if isinstance(item, ScoreItem) else ""
        answer["receipt"] = scorer.receipt(text, scored) if scored else None
    return answer


def _id_of(item: ScoreItem | InputError, raw: object, number: int) -> str:
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
