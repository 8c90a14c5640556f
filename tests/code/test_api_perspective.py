"""Perspective, driven by Google's API client and by a public client of PyPI: only the base URL and the key are ours."""

from __future__ import annotations

import json
import urllib.error
from functools import partial
from itertools import pairwise

import pytest
from facade_server import on_a_socket
from googleapiclient import discovery
from googleapiclient.errors import HttpError
from house import open_house
from hypothesis import given
from hypothesis import strategies as st
from perspective import PerspectiveAPI

from serving.api.limits import Limits
from serving.api.perspective import discovery_document, sentences
from serving.review import Quota, Role

#: Read from labels that the tiny bundle has, and one whose label it lacks.
SCORED, TRAINED_ELSEWHERE = "IDENTITY_ATTACK", "TOXICITY"


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
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
def google(address, plain):
    """Google's client, from a discovery document on disk."""
    return discovery.build_from_document(json.dumps(discovery_document(f"{address}/")), developerKey=plain)


@pytest.fixture(scope="module")
def public(address, plain) -> PerspectiveAPI:
    """The PyPI client, with its base URL changed and nothing else."""
    client = PerspectiveAPI(plain)
    client.api_client.url = client.api_client.url.replace("https://commentanalyzer.googleapis.com", address)
    return client


@pytest.fixture(scope="module")
def client(house):
    return house.key()


def analyze(google, text: str, *names: str, **body):
    asked = {"comment": {"text": text}, "requestedAttributes": {name: {} for name in names or (SCORED,)}, **body}
    return google.comments().analyze(body=asked).execute()


def refused(call) -> dict:
    """The error that ``call`` meets, as Google's client reads it."""
    with pytest.raises(HttpError) as caught:
        call()
    return json.loads(caught.value.content)["error"]


class TestAnalyze:
    def test_google_s_client_gets_the_classifier_s_own_score(self, google, house):
        text = "de la haine"
        answer = analyze(google, text, SCORED, "TERRORISM_FR")
        (verdict,) = house.classifier.score([text])
        summary = answer["attributeScores"][SCORED]["summaryScore"]
        assert summary == {"value": verdict.scores["haine"], "type": "PROBABILITY"}
        assert answer["attributeScores"]["TERRORISM_FR"]["summaryScore"]["value"] == verdict.scores["terrorisme"]
        assert answer["languages"] == ["fr"]
        assert answer["vigie"]["bundle"] == house.classifier.bundle_id

    def test_the_public_client_reads_it_too(self, public, google):
        text = "de la haine"
        expected = analyze(google, text)["attributeScores"][SCORED]["summaryScore"]["value"]
        assert public.score(text, tests=[SCORED]) == {SCORED: expected}
        answer = public.analyze_comment(
            text,
            requested_attributes={SCORED: {"scoreType": "PROBABILITY", "scoreThreshold": 0.5}},
            context=[{"text": "avant", "type": "PLAIN_TEXT"}],
            span_annotations=True,
            languages=["fr"],
            do_not_store=True,
            client_token="t-1",
            session_id="s",
            community_id="c",
        )
        assert answer["clientToken"] == "t-1"
        assert answer["attributeScores"][SCORED]["spanScores"][0]["end"] == len(text)

    def test_google_s_sample_finds_the_description_at_the_service(self, address, plain):
        built = discovery.build(
            "commentanalyzer",
            "v1alpha1",
            developerKey=plain,
            discoveryServiceUrl=f"{address}/$discovery/rest?version=v1alpha1",
            static_discovery=False,
        )
        assert SCORED in analyze(built, "rien")["attributeScores"]

    def test_versions_and_former_names_are_echoed(self, google):
        names = [f"{SCORED}@2", f"{SCORED}_EXPERIMENTAL", SCORED]
        answer = analyze(google, "de la haine", *names)["attributeScores"]
        assert list(answer) == names
        assert len({json.dumps(scores) for scores in answer.values()}) == 1

    def test_a_score_below_its_own_threshold_is_left_out(self, google):
        asked = {SCORED: {"scoreThreshold": 0.5}, "TERRORISM_FR": {"scoreThreshold": 0.5}}
        answer = analyze(google, "une menace", requestedAttributes=asked)
        assert list(answer["attributeScores"]) == ["TERRORISM_FR"]

    def test_each_sentence_is_scored_alone_at_its_code_points(self, google, house):
        text = "🙂 Rien du tout ! De la haine…\nUne menace"
        answer = analyze(google, text, spanAnnotations=True)
        spans = answer["attributeScores"][SCORED]["spanScores"]
        assert [text[span["begin"] : span["end"]] for span in spans] == [
            "🙂 Rien du tout !",
            "De la haine…",
            "Une menace",
        ]
        alone = house.classifier.score(["De la haine…"])[0]
        assert spans[1]["score"]["value"] == alone.scores["haine"]

    def test_without_annotations_one_span_is_the_whole_comment(self, google):
        text = "Rien. De la haine."
        scores = analyze(google, text)["attributeScores"][SCORED]
        assert scores["spanScores"] == [{"begin": 0, "end": len(text), "score": scores["summaryScore"]}]

    @pytest.mark.parametrize("languages", [["fr"], ["fr-CA"], ["FR"], ["fr_FR"], [], None])
    def test_french_in_any_spelling_or_none_is_read(self, client, languages):
        body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}, "languages": languages}
        answer = client.post("/v1alpha1/comments:analyze", json=body).json()
        assert answer["languages"] == (languages or ["fr"])
        assert answer.get("detectedLanguages") == (None if languages else ["fr"])

    def test_snake_case_and_nulls_are_read_as_the_protocol_does(self, client):
        body = {
            "comment": {"text": "de la haine", "type": None},
            "requested_attributes": {SCORED: None, "TERRORISM_FR": {"score_threshold": 0.5}},
            "client_token": "t",
            "context": None,
        }
        answer = client.post("/v1alpha1/comments:analyze", json=body)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()["attributeScores"]) == [SCORED]
        assert answer.json()["clientToken"] == "t"

    def test_nothing_analysed_is_stored(self, google, house):
        before = sum(house.queue.stats().states.values()), len(house.queue.feedback())
        analyze(google, "de la haine", doNotStore=False)
        assert (sum(house.queue.stats().states.values()), len(house.queue.feedback())) == before


