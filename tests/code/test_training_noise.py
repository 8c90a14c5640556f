"""Operators on text: each does what it says, and never fails on strange input."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import noise


@pytest.mark.parametrize(
    ("operator", "text", "expected"),
    [
        (noise.lower, "Été", "été"),
        (noise.shout, "été", "ÉTÉ"),
        (noise.drop_accents, "élève à Noël", "eleve a Noel"),
        (noise.drop_ne, "Je ne sais pas, il n'ose pas", "Je sais pas, il ose pas"),
    ],
)
def test_an_operator_does_what_it_says(operator: noise.Operator, text: str, expected: str) -> None:
    assert operator(text, Random(0)) == expected


def test_evasive_operators_change_some_words() -> None:
    text = "plusieurs paroles blessantes adressées publiquement"
    for operator in noise.EVASIVE:
        assert any(operator(text, Random(seed)) != text for seed in range(10)), operator.__name__


def test_chat_spellings_are_whole_words() -> None:
    found = {noise.chat("beaucoup trop, troupeau", Random(seed)) for seed in range(20)}
    assert "bcp tro, troupeau" in found


@given(st.text(max_size=80), st.integers(0, 1000))
def test_disturbing_is_seeded_and_never_fails(text: str, seed: int) -> None:
    assert noise.disturb(text, Random(seed)) == noise.disturb(text, Random(seed))
