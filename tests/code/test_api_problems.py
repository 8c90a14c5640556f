"""Refusals: their shape, their pointers, and what they never say."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.api import problems
from serving.api.journal import Journal
from serving.bundle.errors import BundleError, Conflict, Forbidden, InputError, NotFound, Unavailable

SECRET_TEXT = "phrase qui ne doit paraître nulle part"


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