def test_an_attribute_without_a_label_here_gets_the_error_of_another_language(google):
    for name in (TRAINED_ELSEWHERE, "FLIRTATION"):
        error = refused(partial(analyze, google, "a", SCORED, name, languages=["fr"]))
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert error["message"] == f"Attribute {name} does not support request languages: fr"
        (detail,) = error["details"]
        assert detail["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
        assert detail["languageNotSupportedByAttributeError"] == {"requestedLanguages": ["fr"], "attribute": name}


def test_a_deployment_s_own_length_is_said_in_perspective_s_words(tmp_path, tiny_bundle):
    house, close = open_house(tmp_path, tiny_bundle, longest=100)
    body = {"comment": {"text": "é" * 101}, "requestedAttributes": {SCORED: {}}}
    answer = house.key().post("/v1alpha1/comments:analyze", json=body)
    close()
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["errorType"] == "COMMENT_TOO_LONG"


REFUSALS = [
    ({"comment": {"text": ""}}, "COMMENT_EMPTY", "Comment must be non-empty."),
    ({"comment": {"text": " \n"}}, "COMMENT_EMPTY", "Comment must be non-empty."),
    ({"comment": {"text": "\u200b"}}, "COMMENT_EMPTY", "Comment must be non-empty."),
    ({"comment": {}}, "COMMENT_EMPTY", "Comment must be non-empty."),
    ({"comment": None}, "COMMENT_EMPTY", "Comment must be non-empty."),
    ({"comment": {"text": "é" * 10_241}}, "COMMENT_TOO_LONG", "Comment text too long."),
    ({"requestedAttributes": {}}, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
    ({"requestedAttributes": None}, "NO_REQUESTED_ATTRIBUTES", "Missing requested_attributes"),
    ({"requestedAttributes": {"TOXIC": {}}}, "INVALID_REQUEST", "Unknown requested attribute: TOXIC"),
    (
        {"requestedAttributes": {SCORED: {"scoreType": "STDDEV_SCORE"}}},
        "INVALID_REQUEST",
        f"Requested score type STDDEV_SCORE is not supported by attribute {SCORED}",
    ),
    (
        {"comment": {"text": "a", "type": "HTML"}},
        "INVALID_REQUEST",
        "Currently, only 'PLAIN_TEXT' comments are supported",
    ),
    ({"comment": {"text": "a", "type": "MARKDOWN"}}, "INVALID_REQUEST", "Unknown text type"),
    (
        {"languages": ["fr", "en"]},
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        f"Attribute {SCORED} does not support request languages: en",
    ),
]


@pytest.mark.parametrize(("change", "error_type", "message"), REFUSALS)
def test_refusals_have_perspective_s_words(client, change, error_type, message):
    body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}} | change
    answer = client.post("/v1alpha1/comments:analyze", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"], error["message"]) == (400, "INVALID_ARGUMENT", message)
    assert error["details"][0]["errorType"] == error_type


def test_a_comment_of_exactly_the_limit_is_read(client):
    body = {"comment": {"text": "é" * 10_240}, "requestedAttributes": {SCORED: {}}}
    assert client.post("/v1alpha1/comments:analyze", json=body).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"coment": {}}, "coment"),
        ({"comment": {"text": 5}}, "comment.text"),
        ({"requestedAttributes": {SCORED: {"scoreThreshold": 2}}}, f"requestedAttributes.{SCORED}.scoreThreshold"),
        ({"spanAnnotations": "yes"}, "spanAnnotations"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(client, change, field):
    body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}} | change
    error = client.post("/v1alpha1/comments:analyze", json=body).json()["error"]
    assert error["details"][0]["fieldViolations"][0]["field"] == field


