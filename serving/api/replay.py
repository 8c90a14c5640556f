"""``POST /v1/receipts:replay``: reads a text again and says whether its receipt still holds, to the last bit."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import InstanceOf
from starlette.responses import JSONResponse

from serving.answers import Replay
from serving.bundle import InputError, Verdict
from serving.receipts import Receipt, require_bundle

from .document import read_body, told
from .schemas import Body, json_body, parse
from .scoring import Scorer


class ReplayRequest(Body):
    """``POST /v1/receipts:replay``: a receipt as it was sent, and the text it is about."""

    text: InstanceOf[str]
    receipt: Receipt


def replay_routes(scorer: Scorer) -> APIRouter:
    """The route of replays."""
    routes = APIRouter(tags=["scoring"])

    @routes.post("/v1/receipts:replay", responses=told(Replay, 409, 413), openapi_extra=read_body(ReplayRequest))
    async def replay(request: Request) -> JSONResponse:
        """Score the text of a receipt again, nothing remembered; 409 names the bundle when another one is needed."""
        body = parse(ReplayRequest, await json_body(request))
        scorer.notary.check(body.receipt, body.text)
        require_bundle(body.receipt, scorer.classifier.bundle_id)
        (verdict,) = await scorer.score_anew([body.text])
        if isinstance(verdict, InputError):
            raise verdict
        return JSONResponse({"bundle": body.receipt.bundle, **compared(body.receipt, verdict)})

    return routes


def compared(receipt: Receipt, verdict: Verdict) -> dict[str, Any]:
    """Whether ``verdict`` is what ``receipt`` says, and by how much its scores differ."""
    pairs = [(score, verdict.scores.get(key)) for key, score in receipt.scores.items()]
    gaps = [abs(before - now) for before, now in pairs if before is not None and now is not None]
    return {
        "identical": receipt.scores == verdict.scores and receipt.levels == verdict.levels,
        "largest_difference": max(gaps, default=0.0),
        "exact": receipt.exact,
        "scores": verdict.scores,
        "levels": verdict.levels,
    }
