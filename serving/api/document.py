"""The OpenAPI document: one for every route, façades included, with examples and every refusal.

Routes say what they read (``read_body``) and answer (``told``); the examples are data, ``examples.json`` beside this
module, and each of them is sent to the service and checked by a test. Knows shapes; nothing of what routes do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from serving.answers import Problem

from .foreign import GoogleError, OpenAIError
from .problems import MEDIA_TYPE

#: What may be refused anywhere, and what may be where a body is read.
_ANYWHERE = (401, 403, 422, 429, 500, 503)
_SPECIAL = {401: "No known key or session", 403: "Known, not allowed", 422: "The body or the query cannot be used"}

_DESCRIPTION = (
    "Scores French text for hate, terrorism and harassment, and orders the queues of the people who read it. Beside "
    "these routes, `/livez`, `/readyz` (503 until the bundle is loaded) and `/healthz` are open to everybody."
)

_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, or a person's session."},
    "session": {"type": "apiKey", "in": "cookie", "name": "vigie_session", "description": "With X-CSRF-Token to write"},
    "googleQuery": {"type": "apiKey", "in": "query", "name": "key", "description": "The Perspective façade alone."},
    "googleHeader": {"type": "apiKey", "in": "header", "name": "X-Goog-Api-Key", "description": "Likewise."},
}
_GOOGLE = ("/v1alpha1/", "/$discovery/")


def told(answer: Any, *refusals: int, also: dict[int, str] | None = None) -> dict[int | str, dict[str, Any]]:
    """What a route of ours answers: ``answer`` with 200 and the statuses of ``also``, and every refusal."""
    answered = {200: "Done"} | (also or {})
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": answer, "description": said} for status, said in answered.items()
    }
    return found | _refused(Problem, *_ANYWHERE, *refusals)


def told_openai(answer: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """What a route of the OpenAI façade answers."""
    return {200: {"model": answer, "description": "Done"}} | _refused(OpenAIError, 400, 401, 403, 413, 429, 500, 503)


def told_google(answer: Any) -> dict[int | str, dict[str, Any]]:
    """What a route of the Perspective façade answers."""
    return {200: {"model": answer, "description": "Done"}} | _refused(GoogleError, 400, 401, 403, 413, 429, 500, 503)


def _refused(shape: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": shape, "description": _SPECIAL.get(status, HTTPStatus(status).phrase)}
        for status in sorted(statuses)
    }


def read_body(model: Any, *, required: bool = True) -> dict[str, Any]:
    """The OpenAPI words for a body that a route parses itself, so that every refusal has Vigie's shape."""
    schema = TypeAdapter(model).json_schema()
    content = {"application/json": {"schema": _inlined(schema, schema.get("$defs", {}))}}
    return {"requestBody": {"required": required, "content": content}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """``schema`` with its definitions in their places: inside a larger document, references to them would dangle."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(part, definitions) for key, part in schema.items() if key != "$defs"}


# --- The document -----------------------------------------------------------------------------------------------------


def install(app: FastAPI) -> None:
    """Make ``app`` describe itself so; made at the first asking, then kept."""

    def described() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or _described(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=_DESCRIPTION, routes=app.routes
    )
    document["components"]["securitySchemes"] = _SECURITY
    document["security"] = [{"key": []}, {"session": []}]
    examples = load_examples()
    for name, path, operation in _operations(document):
        if path.startswith(_GOOGLE):
            operation["security"] = [{"key": []}, {"googleQuery": []}, {"googleHeader": []}]
        for status, answer in operation["responses"].items():
            _as_problem(answer)
            _exemplify(answer, examples.get(name, {}).get("answers", {}).get(status))
        _exemplify(operation.get("requestBody"), examples.get(name, {}).get("requests"))
    return document


def load_examples() -> dict[str, Any]:
    """By ``METHOD /path``: ``requests`` by name, and ``answers`` by status and name."""
    text = resources.files("serving.api").joinpath("examples.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", path, operation


def _as_problem(answer: dict[str, Any]) -> None:
    """Say the media type under which problems are sent."""
    for kind, content in list(answer.get("content", {}).items()):
        if content.get("schema", {}).get("$ref", "").endswith("/Problem"):
            answer["content"][MEDIA_TYPE] = answer["content"].pop(kind)


def _exemplify(described: dict[str, Any] | None, examples: dict[str, Any] | None) -> None:
    """Add ``examples`` to a request or to an answer, which has one media type."""
    if described and examples:
        (content,) = described["content"].values()
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
