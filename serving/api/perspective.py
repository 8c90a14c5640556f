"""``comments:analyze`` and ``comments:suggestscore`` as Perspective's clients know them, over the same model.

Parses, asks the scorer or the queue, words the answer. Offsets are code points. What is analysed is never stored, with
or without ``doNotStore``; what is suggested is, since that is its purpose. Shapes and sentences of refusals: the API's
public reference (github.com/conversationai/perspectiveapi, 2-api/methods.md and limits.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, InstanceOf
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse

from serving.bundle import InputError, Verdict
from serving.bundle.config import Few, Named
from serving.facades import Attribute, Perspective
from serving.review import Key, NewFeedback, Queue
from serving.review.bodies import Storable

from .auth import caller_of, submitter
from .dialects import google_error
from .document import read_body, told_google
from .foreign import AnalyzeAnswer, SuggestAnswer
from .schemas import Body, json_body, parse
from .scoring import Scorer
from .threads import in_thread

_ERROR = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
_PROBABILITY = "PROBABILITY"
_SCORE_TYPES = (None, "SCORE_TYPE_UNSPECIFIED", _PROBABILITY)
_TEXT_TYPES = (None, "TEXT_TYPE_UNSPECIFIED", "PLAIN_TEXT")

#: What may be detected (BCP 47): French, or a language that is surely another, of which we cannot tell the name.
_FRENCH, _UNKNOWN_LANGUAGE = "fr", "und"

#: A sentence: up to its final marks and closing quotes, a line end, or the end of the text.
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+[\"'»”’)\]]*(?=\s|$)|(?=\n)|$)", re.DOTALL)

#: An attribute, with its version.
Name = Annotated[Storable, Field(max_length=200)]

Unit = Annotated[float, Field(ge=0, le=1)]


class AnalyzerError(InputError):
    """A refusal with an ``errorType`` of Perspective's; ``more`` is what it says beside."""

    def __init__(self, message: str, error_type: str = "INVALID_REQUEST", more: Mapping[str, Any] = {}) -> None:
        super().__init__(message, code=error_type.lower())
        self.details = {"@type": _ERROR, "errorType": error_type, **more}


async def on_analyzer_error(request: Request, error: Exception) -> JSONResponse:
    """The refusal as Perspective words it; installed by the application."""
    assert isinstance(error, AnalyzerError)
    return JSONResponse(google_error(400, error.detail, [error.details]), 400)


# --- Bodies: camel case as documented, snake case as the protocol also reads it; null means absent --------------------


class _Message(Body):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TextEntry(_Message):
    """A text with its type; any JSON string, as everywhere in Vigie."""

    text: InstanceOf[str] | None = None
    type: Storable | None = None


class Context(_Message):
    """What surrounds a comment: accepted, and not read by the model (nor was it there)."""

    entries: Few[TextEntry] | None = None
    article_and_parent_comment: Named[str, Any] | None = None


class AttributeParameters(_Message):
    """What is asked of one attribute."""

    score_type: Storable | None = None
    score_threshold: Unit | None = None


class Score(_Message):
    """A score; an absent value is 0, as the protocol has it."""

    value: Unit = 0.0
    type: Storable | None = None


class SpanScore(_Message):
    """The score of a part of the comment, in code points."""

    begin: Annotated[int, Field(ge=0)] = 0
    end: Annotated[int, Field(ge=0)] = 0
    score: Score


class AttributeScores(_Message):
    """What somebody thinks a comment should score."""

    summary_score: Score | None = None
    span_scores: Few[SpanScore] | None = None


class _Comment(_Message):
    comment: TextEntry | None = None
    context: Context | None = None
    languages: Few[Annotated[Storable, Field(max_length=35)]] | None = None
    client_token: Storable | None = None
    session_id: Storable | None = None
    community_id: Annotated[Storable, Field(max_length=200)] | None = None


class AnalyzeCommentRequest(_Comment):
    """``comments:analyze``."""

    requested_attributes: Named[Name, AttributeParameters | None] | None = None
    span_annotations: bool | None = None
    do_not_store: bool | None = None


class SuggestCommentScoreRequest(_Comment):
    """``comments:suggestscore``."""

    attribute_scores: Named[Name, AttributeScores] | None = None


# --- Routes -----------------------------------------------------------------------------------------------------------


