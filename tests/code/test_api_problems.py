"""Refusals: their shape, their pointers, and what they never say."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.testclient import TestClient

from serving.api import problems
from serving.api.journal import Journal
from serving.bundle.errors import BundleError, Conflict, Forbidden, InputError, NotFound, Unavailable

SECRET_TEXT = "phrase qui ne doit paraître nulle part"


class Thread(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    reach: int | None = None
    thread: list[Thread] = []


def culprits(value: object) -> tuple[problems.Culprit, ...]:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(value)
    return problems.culprits_of(caught.value, known=Sample.model_fields)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), 422),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (Forbidden("x"), 403),
        (Unavailable("x"), 503),
        (BundleError("x"), 500),
    ],
)
def test_each_error_of_the_tree_has_its_status(error, status):
    assert problems.problem_of(error).status == status


def test_503_says_when_to_come_back():
    assert problems.problem_of(Unavailable("x")).headers["Retry-After"].isdecimal()


def test_a_wrong_field_is_named_with_its_pointer_and_what_was_expected():
    (found,) = culprits({"text": "a", "reach": "beaucoup"})
    assert (found.code, found.pointer) == ("wrong_type", "/reach")
    assert "expected a whole number" in found.detail


def test_a_pointer_goes_through_arrays():
    (found,) = culprits({"text": "a", "thread": [{"text": "a"}, {"text": 5}]})
    assert found.pointer == "/thread/1/text"
    assert "got 5" in found.detail


def test_an_unknown_field_is_named_with_the_nearest_known_one():
    found = culprits({"text": "a", "raech": 1})[0]
    assert found.code == "unknown_field"
    assert "did you mean 'reach'" in found.detail


def test_a_missing_field_is_named():
    (found,) = culprits({})
    assert (found.code, found.pointer) == ("missing_field", "/text")


def test_pointers_escape_tilde_and_slash():
    assert problems.pointer_to(["a/b", "c~d", 0]) == "/a~1b/c~0d/0"


def test_a_string_is_never_quoted():
    for value in ({"text": "a", "reach": SECRET_TEXT}, {"text": "a", "thread": SECRET_TEXT}):
        assert SECRET_TEXT not in str(culprits(value))


def test_a_field_name_is_shortened_and_made_printable():
    (found,) = culprits({"text": "a", "\x1b[31m" + "x" * 500: 1})
    assert "\x1b" not in found.detail
    assert len(found.detail) < 200


@pytest.fixture
def client():
    app = FastAPI()
    problems.install(app)

    @app.get("/breaks")
    def breaks():
        raise RuntimeError(SECRET_TEXT)

    @app.get("/refuses")
    def refuses():
        raise Conflict("moved on", code="moved", pointer="/id")

    return TestClient(Journal(app, lambda: None))


def test_an_unexpected_error_says_nothing_but_a_request_id(client, caplog):
    with caplog.at_level(logging.ERROR, logger="vigie"):
        answer = client.get("/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert SECRET_TEXT not in answer.text
    assert "Traceback" not in answer.text


def test_an_unexpected_error_is_logged_by_class_and_place_without_its_message(client, caplog):
    with caplog.at_level(logging.ERROR, logger="vigie"):
        client.get("/breaks")
    (record,) = [record for record in caplog.records if record.name == "vigie.errors"]
    assert record.fields["error"] == "RuntimeError"
    assert "test_api_problems.py" in record.fields["places"][-1]
    assert SECRET_TEXT not in str(record.__dict__)


def test_a_refusal_carries_code_detail_and_pointer(client):
    answer = client.get("/refuses")
    body = answer.json()
    assert answer.status_code == body["status"] == 409
    assert (body["code"], body["pointer"], body["detail"]) == ("moved", "/id", "moved on")
    assert body["type"] == "urn:vigie:problem:moved"


def test_unknown_routes_and_methods_are_problems_too(client):
    unknown, wrong = client.get("/nulle-part"), client.post("/refuses")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_route")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"
