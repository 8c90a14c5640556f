"""``/v1/receipts:replay``: the same bits under the same bundle; otherwise the answer says why not."""

from __future__ import annotations

import json

import pytest
from house import open_house
from tiny_bundle import make_tiny_bundle

TEXT = "une menace et une citation 😂"


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield found
    close()


@pytest.fixture(scope="module")
def client(house):
    return house.key()


@pytest.fixture(scope="module")
def receipt(client):
    body = {"items": [{"text": "une haine"}] * 20 + [{"text": TEXT}], "include": ["receipt"]}
    return client.post("/v1/score", json=body).json()["items"][-1]["receipt"]


def replay(client, text, receipt):
    return client.post("/v1/receipts:replay", content=json.dumps({"text": text, "receipt": receipt}))


def test_the_same_bundle_gives_the_same_bits(client, house, receipt):
    answer = replay(client, TEXT, receipt)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["identical"], found["largest_difference"]) == (True, 0.0)
    assert found["scores"] == receipt["scores"]
    assert found["levels"] == receipt["levels"]
    assert found["bundle"] == house.classifier.bundle_id


def test_a_replay_reads_again_and_does_not_remember(tmp_path, tiny_bundle):
    class Drifting:
        """A classifier whose second reading of a text differs in the last bit."""

        def __init__(self, inner):
            self.inner, self.bundle_id, self.manifest, self.readings = inner, inner.bundle_id, inner.manifest, 0

        def score(self, texts):
            self.readings += 1
            found = self.inner.score(texts)
            if self.readings > 1:
                found[0].scores["haine"] += 2e-16
            return found

    house, close = open_house(tmp_path, tiny_bundle, wrap=Drifting)
    client = house.key()
    body = {"items": [{"text": TEXT}], "include": ["receipt"]}
    first, again = (client.post("/v1/score", json=body).json()["items"][0]["receipt"] for _ in range(2))
    found = replay(client, TEXT, first).json()
    close()
    assert first == again
    assert found["identical"] is False
    assert 0 < found["largest_difference"] < 1e-15


def test_another_bundle_is_named(client, tmp_path, receipt):
    other = make_tiny_bundle(tmp_path / "other", name="other")
    house, close = open_house(tmp_path, other)
    answer = replay(house.key(), TEXT, receipt)
    close()
    assert (answer.status_code, answer.json()["code"]) == (409, "other_bundle")
    assert receipt["bundle"] in answer.json()["detail"]
    assert house.classifier.bundle_id in answer.json()["detail"]


def test_an_altered_receipt_and_another_text_are_refused(client, receipt):
    altered = {**receipt, "scores": {**receipt["scores"], "haine": 0.5}}
    for text, given, code in ((TEXT, altered, "invalid_receipt"), (TEXT + " ", receipt, "other_text")):
        answer = replay(client, text, given)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert "citation" not in answer.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": "x"}, "invalid_value"),
        ({"signature": None}, "wrong_type"),
        ({"bundle": "latest"}, "invalid_value"),
        ({"scores": {"haine": "0.5"}}, "wrong_type"),
        ({"note": "x"}, "unknown_field"),
    ],
)
def test_a_receipt_of_another_shape_is_a_problem(client, receipt, change, code):
    answer = replay(client, TEXT, receipt | change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_client_that_writes_whole_numbers_without_a_point_is_understood(client, receipt):
    """JavaScript writes 1.0 as 1; the number is the same."""
    from serving.receipts import Receipt

    whole = Receipt.model_validate(receipt | {"scores": {"haine": 1}})
    assert whole.model_dump_json() == Receipt.model_validate(receipt | {"scores": {"haine": 1.0}}).model_dump_json()


@pytest.mark.parametrize("text", ["\ud800 menace", "\x00menace", "a" * 100_000])
def test_hostile_texts_have_receipts_that_replay(client, text):
    body = json.dumps({"items": [{"text": text}], "include": ["receipt"]})
    receipt = client.post("/v1/score", content=body).json()["items"][0]["receipt"]
    assert replay(client, text, receipt).json()["identical"] is True
