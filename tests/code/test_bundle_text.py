"""What is done to a text before any model sees it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bundle import prepare, text_sha256


@pytest.mark.parametrize(
    ("raw", "prepared"),
    [
        ("Bonjour  à\ttous\n", "Bonjour à tous"),
        ("@jean_d tu viens ?", "@user tu viens ?"),
        ("écris à jean.d+x@exemple.fr vite", "écris à <mail> vite"),
        ("voir https://exemple.fr/a?b=c#d et www.exemple.org", "voir <url> et <url>"),
        ("e\u0301te\u0301", "été"),
        ("a\x00b\ud800c", "a b c"),
        ("l'arobase @ seule reste", "l'arobase @ seule reste"),
        ("\u200b", "\u200b"),
        ("", ""),
    ],
)
def test_traces_are_masked_and_text_normalised(raw: str, prepared: str) -> None:
    assert prepare(raw) == prepared


@given(st.text(alphabet=st.characters(), max_size=200))
def test_preparing_is_idempotent_and_always_encodable(text: str) -> None:
    once = prepare(text)
    assert prepare(once) == once
    once.encode("utf-8")
    assert unicodedata.is_normalized("NFC", once)


def test_the_digest_is_of_the_raw_text() -> None:
    assert text_sha256("été") != text_sha256("e\u0301te\u0301")
    assert len(text_sha256("\ud800")) == 64
