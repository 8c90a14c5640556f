"""Perspective, driven by a public client of npm (tests/node): only the base URL and the key are ours."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from facade_server import on_a_socket
from house import open_house

SCORED, TRAINED_ELSEWHERE = "IDENTITY_ATTACK", "TOXICITY"


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield found
    close()


@pytest.fixture(scope="module")
def ask(house, root):
    """What the client makes of each call."""
    folder = root / "tests" / "node"
    if shutil.which("node") is None:
        pytest.skip("no node here: npm's client of Perspective cannot run")
    if not (folder / "node_modules" / "perspective-api-client").exists():
        pytest.skip("npm's client of Perspective is not installed: npm ci --prefix tests/node")
    key = house.accounts.create_key("une plateforme", "platform")[1]

    def run(*calls, key: str = key) -> list[dict]:
        with on_a_socket(house) as url:
            sent = json.dumps({"url": url, "key": key, "calls": calls})
            done = subprocess.run(
                ["node", "perspective.js"], cwd=folder, input=sent, capture_output=True, text=True, check=True
            )
        return json.loads(done.stdout)

    return run


def test_scores_are_the_classifier_s_own(ask, house):
    text = "de la haine"
    by_name, whole = ask(
        [text, {"attributes": [SCORED, "terrorism_fr"]}],
        [{"comment": {"text": text}, "requestedAttributes": {SCORED: {}}, "spanAnnotations": True}, {}],
    )
    (verdict,) = house.classifier.score([text])
    scores = by_name["answer"]["attributeScores"]
    assert scores[SCORED]["summaryScore"] == {"value": verdict.scores["haine"], "type": "PROBABILITY"}
    assert scores["TERRORISM_FR"]["summaryScore"]["value"] == verdict.scores["terrorisme"]
    assert whole["answer"]["attributeScores"][SCORED]["spanScores"][0]["end"] == len(text)


def test_refusals_reach_the_client_in_its_words(ask):
    options = {"attributes": [SCORED], "validate": False}
    empty, long, foreign = ask(
        ["", options], ["é" * 10_241, options], ["un texte", {"attributes": [TRAINED_ELSEWHERE]}]
    )
    assert empty == {"error": "Comment must be non-empty.", "status": 400}
    assert long == {"error": "Comment text too long.", "status": 400}
    assert foreign == {"error": f"Attribute {TRAINED_ELSEWHERE} does not support request languages: fr", "status": 400}


def test_a_wrong_key_is_told(ask):
    (refused,) = ask(["un texte", {"attributes": [SCORED]}], key="fausse")
    assert refused == {"error": "API key not valid. Please pass a valid API key.", "status": 400}
