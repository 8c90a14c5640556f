"""The flag "not French": our own cases hardly ever get it, however they are written; other languages mostly do."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from serving.bundle import Verdict, prepare
from serving.language import not_french
from training.data.cases import load_cases
from training.data.instances import write_instances


@pytest.fixture(scope="module")
def flagged(root: Path) -> dict[str, list[bool]]:
    """One instance of each of our own cases, by register: whether it is flagged."""
    own = load_cases(root / "datasets" / "vigie")
    found: dict[str, list[bool]] = defaultdict(list)
    for case in own.cases:
        (instance,) = write_instances(case, own.lexicon, 1, 0)
        found[case.register.value].append(not_french(prepare(instance.text)))
    return found


@pytest.fixture(scope="module")
def others(root: Path) -> dict[str, dict[str, list[str]]]:
    """Our own everyday messages in other languages."""
    return tomllib.loads((root / "tests" / "texts" / "other_languages.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("register", ["sms", "verlan", "africain", "standard", "oral", "regional", "emoji"])
def test_under_two_percent_of_each_register_of_our_own_cases_is_flagged(flagged, register):
    assert len(flagged[register]) > 200
    assert sum(flagged[register]) / len(flagged[register]) < 0.02


def test_a_sentence_in_another_language_is_flagged(others):
    texts = [text for language in others.values() for text in language["long"]]
    assert [text for text in texts if not not_french(prepare(text))] == []


def test_most_short_messages_in_another_language_are_flagged(others):
    texts = [text for language in others.values() for text in language["short"]]
    assert sum(not_french(prepare(text)) for text in texts) / len(texts) > 0.8


@pytest.mark.parametrize(
    "text", ["", "@user @user", "<url>", "😂😂😂", "123 456", "ok", "!!!", "mdr", "Paris", "slt cv ?", "\u202e"]
)
def test_where_nothing_can_be_told_nothing_is_flagged(text):
    assert not not_french(text)


def test_masks_are_in_no_language():
    assert not not_french("@user <url> salut @user <mail> ça va <url>")
    assert not_french("@user <url> what are you doing tonight? <url>")


def test_a_flag_is_no_refusal(tiny_bundle):
    from serving.bundle import open_bundle
    from serving.classifier import Classifier

    classifier = Classifier(open_bundle(tiny_bundle), 1)
    english, french = classifier.score(["they said that menace is a word in both languages", "une menace pour tous"])
    classifier.close()
    assert isinstance(english, Verdict)
    assert isinstance(french, Verdict)
    assert english.scores == french.scores
    assert english.flags == {"windows": 1, "truncated": False, "not_french": True}
    assert not french.not_french
