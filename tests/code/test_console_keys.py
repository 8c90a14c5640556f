"""Digits and letters of a decision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.console.keys import RESERVED, letters, offered


def test_each_action_of_the_policy_has_a_letter_of_its_own(policy):
    titles = [action.title for action in policy.offered_actions()]
    found = letters(titles)
    assert all(found)
    assert len(set(found)) == len(titles)
    assert dict(zip(titles, found, strict=True))["Transmission à PHAROS"] == "t"


@given(st.lists(st.text(max_size=20), max_size=30))
def test_letters_are_distinct_plain_and_not_those_of_the_page(titles):
    found = [letter for letter in letters(titles) if letter]
    assert len(set(found)) == len(found)
    assert all(letter.isascii() and letter.islower() and letter not in RESERVED for letter in found)


def test_an_accent_does_not_cut_a_word():
    assert letters(["Écoute", "Été"]) == ["e", "t"]


def test_digits_go_to_the_grounds_of_the_suspected_family_in_their_order(taxonomy):
    digits = offered(taxonomy.grounds, "haine")
    assert [digit for digit, _ in digits] == list("123456")
    assert {ground.family for _, ground in digits} == {"haine"}
    assert len(offered(taxonomy.grounds, "harcelement")) == 8


def test_without_suspicion_each_family_has_its_first_grounds(taxonomy):
    assert {ground.family for _, ground in offered(taxonomy.grounds, None)} == {"haine", "terrorisme", "harcelement"}