#: What no UTF-8 can carry, and what stands in its place where a name is pointed to.
LONE, REPLACED = "\ud800", "\ufffd" * 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"requestedAttributes": {LONE: {}}}, f"requestedAttributes.{REPLACED}"),
        ({"requestedAttributes": {f"{SCORED}@{LONE}": {}}}, f"requestedAttributes.{SCORED}@{REPLACED}"),
        ({"requestedAttributes": {SCORED: {"scoreType": LONE}}}, f"requestedAttributes.{SCORED}.scoreType"),
        ({"clientToken": LONE}, "clientToken"),
        ({"languages": [LONE]}, "languages.0"),
        ({"comment": {"text": "a", "type": LONE}}, "comment.type"),
        ({"communityId": LONE}, "communityId"),
    ],
)
def test_a_lone_surrogate_outside_the_text_is_refused(client, change, field):
    body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}} | change
    answer = client.post("/v1alpha1/comments:analyze", content=json.dumps(body))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["fieldViolations"][0]["field"] == field


class TestKeys:
    def test_a_wrong_key_is_told_as_google_does(self, address, public):
        wrong = discovery.build_from_document(json.dumps(discovery_document(f"{address}/")), developerKey="faux")
        error = refused(partial(analyze, wrong, "a"))
        assert (error["code"], error["details"][0]["reason"]) == (400, "API_KEY_INVALID")

    def test_no_key_is_another_refusal(self, address):
        nobody = PerspectiveAPI("")
        nobody.api_client.url = f"{address}/v1alpha1/{{endpoint}}"
        with pytest.raises(urllib.error.HTTPError) as caught:
            nobody.score("a", tests=[SCORED])
        assert caught.value.code == 403

    @pytest.mark.parametrize("way", ["bearer", "query", "header"])
    def test_every_way_of_sending_a_key_works(self, house, plain, way):
        headers = {"bearer": {"Authorization": f"Bearer {plain}"}, "header": {"X-Goog-Api-Key": plain}}.get(way, {})
        query = f"?key={plain}" if way == "query" else ""
        body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}}
        answer = house.client(**headers).post(f"/v1alpha1/comments:analyze{query}", json=body)
        assert answer.status_code == 200

    def test_a_key_in_the_address_opens_nothing_else(self, house, plain):
        for path in ("/v1/bundle", "/v1/cases", "/metrics", "/v1/openapi.json"):
            assert house.client().get(f"{path}?key={plain}").status_code == 401

    def test_a_key_in_the_address_is_not_logged(self, house, plain, caplog):
        body = {"comment": {"text": "mots secrets"}, "requestedAttributes": {SCORED: {}}}
        with caplog.at_level("INFO", logger="vigie"):
            house.client().post(f"/v1alpha1/comments:analyze?key={plain}", json=body)
        logged = " ".join(f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records)
        assert "comments:analyze" in logged
        assert plain not in logged
        assert "secrets" not in logged


