"""Which words carry a label: French words, what is read without them, and the passages that weigh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bundle import InputError, open_bundle
from serving.classifier import Classifier, checked
from serving.explain import MOST_PARTS, Occlusion, passages, words_of


def cut(text: str) -> list[str]:
    return [text[part.start : part.end] for part in words_of(text)]


WORDS = [
    ("L'homme qu’il a vu", ["L'", "homme", "qu’", "il", "a", "vu"]),
    ("aujourd'hui, c'est p'tit", ["aujourd'hui", "c'", "est", "p'tit"]),
    ("jusqu'à Saint-Étienne", ["jusqu'", "à", "Saint-Étienne"]),
    ("étudiant·e·s et élu.e.s.", ["étudiant·e·s", "et", "élu.e.s"]),
    ("espèce de c**** et f.d.p !", ["espèce", "de", "c****", "et", "f.d.p"]),
    ("s@lut t'es ou", ["s@lut", "t'", "es", "ou"]),
    (
        "@jean_b va sur https://ex.fr/a?b=c, mail a.b@ex.fr",
        ["@jean_b", "va", "sur", "https://ex.fr/a?b=c,", "mail", "a.b@ex.fr"],
    ),
    ("trop fort 😂😂 👨‍👩‍👧 ok 🇫🇷", ["trop", "fort", "😂😂", "👨‍👩‍👧", "ok", "🇫🇷"]),
    ("e\u0301te\u0301 con\u200bge\u0301", ["e\u0301te\u0301", "con\u200bge\u0301"]),
    ("Fin.Alors quoi ?", ["Fin", "Alors", "quoi"]),
    ("!!! ...", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words_are_those_of_french(text, words):
    assert cut(text) == words


@given(st.text(max_size=300))
def test_words_are_in_order_and_apart_and_what_is_read_can_be_read(text):
    occlusion = Occlusion.of(text)
    ends = [0, *(part.end for part in occlusion.parts)]
    assert all(before <= part.start < part.end for before, part in zip(ends, occlusion.parts, strict=False))
    assert not any(isinstance(checked(reading), InputError) for reading in occlusion.readings[1:])


def test_a_long_text_is_weighed_by_passages():
    text = "mot " * 1_000
    parts = Occlusion.of(text).parts
    assert MOST_PARTS / 2 < len(parts) <= MOST_PARTS
    assert parts[0].start == 0
    assert parts[-1].end == len(text) - 1


def test_a_lone_word_is_weighed_against_nothing():
    assert Occlusion.of("menace").readings == ["menace", "…"]


def test_passages_join_neighbours_and_leave_out_light_words():
    parts = words_of("un deux trois quatre cinq six")
    weights = np.array([0.1, 2.0, 1.0, -3.0, 0.79, 0.9])
    assert passages(parts, weights) == [(3, 13, 2.0), (26, 29, 0.9)]


def test_nothing_carries_a_label_when_no_word_makes_it_likelier():
    parts = words_of("un deux")
    assert passages(parts, np.array([0.0, -1.0])) == []
    assert passages((), np.array([])) == []


@pytest.fixture(scope="module")
def classifier(tiny_bundle):
    found = Classifier(open_bundle(tiny_bundle), 2)
    yield found
    found.close()


def explained(classifier: Classifier, text: str):
    occlusion = Occlusion.of(text)
    return occlusion.explain(classifier.manifest, classifier.logits(occlusion.readings))


def test_the_word_that_makes_the_label_has_the_weight(classifier):
    text = "@jean écrit : c'est une menace, sans haine."
    explanation = explained(classifier, text)
    heaviest = {key: int(explanation.of(key).argmax()) for key in ("terrorisme", "haine")}
    assert {key: text[slice(*explanation.parts[at])] for key, at in heaviest.items()} == {
        "terrorisme": "menace",
        "haine": "haine",
    }


def test_spans_are_told_for_what_is_at_least_possible_only(classifier):
    text = "une menace"
    (verdict,) = classifier.score([text])
    spans = explained(classifier, text).spans(verdict, ["haine", "terrorisme", "vulgarite"])
    assert [(span.label, text[span.start : span.end]) for span in spans] == [("terrorisme", "menace")]