def perspective_routes(scorer: Scorer, queue: Queue, rules: Perspective) -> APIRouter:
    """The routes of the Perspective façade."""
    routes = APIRouter(tags=["façade: Perspective"])

    body = read_body(AnalyzeCommentRequest)

    @routes.post("/v1alpha1/comments:analyze", responses=told_google(AnalyzeAnswer), openapi_extra=body)
    async def analyze(request: Request) -> JSONResponse:
        """Score a comment for the attributes asked (docs/facade_perspective.md)."""
        body = parse(AnalyzeCommentRequest, await json_body(request))
        text = _checked_text(body, rules)
        asked = _asked(body, rules, frozenset(scorer.classifier.manifest.keys))
        spans = sentences(text, rules.spans) if body.span_annotations else []
        whole, *parts = await scorer.score([text, *(text[begin:end] for begin, end in spans)])
        if isinstance(whole, InputError):
            raise _unread(whole.code)
        scorer.count([{"status": "scored"}])
        located = list(zip(spans, parts, strict=True)) or [((0, len(text)), whole)]
        answer = _answer(body, asked, whole, located, rules)
        trained = frozenset(scorer.classifier.manifest.keys)
        answer["vigie"] = {
            "bundle": scorer.classifier.bundle_id,
            "partial": [name for name, attribute in asked.items() if attribute.partial(trained)],
            "flags": whole.flags,
        }
        return JSONResponse(answer)

    suggested = read_body(SuggestCommentScoreRequest)

    @routes.post("/v1alpha1/comments:suggestscore", responses=told_google(SuggestAnswer), openapi_extra=suggested)
    async def suggestscore(request: Request) -> JSONResponse:
        """Keep a better score for training, with its text, until retention ends."""
        key = submitter(caller_of(request))
        body = parse(SuggestCommentScoreRequest, await json_body(request))
        feedback = _suggestion(body, _checked_text(body, rules), key, rules)
        await in_thread(queue.add_feedback, feedback, source=key.source)
        answer = {"clientToken": body.client_token, "requestedLanguages": body.languages}
        return JSONResponse({name: value for name, value in answer.items() if value is not None})

    @routes.get("/$discovery/rest", responses=told_google(dict[str, Any]))
    async def discovery(request: Request) -> JSONResponse:
        """The description from which Google's API clients build theirs, with this service's own address."""
        return JSONResponse(discovery_document(str(request.base_url)))

    return routes


