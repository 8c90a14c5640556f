"""Asks any route of the OpenAPI document, after whatever must have happened for it to answer."""

from __future__ import annotations

import uuid
from copy import deepcopy
from typing import Any

import httpx2
from house import House
from jsonschema import Draft202012Validator

DECISION = {"illegal": False, "action": "classement_sans_suite"}

#: Routes for people; a key asks the others.
FOR_PEOPLE = ("/v1/queue/claim", "/decision", "/heartbeat", "/release", "/skip", "/undo", "/escalate", "/v1/stats")


class Visitors:
    """A key of a platform, and an analyst, at the doors of one house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.key = house.key()
        self.analyst = house.person()
        self.stranger = house.client(Authorization="Bearer personne")

    def ask(self, name: str, body: Any = None, query: dict[str, Any] | None = None) -> httpx2.Response:
        """The answer of the route ``METHOD /path``."""
        method, path = name.split()
        path = path.replace("{case_id}", self.case_for(path)) if "{case_id}" in path else path
        client = self.analyst if path.endswith(FOR_PEOPLE) else self.key
        if path == "/v1/receipts:replay":
            body = body | {"receipt": self.receipt_of(body["text"])}
        return client.request(method, path, params=query, **({} if body is None else {"json": body}))

    def case_for(self, path: str) -> str:
        """The id of a case in the state that ``path`` is about."""
        received = self.key.post("/v1/cases", json={"external_id": uuid.uuid4().hex, "text": "Un texte signalé."})
        self.house.queue.score_pending(self.house.classifier)
        if path == "/v1/cases/{case_id}":
            return received.json()["id"]
        held: str = self.analyst.post("/v1/queue/claim").json()["case"]["id"]
        if path.endswith(("/appeal", "/undo")):
            assert self.analyst.post(f"/v1/cases/{held}/decision", json=DECISION).status_code == 200
        return held

    def receipt_of(self, text: str) -> dict[str, Any]:
        """A receipt of this very service: the one of an example was issued by another."""
        answer = self.key.post("/v1/score", json={"items": [{"text": text}], "include": ["receipt"]})
        receipt: dict[str, Any] = answer.json()["items"][0]["receipt"]
        return receipt


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation of the document, by ``METHOD /path``."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def closed(schema: Any) -> Any:
    """``schema`` where no object has a field that it does not tell: what is answered must be told."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: closed(part) for key, part in schema.items()}
    return {"additionalProperties": False} | parts if isinstance(schema.get("properties"), dict) else parts


def faults(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """What ``schema``, which stands in ``document``, has against ``value``."""
    whole = {**deepcopy(schema), "components": document["components"]}
    return [
        f"{list(found.absolute_path)}: {found.message[:200]}"
        for found in Draft202012Validator(whole).iter_errors(value)
    ]
