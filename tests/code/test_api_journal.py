"""Request ids and logs."""

from __future__ import annotations

import json
import logging

import pytest
from house import open_house

from serving.api.journal import JsonLines


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield found
    close()


def test_every_answer_carries_a_request_id_and_may_not_be_kept(house):
    first, second = house.key().get("/v1/bundle"), house.client().get("/v1/bundle")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["x-content-type-options"] == "nosniff"


def test_the_caller_s_id_is_kept_when_it_is_plain(house):
    client = house.client()
    assert client.get("/v1/bundle", headers={"X-Request-ID": "abc-12345"}).headers["x-request-id"] == "abc-12345"
    for hostile in ("court", "x" * 65, 'a"; b=c d', "à-accents-1"):
        answer = client.get("/v1/bundle", headers={"X-Request-ID": hostile.encode()})
        assert answer.headers["x-request-id"].encode() != hostile.encode()


def lines(caplog):
    return [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "vigie.requests"]


def test_a_request_is_one_line_without_text_or_query(house, caplog):
    key = house.key()
    with caplog.at_level(logging.INFO, logger="vigie"):
        key.post("/v1/score?secret=requete", json={"items": [{"text": "phrase confidentielle"}]})
    (line,) = lines(caplog)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/v1/score", 200)
    assert line["caller"].startswith("key:")
    assert "confidentielle" not in str(line)
    assert "requete" not in str(line)


def test_a_case_leaves_no_text_in_any_log_on_its_way(house, caplog):
    key, analyst = house.key(), house.person()
    with caplog.at_level(logging.DEBUG):
        key.post("/v1/cases", json={"external_id": "1", "text": "menace confidentielle", "author_id": "quelqu'un"})
        house.queue.score_pending(house.classifier)
        analyst.post("/v1/queue/claim")
    assert lines(caplog)
    assert "confidentielle" not in caplog.text
    assert "quelqu'un" not in caplog.text


def test_a_path_is_one_json_string_and_cannot_forge_a_line(house, caplog):
    with caplog.at_level(logging.INFO, logger="vigie"):
        house.client().get('/v1/%0a{"event":"forged"}')
    formatted = [JsonLines().format(record) for record in caplog.records if record.name == "vigie.requests"]
    assert all("\n" not in line for line in formatted)
