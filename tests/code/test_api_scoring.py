"""Scoring over HTTP: every item is answered, and a bad one never fails the others."""

from __future__ import annotations

import json
import threading

import anyio
import httpx
import pytest
from house import open_house

from serving.api.limits import Limits
from serving.bundle import LEVELED, OUTPUT_KEYS
from serving.review import Role


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield found
    close()


@pytest.fixture(scope="module")
def client(house):
    return house.key()


def score(client, *items, **body):
    answer = client.post("/v1/score", json={"items": list(items), **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_an_item_is_answered_with_every_key_in_order(client, house):
    answer = client.post("/v1/score", json={"items": [{"id": "a", "text": "une menace"}]}).json()
    (item,) = answer["items"]
    assert answer["bundle"] == house.classifier.bundle_id
    assert list(answer["items"][0]) == ["id", "status", "labels", "levels", "flags", "error"]
    assert tuple(item["labels"]) == OUTPUT_KEYS
    assert tuple(item["levels"]) == LEVELED
    assert (item["id"], item["status"], item["error"]) == ("a", "scored", None)
    assert item["flags"] == {"windows": 1, "truncated": False, "not_french": False}


def test_scores_are_the_classifiers_own_to_the_last_bit(client, house):
    text = "une menace et une citation"
    (item,) = score(client, {"text": text})
    (verdict,) = house.classifier.score([text])
    assert item["labels"] == verdict.scores
    assert item["levels"] == verdict.levels


def test_what_the_model_was_not_trained_on_is_null(client):
    (item,) = score(client, {"text": "une menace"})
    assert item["labels"]["vulgarite"] is None
    assert item["labels"]["terrorisme.menace"] > 0.5


def test_ids_are_echoed_and_default_to_the_item_s_number(client):
    assert [item["id"] for item in score(client, {"text": "a"}, {"id": "é/~", "text": "b"}, {"text": "c"})] == [
        "0",
        "é/~",
        "2",
    ]


BAD = [
    ({"text": ""}, "empty_text", "/items/1/text"),
    ({"text": " \n\t "}, "empty_text", "/items/1/text"),
    ({"text": "\x00"}, "empty_text", "/items/1/text"),
    ({"text": "x" * 100_001}, "text_too_long", "/items/1/text"),
    ({"text": 5}, "wrong_type", "/items/1/text"),
    ({"text": None}, "wrong_type", "/items/1/text"),
    ({"text": ["a"]}, "wrong_type", "/items/1/text"),
    ({}, "missing_field", "/items/1/text"),
    ({"text": "a", "langue": "fr"}, "unknown_field", "/items/1/langue"),
    ({"text": "a", "id": 3}, "wrong_type", "/items/1/id"),
    ({"text": "a", "id": "x" * 201}, "invalid_value", "/items/1/id"),
    ("une menace", "wrong_type", "/items/1"),
    (None, "wrong_type", "/items/1"),
    ([], "wrong_type", "/items/1"),
]


@pytest.mark.parametrize(("bad", "code", "pointer"), BAD)
def test_a_bad_item_has_its_error_and_disturbs_no_other(client, bad, code, pointer):
    first, found, last = score(client, {"text": "haine"}, bad, {"text": "menace"})
    assert (found["status"], found["error"]["code"], found["error"]["pointer"]) == ("error", code, pointer)
    assert set(found["labels"].values()) == {None}
    assert first["status"] == last["status"] == "scored"
    assert [first, last] == score(client, {"text": "haine"}, {"id": "2", "text": "menace"})


def test_a_bad_item_keeps_its_id(client):
    assert score(client, {"id": "mien", "text": ""})[0]["id"] == "mien"


@pytest.mark.parametrize("text", ["haine\x00", "\ud800 haine", "haine \udfff\u202e", "💥 haine", "h\u0301 haine"])
def test_hostile_characters_are_text(client, text):
    raw = json.dumps({"items": [{"text": text}]})
    answer = client.post("/v1/score", content=raw)
    assert answer.status_code == 200
    assert answer.json()["items"][0]["labels"]["haine"] > 0.5


BODIES = [
    (b"", "invalid_json"),
    (b"{", "invalid_json"),
    (b"\x00\xff\x00", "invalid_json"),
    (b'{"items": [{"text": NaN}]}', "invalid_json"),
    (b"[" * 200_000, "invalid_json"),
    (b'{"items": ' + b"9" * 10_000 + b"}", "invalid_json"),
    (b"[]", "wrong_type"),
    (b"{}", "missing_field"),
    (b'{"items": []}', "invalid_value"),
    (b'{"items": "a"}', "wrong_type"),
    (b'{"items": [{"text": "a"}], "modele": "x"}', "unknown_field"),
    (b'{"items": [{"text": "a"}], "include": ["poids"]}', "invalid_value"),
    (b'{"items": [{"text": "a"}], "include": "levels"}', "wrong_type"),
]


@pytest.mark.parametrize(("raw", "code"), BODIES)
def test_a_bad_body_is_a_problem(client, raw, code):
    answer = client.post("/v1/score", content=raw)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


def test_what_include_supports_is_said(client):
    detail = client.post("/v1/score", json={"items": [{"text": "a"}], "include": ["poids"]}).json()["detail"]
    assert "'levels'" in detail
    assert "'receipt'" in detail
    assert "'spans'" in detail


def test_a_refusal_never_quotes_the_body(client):
    secret = "phrase à ne pas répéter"
    for raw in (f'{{"items": "{secret}"}}', f'{{"items": [{{"text": "{secret}" oups', f'"{secret}"'):
        assert secret not in client.post("/v1/score", content=raw.encode()).text


def test_2000_items_pass_and_one_more_does_not(client):
    assert len(score(client, *[{"text": "haine"}] * 2_000)) == 2_000
    answer = client.post("/v1/score", json={"items": [{"text": "haine"}] * 2_001})
    assert (answer.status_code, answer.json()["code"], answer.json()["pointer"]) == (422, "too_many_items", "/items")


def test_8_mib_pass_and_one_byte_more_is_413(client):
    head = b'{"items": [{"text": "'
    tail = b'"}]}'
    room = Limits.body - len(head) - len(tail)
    assert client.post("/v1/score", content=head + b"a" * room + tail).status_code == 200
    answer = client.post("/v1/score", content=head + b"a" * (room + 1) + tail)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_receipt_holds_a_keyed_hash_and_the_scores_but_no_text(client, house):
    plain, other = score(client, {"text": "une menace"}, {"text": "une haine"}, include=["receipt"])
    receipt = plain["receipt"]
    assert receipt["bundle"] == house.classifier.bundle_id
    assert receipt["scores"] == plain["labels"]
    assert receipt["levels"] == plain["levels"]
    assert len(receipt["text_hmac"]) == 64
    assert receipt["text_hmac"] != other["receipt"]["text_hmac"]
    assert "une menace" not in json.dumps(receipt)
    assert receipt["exact"] is (house.classifier.manifest.quantisation.precision == "int8")


def test_a_receipt_is_the_same_alone_and_among_others(client):
    (alone,) = score(client, {"text": "une menace"}, include=["receipt"])
    among = score(client, *[{"text": "une haine"}] * 31, {"text": "une menace"}, include=["receipt"])
    assert among[-1]["receipt"] == alone["receipt"]


def test_an_item_in_error_has_no_receipt(client):
    assert score(client, {"text": ""}, include=["receipt"])[0]["receipt"] is None


def test_the_bundle_is_shown_without_its_files(client, house):
    for answer in (client.get("/v1/bundle"), client.post("/v1/bundle")):
        body = answer.json()
        assert body["id"] == house.classifier.bundle_id
        assert [label["key"] for label in body["labels"]] == list(house.classifier.manifest.keys)
        assert {point["level"] for point in body["labels"][0]["operating_points"]} <= {
            "tres_probable",
            "probable",
            "possible",
        }
        assert "provenance" in body
        assert "files" not in body


def test_texts_are_counted_by_outcome(house, client):
    def count(outcome):
        return house.registry.get_sample_value("vigie_texts_total", {"outcome": outcome}) or 0

    before = count("scored"), count("error")
    score(client, {"text": "a"}, {"text": ""}, {"text": "b"})
    assert (count("scored"), count("error")) == (before[0] + 2, before[1] + 1)


class Slow:
    """The house's classifier behind a door that the test opens."""

    def __init__(self, inner) -> None:
        self.inner, self.open, self.entered = inner, threading.Event(), threading.Event()
        self.bundle_id, self.manifest = inner.bundle_id, inner.manifest

    def score(self, texts):
        self.entered.set()
        assert self.open.wait(30)
        return self.inner.score(texts)


def test_the_event_loop_stays_free_while_scoring_and_a_full_queue_says_so(tmp_path, tiny_bundle):
    house, close = open_house(tmp_path, tiny_bundle, Limits(scoring=2), wrap=Slow)
    headers = {"Authorization": f"Bearer {house.token(Role.ANALYST)}"}
    scored, refused, bundle = [], [], []

    async def run():
        transport, enough = httpx.ASGITransport(house.app), anyio.Event()
        async with httpx.AsyncClient(transport=transport, base_url="http://vigie", headers=headers) as client:

            async def one():
                answer = await client.post("/v1/score", json={"items": [{"text": "haine"}]})
                (scored if answer.status_code == 200 else refused).append(answer)
                enough.set()

            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(one)
                # Two hold the two places, so the first to finish can only be the one that found none.
                await enough.wait()
                bundle.append(await client.get("/v1/bundle"))
                house.classifier.open.set()

    anyio.run(run)
    close()
    assert bundle[0].status_code == 200
    assert len(scored) == 2
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(503, "overloaded")]
    assert refused[0].headers["retry-after"].isdecimal()
