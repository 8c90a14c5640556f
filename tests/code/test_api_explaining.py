"""``/v1/explain``, and spans on ``/v1/score``: which words carry which label."""

from __future__ import annotations

import pytest
from house import open_house

from serving.api.limits import Limits


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield found
    close()


@pytest.fixture(scope="module")
def client(house):
    return house.key()


def ask(client, *items, path="/v1/explain", **body):
    answer = client.post(path, json={"items": list(items), **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


TEXT = "@jean dit qu'une menace est une menace, pas une insulte 😂"


def test_words_and_weights_are_told_with_the_scores(client, house):
    (item,) = ask(client, {"id": "a", "text": TEXT})
    (scored,) = ask(client, {"id": "a", "text": TEXT}, path="/v1/score")
    assert {key: item[key] for key in scored} == scored
    words = [TEXT[word["start"] : word["end"]] for word in item["words"]]
    assert words[:5] == ["@jean", "dit", "qu'", "une", "menace"]
    assert list(item["weights"]) == ["haine", "terrorisme", "harcelement", "contexte_protege"]
    assert {len(weights) for weights in item["weights"].values()} == {len(words)}
    assert words[item["weights"]["harcelement"].index(max(item["weights"]["harcelement"]))] == "insulte"


def test_spans_are_code_points_of_the_text_as_it_came(client):
    text = "😂😂 e\u0301 https://exemple.fr/tres/long une insulte"
    (item,) = ask(client, {"text": text}, labels=["harcelement"])
    assert [text[span["start"] : span["end"]] for span in item["spans"]] == ["insulte"]
    assert {span["label"] for span in item["spans"]} == {"harcelement"}


def test_scoring_gives_the_same_spans_on_demand(client):
    items = [{"text": "une insulte"}, {"text": "bonjour"}, {"text": ""}]
    insult, calm, empty = ask(client, *items, path="/v1/score", include=["spans"])
    assert insult["spans"] == ask(client, items[0])[0]["spans"]
    assert [span["label"] for span in insult["spans"]] == ["harcelement"]
    assert calm["spans"] == []
    assert empty["spans"] is None
    assert "spans" not in ask(client, items[0], path="/v1/score")[0]


def test_a_bad_item_disturbs_no_other(client):
    first, bad, last = ask(client, {"text": "une insulte"}, {"id": "x", "text": " "}, {"text": "une menace"})
    assert (bad["id"], bad["status"], bad["error"]["code"]) == ("x", "error", "empty_text")
    assert (bad["words"], bad["weights"], bad["spans"]) == (None, None, None)
    assert first["spans"]
    assert last["spans"]


def test_a_label_the_bundle_does_not_know_has_no_weights(client):
    (item,) = ask(client, {"text": "une insulte"}, labels=["vulgarite", "harcelement"])
    assert list(item["weights"]) == ["harcelement"]


def test_an_unknown_label_is_named_with_its_neighbour(client):
    answer = client.post("/v1/explain", json={"items": [{"text": "a"}], "labels": ["haine", "harcelment"]}).json()
    assert (answer["status"], answer["code"], answer["pointer"]) == (422, "unknown_label", "/labels/1")
    assert "'harcelement'" in answer["detail"]


@pytest.mark.parametrize(("path", "body"), [("/v1/explain", {}), ("/v1/score", {"include": ["spans"]})])
def test_only_so_many_texts_are_explained_at_once(client, path, body):
    most = Limits().explained
    assert len(ask(client, *[{"text": "mot"}] * most, path=path, **body)) == most
    answer = client.post(path, json={"items": [{"text": "mot"}] * (most + 1), **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_items")


def test_a_very_long_text_is_explained_by_passages(client):
    text = "mot " * 20_000 + "insulte"
    (item,) = ask(client, {"text": text})
    assert 64 < len(item["words"]) <= 128
    assert item["flags"]["truncated"]


@pytest.mark.parametrize("text", ["\ud800 insulte", "\x00insulte\x00", "insulte", "!!!", "insulte" * 5_000])
def test_hostile_texts_are_explained(client, text):
    import json

    answer = client.post("/v1/explain", content=json.dumps({"items": [{"text": text}]}))
    assert answer.status_code == 200
    assert answer.json()["items"][0]["status"] == "scored"
