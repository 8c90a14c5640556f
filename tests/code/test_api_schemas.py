"""Bodies that would cost too much to refuse: every list and every crowd of names has a bound, told and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from house import open_house
from routes import operations

from serving.bundle.faults import MOST_FAULTS

#: Far beyond every bound.
MANY = 5_000
CROWD = {f"champ{number}": 1 for number in range(MANY)}
COMMENT = {"comment": {"text": "a"}, "requestedAttributes": {"IDENTITY_ATTACK": {}}}
SUGGESTION = {"comment": {"text": "a"}, "attributeScores": {"IDENTITY_ATTACK": {}}}

#: Bounded by the settings, which the routes check themselves: items, cases of a batch, inputs.
BY_SETTING = {
    ("POST /v1/score", "/items"),
    ("POST /v1/explain", "/items"),
    ("POST /v1/cases", "/cases"),
    ("POST /v1/moderations", "/input"),
}


@pytest.fixture(scope="module")
def key(tmp_path_factory, tiny_bundle):
    house, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield house.key()
    close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score", {"items": [{"text": "a"}], "include": [1] * MANY}),
        ("/v1/score", {"items": [{"text": "a"}]} | CROWD),
        ("/v1/receipts:replay", {"text": "a", "receipt": {"scores": CROWD, "levels": CROWD}}),
        ("/v1/cases", {"external_id": "a", "text": "a", "notice": CROWD}),
        ("/v1/cases", {"external_id": "a", "text": "a", "thread": [{"champ": 1}] * 200}),
        ("/v1/moderations", {"input": "a"} | CROWD),
        ("/v1alpha1/comments:analyze", COMMENT | {"comment": {"text": "a"} | CROWD}),
        ("/v1alpha1/comments:analyze", COMMENT | {"languages": [1] * MANY}),
        ("/v1alpha1/comments:analyze", COMMENT | {"context": {"entries": [1] * MANY}}),
        ("/v1alpha1/comments:analyze", COMMENT | {"requestedAttributes": dict.fromkeys(CROWD, 5)}),
        (
            "/v1alpha1/comments:analyze",
            COMMENT | {"requestedAttributes": {f"IDENTITY_ATTACK@{number}": {} for number in range(MANY)}},
        ),
        ("/v1alpha1/comments:analyze", COMMENT | {"requestedAttributes": {"IDENTITY_ATTACK@" + "1" * MANY: {}}}),
        ("/v1alpha1/comments:suggestscore", SUGGESTION | {"attributeScores": CROWD}),
        (
            "/v1alpha1/comments:suggestscore",
            SUGGESTION | {"attributeScores": {"IDENTITY_ATTACK": {"spanScores": [1] * MANY}}},
        ),
    ],
)
def test_a_body_of_too_much_is_refused_in_a_few_lines(key, path, body):
    answer = key.post(path, json=body)
    assert answer.status_code in (400, 422)
    assert len(answer.content) < 400 * (MOST_FAULTS + 1)


def test_as_many_names_as_are_told_are_answered(key):
    asked = {f"IDENTITY_ATTACK@{number}": {} for number in range(64)}
    answer = key.post("/v1alpha1/comments:analyze", json=COMMENT | {"requestedAttributes": asked})
    assert list(answer.json()["attributeScores"]) == list(asked)


def unbounded(schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Where ``schema`` lets a sender choose how many elements there are, without an end."""
    free = schema.get("additionalProperties") not in (None, False)
    if (schema.get("type") == "array" and "maxItems" not in schema) or (free and "maxProperties" not in schema):
        yield at
    inner = [(at, part) for word in ("oneOf", "anyOf") for part in schema.get(word, ())]
    inner += [(at, schema[word]) for word in ("items", "additionalProperties") if isinstance(schema.get(word), dict)]
    inner += [(f"{at}/{name}", part) for name, part in schema.get("properties", {}).items()]
    for where, part in inner:
        yield from unbounded(part, where)


def test_every_bound_is_in_the_document(key):
    document = key.get("/v1/openapi.json").json()
    found = {
        (name, where)
        for name, operation in operations(document).items()
        if "requestBody" in operation
        for where in unbounded(operation["requestBody"]["content"]["application/json"]["schema"])
    }
    assert found == BY_SETTING