def discovery_document(root_url: str) -> dict[str, Any]:
    """The discovery document (Google API Discovery, version 1) for a service at ``root_url``, ending in ``/``."""
    text = resources.files("serving.api").joinpath("discovery.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document | {"rootUrl": root_url, "baseUrl": root_url}


# --- Requests ---------------------------------------------------------------------------------------------------------


def _checked_text(body: _Comment, rules: Perspective) -> str:
    """The comment's text, when its form is one that can be read.

    Raises:
        AnalyzerError: empty, too long, or of another type; a context given twice.
    """
    comment = body.comment or TextEntry()
    for entry in (comment, *((body.context and body.context.entries) or ())):
        if entry.type == "HTML":
            raise AnalyzerError("Currently, only 'PLAIN_TEXT' comments are supported")
        if entry.type not in _TEXT_TYPES:
            raise AnalyzerError("Unknown text type")
    if body.context and body.context.entries and body.context.article_and_parent_comment:
        detail = "Context can have either entries or article_and_parent_comment, but both fields were populated."
        raise AnalyzerError(detail)
    text = comment.text or ""
    if not text.strip():
        raise _unread()
    if len(text.encode("utf-8", "surrogatepass")) > rules.comment_bytes:
        raise _unread("text_too_long")
    return text


def _unread(code: str = "empty_text") -> AnalyzerError:
    """What is said of a text that was not read, by our code for the reason."""
    if code == "text_too_long":
        return AnalyzerError("Comment text too long.", "COMMENT_TOO_LONG")
    return AnalyzerError("Comment must be non-empty.", "COMMENT_EMPTY")


def _asked(body: AnalyzeCommentRequest, rules: Perspective, trained: frozenset[str]) -> dict[str, Attribute]:
    """The attributes asked for, by the names they were asked by.

    Raises:
        AnalyzerError: none, an unknown one, one without a label here, another language or type of score.
    """
    if not body.requested_attributes:
        raise AnalyzerError("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    asked = {name: _known(name, rules) for name in body.requested_attributes}
    for name, parameters in body.requested_attributes.items():
        _check_language(name, body, rules, scored=asked[name].scored(trained))
        if parameters and parameters.score_type not in _SCORE_TYPES:
            kind = str(parameters.score_type)[:64]
            raise AnalyzerError(f"Requested score type {kind} is not supported by attribute {name}")
    return asked


def _known(name: str, rules: Perspective) -> Attribute:
    found = rules.attribute(name)
    if found is None:
        raise AnalyzerError(f"Unknown requested attribute: {name[:64]}")
    return found


def _check_language(name: str, body: _Comment, rules: Perspective, *, scored: bool = True) -> None:
    """Every language named must be one of ours; an attribute without a label supports none."""
    spoken = body.languages or list(rules.languages)
    foreign = [tag for tag in spoken if not scored or _primary(tag) not in rules.languages]
    if foreign:
        named = {"requestedLanguages" if body.languages else "detectedLanguages": spoken, "attribute": name}
        raise AnalyzerError(
            f"Attribute {name} does not support request languages: {', '.join(foreign)}",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
            {"languageNotSupportedByAttributeError": named},
        )


def _primary(tag: str) -> str:
    """The language of a BCP 47 tag, without region or script."""
    return re.split("[-_]", tag, maxsplit=1)[0].lower()


def _suggestion(body: SuggestCommentScoreRequest, text: str, key: Key, rules: Perspective) -> NewFeedback:
    """What is kept of a suggestion. A score becomes a label only where one label alone stands behind its attribute.

    Raises:
        AnalyzerError: no score, an unknown attribute, one that we can make nothing of, or a span outside the text.
    """
    if not body.attribute_scores:
        raise AnalyzerError("Missing attribute_scores")
    labels: dict[str, float] = {}
    for name, given in body.attribute_scores.items():
        attribute = _known(name, rules)
        _check_language(name, body, rules, scored=bool(attribute.labels))
        if any(span.begin > span.end or span.end > len(text) for span in given.span_scores or ()):
            raise AnalyzerError(f"Span of attribute {name} is outside the comment (offsets are code points)")
        if given.summary_score and len(attribute.labels) == 1:
            labels[attribute.labels[0]] = given.summary_score.value
    return NewFeedback.of(
        text=text,
        labels=labels,
        channel="perspective",
        weight=rules.suggestions.of(key.kind),
        provenance={
            "attributes": {
                name: given.model_dump(mode="json", by_alias=True, exclude_none=True)
                for name, given in body.attribute_scores.items()
            },
            "languages": body.languages,
            "community": body.community_id,
        },
        external_id=body.client_token,
    )


# --- Answers ----------------------------------------------------------------------------------------------------------


def sentences(text: str, most: int) -> list[tuple[int, int]]:
    """Spans ``[begin, end)`` of the sentences of ``text`` in code points; neighbours are joined beyond ``most``."""
    found = [(match.start(), match.start() + len(match.group().rstrip())) for match in _SENTENCE.finditer(text)]
    step = -(-len(found) // most)
    return [(found[at][0], found[min(at + step, len(found)) - 1][1]) for at in range(0, len(found), max(step, 1))]


def _answer(
    body: AnalyzeCommentRequest,
    asked: Mapping[str, Attribute],
    whole: Verdict,
    located: Sequence[tuple[tuple[int, int], Verdict | InputError]],
    rules: Perspective,
) -> dict[str, Any]:
    """``AnalyzeCommentResponse``; an attribute below its own threshold is left out, as there."""
    assert body.requested_attributes
    scores = {}
    for name, attribute in asked.items():
        value = attribute.score(whole.scores)
        parameters = body.requested_attributes[name] or AttributeParameters()
        assert value is not None  # checked against the bundle's labels
        if value >= (parameters.score_threshold or 0.0):
            scores[name] = {"summaryScore": _score(value), "spanScores": _span_scores(attribute, located)}
    answer: dict[str, Any] = {"attributeScores": scores, "languages": body.languages or list(rules.languages)}
    if not body.languages:
        answer["detectedLanguages"] = [_UNKNOWN_LANGUAGE if whole.not_french else _FRENCH]
    return answer if body.client_token is None else answer | {"clientToken": body.client_token}


def _span_scores(
    attribute: Attribute, located: Sequence[tuple[tuple[int, int], Verdict | InputError]]
) -> list[dict[str, Any]]:
    """One for each span that could be read; a sentence of nothing visible has no score."""
    return [
        {"begin": begin, "end": end, "score": _score(value)}
        for (begin, end), verdict in located
        if isinstance(verdict, Verdict) and (value := attribute.score(verdict.scores)) is not None
    ]


def _score(value: float) -> dict[str, Any]:
    return {"value": value, "type": _PROBABILITY}
