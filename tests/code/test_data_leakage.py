"""The proof compares every pair: what the approximate search missed is removed from the split that matters less."""

from __future__ import annotations

from source_twins import sentence

from training.data.examples import Example
from training.data.leakage import seal_splits
from training.data.truth import of_case


def row(seed: int, text: str) -> Example:
    return Example(text, "ftr", f"ftr/{seed}", f"ftr/{seed}", of_case((), []))


def test_copies_across_splits_are_removed_and_proved_gone() -> None:
    splits = {
        "train": [row(1, sentence(1)), row(2, sentence(2)), row(3, sentence(3))],
        "validation": [row(4, sentence(1)[:-1]), row(5, sentence(5))],
        "test": [row(6, sentence(2).upper()), row(7, sentence(5) + " !"), row(8, sentence(8))],
    }
    sealed, proof = seal_splits(splits, 0.7)
    assert {name: [e.row_id for e in examples] for name, examples in sealed.items()} == {
        "train": ["ftr/3"],  # 2 is in test, 1 in validation
        "validation": ["ftr/4"],  # 5 is in test
        "test": ["ftr/6", "ftr/7", "ftr/8"],
    }
    assert proof.removed_late == {"train": 2, "validation": 1, "test": 0}
    assert proof.pairs_compared == 1 * 3 + 1 * 3 + 1 * 1
    assert proof.highest < 0.7
    assert proof.leaks == 0


def test_clean_splits_are_left_as_they_are() -> None:
    splits = {"train": [row(1, sentence(1))], "validation": [], "test": [row(2, sentence(2))]}
    sealed, proof = seal_splits(splits, 0.7)
    assert sealed == splits
    assert sum(proof.removed_late.values()) == 0
