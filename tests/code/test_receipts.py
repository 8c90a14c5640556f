"""Receipts: bound to text, bundle, scores and levels; only the service that made one can confirm it."""

from __future__ import annotations

import json

import pytest

from serving.bundle import Conflict, InputError, Verdict
from serving.receipts import Notary, Receipt, require_bundle

BUNDLE = "sha256:" + "a" * 64
VERDICT = Verdict({"haine": 0.1 + 0.2, "terrorisme": 1e-7, "vulgarite": None}, {"haine": "possible"})
NOTARY = Notary(b"a secret for tests, 32 bytes long")


def issue(text: str = "un texte") -> Receipt:
    return NOTARY.issue(text, VERDICT, BUNDLE, exact=True)


def test_a_receipt_survives_json_and_is_confirmed():
    sent = json.dumps(issue().model_dump())
    NOTARY.check(Receipt.model_validate(json.loads(sent)), "un texte")


def test_the_same_again_is_the_same_receipt():
    assert issue() == issue()
    assert issue() != issue("un autre")


@pytest.mark.parametrize(
    "change",
    [
        {"scores": {**VERDICT.scores, "haine": 0.3}},
        {"scores": {**VERDICT.scores, "vulgarite": 0.0}},
        {"levels": {"haine": "peu_probable"}},
        {"bundle": "sha256:" + "b" * 64},
        {"exact": False},
        {"text_hmac": "0" * 64},
        {"signature": "0" * 64},
    ],
)
def test_any_change_is_seen(change):
    with pytest.raises(InputError) as caught:
        NOTARY.check(issue().model_copy(update=change), "un texte")
    assert caught.value.code == "invalid_receipt"


def test_another_text_is_seen_and_not_quoted():
    with pytest.raises(InputError) as caught:
        NOTARY.check(issue(), "un texte.")
    assert caught.value.code == "other_text"
    assert "un texte" not in caught.value.detail


def test_another_service_does_not_confirm():
    with pytest.raises(InputError):
        Notary(b"another secret, also 32 bytes long").check(issue(), "un texte")


def test_hostile_text_can_have_a_receipt():
    NOTARY.check(NOTARY.issue("\ud800\x00", VERDICT, BUNDLE, exact=True), "\ud800\x00")


def test_the_bundle_that_is_needed_is_named():
    require_bundle(issue(), BUNDLE)
    with pytest.raises(Conflict) as caught:
        require_bundle(issue(), "sha256:" + "c" * 64)
    assert BUNDLE in caught.value.detail
    assert caught.value.code == "other_bundle"
