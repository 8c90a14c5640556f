"""``POST /v1/moderations`` as OpenAI's clients know it, over the same model: parses, asks the scorer, words the answer.

A category that the bundle cannot score reads false and 0.0, as the SDKs need, and is named in ``vigie.not_scored`` and
in the header ``Vigie-Not-Scored``: a 0 that nobody computed is never silent.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, WithJsonSchema
from starlette.responses import JSONResponse

from serving.bundle import InputError, Manifest, Verdict, at_least, level_of
from serving.bundle.faults import kind_of, pointer_to
from serving.facades import Category, OpenAI

from .document import read_body, told_openai
from .foreign import Moderation
from .schemas import Body, json_body, parse
from .scoring import Scorer

NOT_SCORED = "Vigie-Not-Scored"

_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
}
_INPUT = {
    "oneOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
        {"type": "array", "minItems": 1, "items": _PART},
    ]
}


class ModerationRequest(Body):
    """A text, texts, or the text parts of one message. Any ``model`` is accepted: the running bundle answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input": "Un texte à lire."}]})

    input: Annotated[Any, WithJsonSchema(_INPUT)]
    model: Annotated[str, Field(max_length=200)] | None = None


@dataclass(frozen=True)
class Words:
    """What a bundle can say in the categories of the façade."""

    rules: OpenAI
    manifest: Manifest

    @property
    def not_scored(self) -> list[str]:
        """Categories without a label in this bundle."""
        return [category.name for category in self.rules.categories if not category.scored(self._trained)]

    @property
    def partial(self) -> list[str]:
        """Categories of which our labels cover a part."""
        return [category.name for category in self.rules.categories if category.partial(self._trained)]

    @property
    def _trained(self) -> frozenset[str]:
        return frozenset(self.manifest.keys)

    def result(self, verdict: Verdict) -> dict[str, Any]:
        """One element of ``results``."""
        scores = {category.name: category.score(verdict.scores) for category in self.rules.categories}
        flags = {category.name: self._flagged(category, verdict) for category in self.rules.categories}
        return {
            "flagged": any(flags.values()),
            "categories": flags,
            "category_scores": {name: score or 0.0 for name, score in scores.items()},
            # Nothing was applied to what was not scored.
            "category_applied_input_types": {name: [] if score is None else ["text"] for name, score in scores.items()},
            "vigie": {"labels": verdict.scores, "levels": verdict.levels, "flags": verdict.flags},
        }

    def _flagged(self, category: Category, verdict: Verdict) -> bool:
        """Whether the labels reach the level of the configuration: any of them, or all."""
        if category.score(verdict.scores) is None:
            return False
        reached = [self._reaches(label, verdict.scores.get(label)) for label in category.labels]
        return all(reached) if category.combine == "all" else any(reached)

    def _reaches(self, key: str, score: float | None) -> bool:
        label = self.manifest.label(key)
        return label is not None and score is not None and at_least(level_of(label, score), self.rules.level)


def openai_routes(scorer: Scorer, rules: OpenAI) -> APIRouter:
    """The route of the OpenAI façade."""
    routes = APIRouter(tags=["façade: OpenAI"])

    @routes.post("/v1/moderations", responses=told_openai(Moderation), openapi_extra=read_body(ModerationRequest))
    async def moderations(request: Request) -> JSONResponse:
        """Classify texts into OpenAI's categories, read from our labels (docs/facade_openai.md)."""
        body = parse(ModerationRequest, await json_body(request))
        texts = _texts(body.input, scorer.limits.items)
        verdicts = _all_read(await scorer.score(texts), single=not isinstance(body.input, list))
        scorer.count([{"status": "scored"} for _ in verdicts])
        words = Words(rules, scorer.classifier.manifest)
        answer = {
            "id": f"modr-{secrets.token_hex(12)}",
            "model": words.manifest.name,
            "results": [words.result(verdict) for verdict in verdicts],
            "vigie": {
                "bundle": scorer.classifier.bundle_id,
                "not_scored": words.not_scored,
                "partial": words.partial,
            },
        }
        headers = {NOT_SCORED: ", ".join(words.not_scored)} if words.not_scored else {}
        return JSONResponse(answer, headers=headers)

    return routes


def _texts(given: object, most: int) -> list[str]:
    """The texts to score, one for each result: the parts of one message are one text, as there.

    Raises:
        InputError: another shape, nothing, too many, or an image.
    """
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        detail = f"input: expected a string or an array of at least one string or text part, got {kind_of(given)}"
        raise InputError(detail, code="invalid_value", pointer="/input")
    if len(given) > most:
        detail = f"input holds {len(given)} elements; expected at most {most}: send several requests"
        raise InputError(detail, code="too_many_items", pointer="/input")
    if isinstance(given[0], str):
        return [_text(one, number) for number, one in enumerate(given)]
    return ["\n".join(_part(part, number) for number, part in enumerate(given))]


def _text(given: object, number: int) -> str:
    """An element of an array that began with a text: the first that is none is the one to correct."""
    if not isinstance(given, str):
        detail = f"input[{number}]: expected a string, as input[0] is, got {kind_of(given)}; send one kind throughout"
        raise InputError(detail, code="wrong_type", pointer=pointer_to(("input", number)))
    return given


def _part(part: object, number: int) -> str:
    pointer = pointer_to(("input", number))
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image_url":
        raise InputError("Vigie reads text, not images; send the text parts alone", code="image_input", pointer=pointer)
    text = part.get("text") if isinstance(part, dict) else None
    if kind != "text" or not isinstance(text, str):
        either = "" if number else "a string, or "
        detail = f'input[{number}]: expected {either}{{"type": "text", "text": "..."}}, got {kind_of(part)}'
        raise InputError(detail, code="wrong_type", pointer=pointer)
    return text


def _all_read(found: Sequence[Verdict | InputError], *, single: bool) -> list[Verdict]:
    """The verdicts; there, one text that cannot be read fails the whole request.

    Raises:
        InputError: of the first text that could not be scored.
    """
    for number, verdict in enumerate(found):
        if isinstance(verdict, InputError):
            pointer = "/input" if single else pointer_to(("input", number))
            raise InputError(verdict.detail, code=verdict.code, pointer=pointer)
    return [verdict for verdict in found if isinstance(verdict, Verdict)]
