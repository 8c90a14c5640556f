"""OpenAI's moderation, driven by its own SDK: only the base URL and the key are ours."""

from __future__ import annotations

import openai
import pytest
from facade_server import on_a_socket
from house import open_house

from serving.api.limits import Limits
from serving.facades import OPENAI_CATEGORIES
from serving.review import Quota

UNSCORED = "self-harm"


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle, Limits(items=20))
    yield found
    close()


@pytest.fixture(scope="module")
def address(house):
    with on_a_socket(house) as url:
        yield url


@pytest.fixture(scope="module")
def plain(house) -> str:
    return house.accounts.create_key("une plateforme", "platform")[1]


@pytest.fixture(scope="module")
def client(address, plain) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=plain, max_retries=0)


def test_results_come_in_order_with_every_category_of_the_sdk(client):
    answer = client.moderations.create(input=["une menace", "rien", "de la haine"], model="omni-moderation-latest")
    assert [result.flagged for result in answer.results] == [True, False, True]
    assert answer.results[2].categories.hate
    assert answer.results[0].category_scores.violence > 0.9
    for result in answer.results:
        scores = result.category_scores.model_dump(by_alias=True)
        assert set(OPENAI_CATEGORIES) <= set(scores)
        assert all(isinstance(score, float) for score in scores.values())
    assert answer.id.startswith("modr-")
    assert answer.model == "tiny"


def test_a_score_is_the_classifiers_own(client, house):
    text = "de la haine et une insulte"
    (result,) = client.moderations.create(input=text).results
    (verdict,) = house.classifier.score([text])
    assert result.category_scores.hate == verdict.scores["haine"]
    assert result.category_scores.harassment == verdict.scores["harcelement"]
    assert result.model_extra["vigie"]["labels"] == verdict.scores


def test_terrorism_stands_beside_their_categories_and_flags(client):
    (result,) = client.moderations.create(input="une menace").results
    assert result.categories.model_dump()["terrorism"] is True
    assert result.flagged


def test_what_is_not_scored_is_said_three_times(client):
    raw = client.moderations.with_raw_response.create(input="une menace")
    answer = raw.parse()
    not_scored = answer.model_extra["vigie"]["not_scored"]
    assert UNSCORED in not_scored
    assert "hate" not in not_scored
    assert raw.headers["vigie-not-scored"].split(", ") == not_scored
    (result,) = answer.results
    applied = result.category_applied_input_types.model_dump(by_alias=True)
    assert {name for name, kinds in applied.items() if kinds == []} == set(not_scored)
    assert {result.categories.model_dump(by_alias=True)[name] for name in not_scored} == {False}


def test_a_category_without_all_its_labels_in_the_bundle_is_not_scored(client):
    """The tiny bundle has no harcelement.menace: hate/threatening needs it, violence can do without and says so."""
    vigie = client.moderations.create(input="une menace").model_extra["vigie"]
    assert "hate/threatening" in vigie["not_scored"]
    assert "violence" in vigie["partial"]


def test_the_parts_of_a_message_are_one_text(client):
    parts = [{"type": "text", "text": "rien"}, {"type": "text", "text": "de la haine"}]
    (result,) = client.moderations.create(input=parts).results
    assert result.categories.hate


def test_a_list_of_texts_is_answered_like_each_alone(client):
    texts = ["une menace", "rien du tout", "une insulte"]
    together = client.moderations.create(input=texts).results
    alone = [client.moderations.create(input=text).results[0] for text in texts]
    assert [result.model_dump() for result in together] == [result.model_dump() for result in alone]


IMAGE = {"type": "image_url", "image_url": {"url": "https://exemple.fr/a.png"}}


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ([], "input", "invalid_value"),
        (3, "input", "invalid_value"),
        ("", "input", "empty_text"),
        ("\u200b", "input", "empty_text"),
        (["a", ""], "input.1", "empty_text"),
        (["a", 3], "input.1", "wrong_type"),
        (["a", "b", {"type": "text", "text": "c"}], "input.2", "wrong_type"),
        ([3, "a"], "input.0", "wrong_type"),
        ([{"type": "text", "text": "a"}, "b"], "input.1", "wrong_type"),
        (["a"] * 21, "input", "too_many_items"),
        ([{"type": "text"}], "input.0", "wrong_type"),
        ([IMAGE], "input.0", "image_input"),
        ([{"type": "text", "text": "a"}, IMAGE], "input.1", "image_input"),
    ],
)
def test_what_cannot_be_read_is_a_bad_request_in_their_shape(client, given, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        client.moderations.create(input=given)
    assert (caught.value.type, caught.value.param, caught.value.code) == ("invalid_request_error", param, code)


def test_an_unknown_argument_is_named(client):
    with pytest.raises(openai.BadRequestError, match="langue"):
        client.moderations.create(input="a", extra_body={"langue": "fr"})


def test_a_wrong_key_is_an_authentication_error(address):
    stranger = openai.OpenAI(base_url=f"{address}/v1", api_key="faux", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.moderations.create(input="a")
    assert caught.value.code == "invalid_api_key"


def test_an_overloaded_service_is_a_server_error_that_says_when_to_come_back(tmp_path, tiny_bundle):
    full, close = open_house(tmp_path, tiny_bundle, Limits(scoring=0))
    _, plain = full.accounts.create_key("une plateforme", "platform")
    with on_a_socket(full) as url, pytest.raises(openai.InternalServerError) as caught:
        openai.OpenAI(base_url=f"{url}/v1", api_key=plain, max_retries=0).moderations.create(input="a")
    close()
    assert caught.value.status_code == 503
    assert caught.value.type == "server_error"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_key_that_sends_too_much_is_a_rate_limit_error(tmp_path, tiny_bundle):
    house, close = open_house(tmp_path, tiny_bundle, quota=Quota(texts_per_minute=3))
    _, plain = house.accounts.create_key("une plateforme", "platform")
    with on_a_socket(house) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=plain, max_retries=0)
        client.moderations.create(input=["a", "b"])
        with pytest.raises(openai.RateLimitError) as caught:
            client.moderations.create(input=["a", "b"])
    close()
    assert caught.value.type == "rate_limit_error"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_body_too_large_is_refused_in_their_shape(tmp_path, tiny_bundle):
    small, close = open_house(tmp_path, tiny_bundle, Limits(body=100))
    answer = small.key().post("/v1/moderations", json={"input": "x" * 200})
    close()
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


def test_no_text_and_no_key_is_logged(client, house, caplog):
    with caplog.at_level("INFO", logger="vigie"):
        client.moderations.create(input="une menace secrète")
    logged = " ".join(f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records)
    assert "secrète" not in logged
    assert client.api_key not in logged
