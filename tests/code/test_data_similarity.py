"""Copies are recognised through case, accents and punctuation; the exact search misses none."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_twins import sentence

from training.data.similarity import NearIndex, exact_pairs, jaccard, normal, shingles


def test_normal_forgets_what_copies_differ_by() -> None:
    assert normal("  L'ÉTÉ,  est-il fini ?! @user <url>") == "l ete est il fini"


def test_normal_keeps_emoji_and_never_empties_a_text() -> None:
    assert normal("ok 👍") != normal("ok 👎")
    assert normal("?!") == "?!"


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_has_shingles(text: str) -> None:
    found = shingles(text)
    assert found.size >= 1
    assert (np.diff(found.astype(np.int64)) > 0).all()
    assert jaccard(found, shingles(text.upper().lower())) >= 0


def test_jaccard_counts_shared_shingles() -> None:
    assert jaccard(np.array([1, 2, 3], np.uint32), np.array([2, 3, 4], np.uint32)) == pytest.approx(0.5)


def edited(text: str, seed: int) -> str:
    place = random.Random(seed).randrange(len(text))
    return text[:place] + text[place + 1 :]


def test_lsh_finds_what_the_exact_search_finds() -> None:
    texts = [sentence(n) for n in range(80)] + [edited(sentence(n), n) for n in range(40)]
    sets = [shingles(text) for text in texts]
    pairs, _ = exact_pairs(sets[:80], sets[80:], 0.7)
    assert len(pairs) == 40
    index = NearIndex(0.7)
    found = []
    for number, shingle_set in enumerate(sets):
        signature = index.signature(shingle_set)
        found += [(other, number - 80) for other in index.near(shingle_set, signature)]
        index.add(shingle_set, signature)
    assert found == sorted(pairs)


def test_exact_pairs_equals_the_definition() -> None:
    left = [shingles(sentence(n, 3)) for n in range(150)]
    right = [shingles(edited(sentence(n, 3), n)) for n in range(0, 150, 3)]
    pairs, highest = exact_pairs(left, right, 0.5)
    every = {(i, j): jaccard(a, b) for i, a in enumerate(left) for j, b in enumerate(right)}
    assert sorted(pairs) == sorted(pair for pair, alike in every.items() if alike >= 0.5)
    assert highest == pytest.approx(max(every.values()))


def test_nothing_resembles_nothing() -> None:
    assert exact_pairs([], [shingles("a")], 0.5) == ([], 0.0)
    assert exact_pairs([shingles("abricot")], [shingles("zèbre")], 0.5) == ([], 0.0)