class TestSuggest:
    def test_a_suggestion_is_kept_with_its_origin(self, google, house):
        body = {
            "comment": {"text": "un texte mal lu"},
            "attributeScores": {"INSULT": {"summaryScore": {"value": 0.25}}, "SEVERE_TOXICITY": {"summaryScore": {}}},
            "communityId": "/forum/jardin",
            "clientToken": "c-1",
            "languages": ["fr"],
        }
        answer = google.comments().suggestscore(body=body).execute()
        assert answer == {"clientToken": "c-1", "requestedLanguages": ["fr"]}
        kept = house.queue.feedback()[-1]
        assert (kept.text, kept.labels, kept.source) == ("un texte mal lu", {"harcelement.injure": 0.25}, "perspective")
        assert kept.provenance["attributes"]["SEVERE_TOXICITY"] == {"summaryScore": {"value": 0.0}}
        assert kept.provenance["community"] == "/forum/jardin"
        assert kept.provenance["key_kind"] == "platform"
        assert "c-1" not in json.dumps(kept.provenance)
        assert 0 < kept.weight < 1

    def test_the_public_client_suggests_too(self, public, house):
        public.suggest_score("encore un", {SCORED: {"summaryScore": {"value": 0.5}}}, client_token="c-2")
        assert house.queue.feedback()[-1].labels == {"haine": 0.5}

    def test_a_token_that_names_a_case_of_this_key_links_the_two(self, tmp_path, tiny_bundle):
        house, close = open_house(tmp_path, tiny_bundle)
        ours, theirs = house.key(), house.key()
        received = ours.post("/v1/cases", json={"external_id": "p-1", "text": "un cas"}).json()["id"]
        body = {
            "comment": {"text": "un cas"},
            "attributeScores": {SCORED: {"summaryScore": {"value": 1}}},
            "clientToken": "p-1",
        }
        for client in (ours, theirs):
            assert client.post("/v1alpha1/comments:suggestscore", json=body).status_code == 200
        linked = [kept.case_id for kept in house.queue.feedback()]
        close()
        assert linked == [received, None]

    @pytest.mark.parametrize(
        "change",
        [
            {"attributeScores": {}},
            {"attributeScores": {"TOXIC": {"summaryScore": {"value": 1}}}},
            {"attributeScores": {"FLIRTATION": {"summaryScore": {"value": 1}}}},
            {"attributeScores": {SCORED: {"summaryScore": {"value": 1.5}}}},
            {"attributeScores": {SCORED: {"spanScores": [{"begin": 0, "end": 2, "score": {"value": 1}}]}}},
            {"attributeScores": {f"{SCORED}@{LONE}": {"summaryScore": {"value": 1}}}},
            {"attributeScores": {SCORED: {"summaryScore": {"value": 1, "type": LONE}}}},
            {"clientToken": LONE},
            {"comment": {"text": LONE}},
            {"comment": {"text": ""}},
            {"comment": {"text": "a\u0000"}},
            {"languages": ["en"]},
        ],
    )
    def test_what_cannot_be_learnt_from_is_refused_and_not_kept(self, client, house, change):
        before = len(house.queue.feedback())
        body = {"comment": {"text": "a"}, "attributeScores": {SCORED: {"summaryScore": {"value": 1}}}} | change
        answer = client.post("/v1alpha1/comments:suggestscore", content=json.dumps(body))
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert len(house.queue.feedback()) == before

    def test_people_do_not_suggest_here(self, house):
        body = {"comment": {"text": "a"}, "attributeScores": {SCORED: {"summaryScore": {"value": 1}}}}
        answer = house.person(Role.ANALYST).post("/v1alpha1/comments:suggestscore", json=body)
        assert answer.json()["error"]["status"] == "PERMISSION_DENIED"


def test_a_full_service_is_unavailable_in_google_s_words(tmp_path, tiny_bundle):
    full, close = open_house(tmp_path, tiny_bundle, Limits(scoring=0))
    body = {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}}
    answer = full.key().post("/v1alpha1/comments:analyze", json=body)
    close()
    assert (answer.status_code, answer.json()["error"]["status"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0


def test_a_key_that_asks_too_often_has_exhausted_its_resource(tmp_path, tiny_bundle):
    house, close = open_house(tmp_path, tiny_bundle, quota=Quota(requests_per_minute=1))
    client, body = house.key(), {"comment": {"text": "a"}, "requestedAttributes": {SCORED: {}}}
    assert client.post("/v1alpha1/comments:analyze", json=body).status_code == 200
    answer = client.post("/v1alpha1/comments:analyze", json=body)
    close()
    assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert int(answer.headers["retry-after"]) > 0


def test_a_comment_in_another_language_is_scored_and_said_to_be(client):
    text = "The meeting tomorrow has been moved to the large conference room on the second floor."
    body = {"comment": {"text": text}, "requestedAttributes": {SCORED: {}}}
    answer = client.post("/v1alpha1/comments:analyze", json=body).json()
    assert answer["vigie"]["flags"]["not_french"]
    assert (answer["languages"], answer["detectedLanguages"]) == (["fr"], ["und"])


@given(st.text(alphabet=st.sampled_from("aé🙂 .!?…»\n\t"), max_size=80), st.integers(1, 5))
def test_spans_cover_every_visible_character_once_and_are_few(text, most):
    spans = sentences(text, most)
    assert len(spans) <= most
    assert all(begin < end for begin, end in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    left_out = set(range(len(text))) - {at for begin, end in spans for at in range(begin, end)}
    assert all(text[at].isspace() for at in left_out)
