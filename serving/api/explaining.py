"""``POST /v1/explain``: which words carry which label. Parses, has the words weighed, and words the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, WithJsonSchema
from starlette.responses import JSONResponse

from serving.answers import ExplainAnswer
from serving.bundle import LEVELED, OUTPUT_KEYS, InputError, Manifest, Verdict
from serving.bundle.errors import nearest
from serving.explain import Explanation

from .document import read_body, told
from .schemas import ITEMS_SCHEMA, Body, json_body, parse
from .scoring import Scorer, answers_of, explanations, items_of, verdicts_of

_EXAMPLE: dict[str, Any] = {"items": [{"id": "a1", "text": "Un texte à lire."}], "labels": ["haine"]}


class ExplainRequest(Body):
    """``POST /v1/explain``. Without ``labels``: the families and ``contexte_protege``."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    items: Annotated[list[Any], Field(min_length=1), WithJsonSchema(ITEMS_SCHEMA)]
    labels: Annotated[list[str], Field(min_length=1, max_length=len(OUTPUT_KEYS))] | None = None


def explaining_routes(scorer: Scorer) -> APIRouter:
    """The route of explanations."""
    routes = APIRouter(tags=["scoring"])

    @routes.post("/v1/explain", responses=told(ExplainAnswer, 413), openapi_extra=read_body(ExplainRequest))
    async def explain(request: Request) -> JSONResponse:
        """Say which words carry the labels of up to 32 texts: each word is left out in turn."""
        body = parse(ExplainRequest, await json_body(request))
        manifest = scorer.classifier.manifest
        keys = known_labels(body.labels or LEVELED, manifest)
        items = items_of(body.items, scorer.limits.explained)
        found = await verdicts_of(scorer, items)
        answers = answers_of(body.items, items, found)
        explained = await explanations(scorer, items, [isinstance(verdict, Verdict) for verdict in found])
        for answer, why, verdict in zip(answers, explained, found, strict=True):
            answer.update(_words(why, verdict, keys))
        scorer.count(answers)
        return JSONResponse({"bundle": scorer.classifier.bundle_id, "items": answers})

    return routes


def known_labels(asked: Sequence[str], manifest: Manifest) -> list[str]:
    """Those of ``asked`` that the bundle was trained on.

    Raises:
        InputError: one of them is no label at all.
    """
    for number, key in enumerate(asked):
        if key not in OUTPUT_KEYS:
            detail = f"labels: unknown label {key[:64]!r}{nearest(key, OUTPUT_KEYS)}; /v1/bundle lists them"
            raise InputError(detail, code="unknown_label", pointer=f"/labels/{number}")
    return [key for key in asked if manifest.label(key)]


def _words(why: Explanation | None, found: Verdict | InputError, keys: Sequence[str]) -> dict[str, Any]:
    """``words``, their ``weights`` for each label, and ``spans``; null for a text that could not be read."""
    if why is None or not isinstance(found, Verdict):
        return dict.fromkeys(("words", "weights", "spans"))
    return {
        "words": [part._asdict() for part in why.parts],
        "weights": {key: why.of(key).round(4).tolist() for key in keys},
        "spans": [span._asdict() for span in why.spans(found, keys)],
    }
