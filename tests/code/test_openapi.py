"""One OpenAPI document for every route: its examples are sent to the service, and what is answered is what it tells."""

from __future__ import annotations

import json
import re

import pytest
from house import open_house
from pydantic import TypeAdapter
from routes import Visitors, closed, faults, operations

from serving import answers
from serving.api.document import load_examples
from serving.bundle import LEVELED, LEVELS
from serving.bundle.manifest import Label, Manifest
from serving.review import records

EXAMPLES = load_examples()
REQUESTS = [
    (name, which) for name, told in EXAMPLES.items() for which in told.get("requests", dict.fromkeys(told["answers"]))
]


@pytest.fixture(scope="module")
def house(tmp_path_factory, root):
    """On the embedded bundle, as users have it: the examples are about its labels."""
    found, close = open_house(tmp_path_factory.mktemp("house"), root / "serving" / "embedded")
    yield found
    close()


@pytest.fixture(scope="module")
def visitors(house):
    return Visitors(house)


@pytest.fixture(scope="module")
def document(visitors):
    """The document as it is served, where nothing may be answered that it does not tell."""
    return closed(visitors.key.get("/v1/openapi.json").json())


def test_every_route_is_in_the_document_and_has_examples(root, document):
    assert set(operations(document)) == set(EXAMPLES)
    hidden = [path.name for path in (root / "serving" / "api").glob("*.py") if "include_in_schema" in path.read_text()]
    assert hidden == []


def test_nothing_dangles(document):
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for step in reference.split("/"):
            found = found[step]


def test_every_route_tells_who_may_ask_and_every_refusal(document):
    for name, operation in operations(document).items():
        facade = name.endswith(("/v1/moderations", "/rest")) or "v1alpha1" in name
        told = set(operation["responses"])
        assert told >= {"401", "403", "429", "500", "503", "400" if facade else "422"}, name
        if "requestBody" in operation:
            assert "413" in told, name
        for status, answer in operation["responses"].items():
            (kind,) = answer["content"]
            problem = int(status) >= 400 and not facade
            assert kind == (
                "application/problem+json"
                if problem
                else "text/plain"
                if name == "GET /metrics"
                else "application/json"
            )
    assert set(document["components"]["securitySchemes"]) == {"key", "session", "googleQuery", "googleHeader"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_requests_fit_their_schema(document, name):
    operation = operations(document)[name]
    assert bool(EXAMPLES[name].get("requests")) == ("requestBody" in operation)
    if "requestBody" not in operation:
        return
    content = operation["requestBody"]["content"]["application/json"]
    assert set(content["examples"]) == set(EXAMPLES[name]["requests"])
    for example in content["examples"].values():
        assert faults(example["value"], content["schema"], document) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_answers_fit_their_schema(document, name):
    told = EXAMPLES[name]["answers"]
    assert told
    for status in told:
        (content,) = operations(document)[name]["responses"][status]["content"].values()
        assert set(content["examples"]) == set(told[status])
        for example in content["examples"].values():
            assert faults(example["value"], content["schema"], document) == []


@pytest.mark.parametrize(("name", "which"), REQUESTS)
def test_examples_are_accepted_and_answered_as_told(visitors, document, name, which):
    answer = visitors.ask(name, EXAMPLES[name].get("requests", {}).get(which))
    assert answer.status_code in (200, 202), answer.text[:500]
    told = operations(document)[name]["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    value = answer.json() if kind == "application/json" else answer.text
    assert faults(value, told[kind]["schema"], document) == []


REFUSED = [
    ("POST /v1/score", {"items": [{"text": "a"}], "exclude": []}, 422),
    ("POST /v1/score", {"items": []}, 422),
    ("POST /v1/thresholds", {"formula": "x"}, 422),
    ("POST /v1/moderations", {"input": 3}, 400),
    ("POST /v1alpha1/comments:analyze", {"comment": {"text": "a"}}, 400),
    ("POST /v1alpha1/comments:analyze", {"comment": 3}, 400),
    ("POST /v1/cases", {"text": 3, "reach": -1}, 422),
    ("POST /v1/cases/{case_id}/decision", {"illegal": True, "action": "rien"}, 422),
]


@pytest.mark.parametrize(("name", "body", "status"), REFUSED)
def test_refusals_are_as_told(visitors, document, name, body, status):
    answer = visitors.ask(name, body)
    assert answer.status_code == status
    told = operations(document)[name]["responses"][str(status)]["content"]
    kind = answer.headers["content-type"].partition(";")[0]
    assert faults(answer.json(), told[kind]["schema"], document) == []


def test_strangers_and_lost_cases_are_refused_as_told(house, visitors, document):
    for client, path, status, shape in (
        (house.client(), "/v1/bundle", 401, "Problem"),
        (visitors.key, "/v1/stats", 403, "Problem"),
        (visitors.key, "/v1/cases/nulle-part", 404, "Problem"),
        (house.client(), "/$discovery/rest", 403, "GoogleError"),
    ):
        answer = client.get(path)
        assert answer.status_code == status
        assert faults(answer.json(), {"$ref": f"#/components/schemas/{shape}"}, document) == []


@pytest.mark.parametrize(
    ("told", "made"),
    [
        (answers.CaseRow, records.CaseRow),
        (answers.Changes, records.Changes),
        (answers.Decision, records.Decision),
        (answers.Event, records.Event),
        (answers.Post, records.StoredPost),
        (answers.Received, records.Received),
        (answers.Stats, records.Stats),
        (answers.Note, records.Note),
        (answers.Likeness, records.Likeness),
        (answers.Bulk, records.Bulk),
        (answers.Agreement, records.Agreement),
        (answers.Exposure, records.Exposure),
        (answers.Pace, records.Pace),
        (answers.BundleLabel, Label),
    ],
)
def test_records_are_those_of_the_rooms(told, made):
    """Two lists of fields, since a client must not load the rooms: they may not fall out of step."""
    fields = getattr(made, "model_fields", None) or made.__dataclass_fields__
    assert list(told.model_fields) == list(fields)


def test_a_case_is_its_row_and_the_rest():
    assert set(answers.Case.model_fields) == (
        set(records.CaseRow.__dataclass_fields__) | set(records.Case.__dataclass_fields__) - {"row"}
    )
    assert set(answers.BundleAnswer.model_fields) == set(Manifest.model_fields) - {"files"} | {"id"}


def test_words_told_are_the_words_used():
    def words(kind) -> set[str]:
        return set(TypeAdapter(kind).json_schema()["enum"])

    assert words(answers.Level) == set(LEVELS)
    assert words(answers.State) == {state.value for state in records.State}
    assert words(answers.KeyKind) == {kind.value for kind in records.KeyKind}
    assert set(EXAMPLES["POST /v1/score"]["answers"]["200"]["score"]["items"][0]["levels"]) == set(LEVELED)
