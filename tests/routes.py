"""Asks any route of the OpenAPI document as any caller, after whatever must have happened for it to answer.

``WHO`` is the one list of routes and of those who may ask: tests/code/test_api_callers.py fails without an entry.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from typing import Any

import httpx2
from house import House
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from serving.review import KeyKind, Role

DECISION = {"illegal": False, "action": "classement_sans_suite"}

KEYS = tuple(kind.value for kind in KeyKind)
READERS = (Role.ANALYST.value, Role.SENIOR.value, Role.SUPERVISOR.value)
WATCHERS = (*READERS, Role.RESEARCHER.value, Role.ADMIN.value)
EVERYBODY = (*KEYS, *WATCHERS)

#: Who may ask each route; the first is who asks it in the tests of its examples.
WHO: dict[str, tuple[str, ...]] = {
    "POST /v1/score": EVERYBODY,
    "GET /v1/bundle": EVERYBODY,
    "POST /v1/bundle": EVERYBODY,
    "POST /v1/explain": EVERYBODY,
    "POST /v1/thresholds": EVERYBODY,
    "POST /v1/receipts:replay": EVERYBODY,
    "POST /v1/moderations": EVERYBODY,
    "POST /v1alpha1/comments:analyze": EVERYBODY,
    "POST /v1alpha1/comments:suggestscore": KEYS,
    "GET /$discovery/rest": EVERYBODY,
    "POST /v1/cases": KEYS,
    "GET /v1/cases": (*KEYS, *READERS),
    "GET /v1/cases/{case_id}": (*KEYS, *READERS),
    "POST /v1/cases/{case_id}/reach": (*KEYS, *READERS),
    "POST /v1/cases/{case_id}/appeal": (*KEYS, *READERS),
    "GET /v1/queue": READERS,
    "GET /v1/queue/held": READERS,
    "POST /v1/queue/claim": READERS,
    "POST /v1/cases/{case_id}/claim": READERS,
    "POST /v1/cases/{case_id}/heartbeat": READERS,
    "POST /v1/cases/{case_id}/release": READERS,
    "POST /v1/cases/{case_id}/skip": READERS,
    "POST /v1/cases/{case_id}/reassign": (Role.SUPERVISOR.value,),
    "POST /v1/cases/{case_id}/decision": READERS,
    "POST /v1/decisions": READERS,
    "POST /v1/cases/{case_id}/undo": READERS,
    "POST /v1/cases/{case_id}/escalate": READERS,
    "POST /v1/cases:search": READERS,
    "GET /v1/cases/{case_id}/near": READERS,
    "GET /v1/cases/{case_id}/cluster": READERS,
    "GET /v1/cases/{case_id}/same-target": READERS,
    "GET /v1/cases/{case_id}/notes": READERS,
    "POST /v1/cases/{case_id}/notes": READERS,
    "POST /v1/cases/{case_id}/exposure": READERS,
    "GET /v1/exposure": READERS,
    "GET /v1/stats": WATCHERS,
    "GET /v1/agreement": WATCHERS,
    "GET /metrics": (*KEYS, Role.ADMIN.value),
}

#: What a route needs of the case in its path beside being there: to be held by who asks, or decided by them.
HELD = ("/heartbeat", "/release", "/skip", "/decision", "/escalate")
DECIDED = ("/appeal", "/undo")


class Visitors:
    """One caller of every kind at the doors of one house, and a stranger."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stranger = house.client(Authorization="Bearer personne")
        self._by_name = {kind.value: house.key(kind) for kind in KeyKind}
        self._by_name |= {role.value: house.person(role) for role in Role}
        self._colleague = next(one.id for one in house.accounts.list_users() if one.role == Role.SENIOR)

    def by(self, name: str) -> TestClient:
        """The client of a kind of key or of a role."""
        return self._by_name[name]

    def sender(self, name: str) -> TestClient:
        """Who asks the route ``METHOD /path`` in the tests of its examples."""
        return self.by(WHO[name][0])

    @property
    def key(self) -> TestClient:
        """A platform."""
        return self.by(KeyKind.PLATFORM.value)

    def ask(
        self, name: str, body: Any = None, query: dict[str, Any] | None = None, by: str | None = None
    ) -> httpx2.Response:
        """The answer of the route ``METHOD /path`` to ``by``; to its usual sender where none is named."""
        method, path = name.split()
        asking = by or WHO[name][0]
        sent = self._filled(path, body, asking)
        if "{case_id}" in path:
            path = path.replace("{case_id}", self.case_for(path, asking))
        return self.by(asking).request(method, path, params=query, **({} if sent is None else {"json": sent}))

    def case_for(self, path: str, by: str) -> str:
        """The id of a case in the state that ``path`` is about, of ``by`` where that is a key or a reader."""
        key = self.by(by if by in KEYS else KeyKind.PLATFORM.value)
        reader = self.by(by if by in READERS else Role.ANALYST.value)
        found = key.post("/v1/cases", json={"external_id": uuid.uuid4().hex, "text": "Un texte signalé."}).json()["id"]
        self.house.queue.score_pending(self.house.classifier)
        if path.endswith((*HELD, *DECIDED)):
            assert reader.post(f"/v1/cases/{found}/claim").status_code == 200
        if path.endswith(DECIDED):
            assert reader.post(f"/v1/cases/{found}/decision", json=DECISION).status_code == 200
        return found

    def _filled(self, path: str, body: Any, by: str) -> Any:
        """The body of an example with what only this very house can know."""
        if path == "/v1/receipts:replay":
            return body | {"receipt": self.receipt_of(body["text"])}
        if path == "/v1/decisions" and "ids" in body:
            return body | {"ids": [self.case_for(path, by), self.case_for(path, by)]}
        if path.endswith("/reassign") and "to" in body:
            return body | {"to": self._colleague}
        return body

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
