"""Splits are fixed by a hash of the group: groups stay whole, test rows never move."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from source_twins import sentence

from training.data.cards import Card, Split, load_cards
from training.data.examples import OWN, Example
from training.data.splits import assign, split_of, tie
from training.data.truth import of_case

SPLIT = Split(seed=1, test_share=0.22, group="row")


@pytest.fixture(scope="module")
def cards(root: Path) -> dict[str, Card]:
    return load_cards(root / "datasets")


def row(source: str, name: str, case: str = "", *, held_out: bool = False) -> Example:
    return Example(
        sentence(1), source, name, f"{source}/{case or name}", of_case((), []), case_id=case, held_out=held_out
    )


def test_shares_are_those_asked_for() -> None:
    found = Counter(split_of(f"g{n}", SPLIT, 0.25) for n in range(20_000))
    assert found["test"] / 20_000 == pytest.approx(0.22, abs=0.01)
    assert found["validation"] / (20_000 - found["test"]) == pytest.approx(0.25, abs=0.01)


def test_a_split_is_for_ever() -> None:
    assert [split_of(f"ftr/{n}", SPLIT, 0.25) for n in range(12)] == [
        split_of(f"ftr/{n}", Split(seed=1, test_share=0.22, group="other words"), 0.25) for n in range(12)
    ]
    # Written down, so that a change of the hash cannot pass unseen.
    assert [n for n in range(20) if split_of(f"ftr/{n}", SPLIT, 0.25) == "test"] == [3, 5, 9, 11, 16]


def test_the_validation_share_never_moves_a_test_row() -> None:
    for n in range(500):
        small, large = (split_of(f"g{n}", SPLIT, share) for share in (0.1, 0.4))
        assert (small == "test") == (large == "test")


def test_another_source_moves_nothing(cards: dict[str, Card]) -> None:
    alone = [row("ftr", str(n)) for n in range(200)]
    both = assign([*alone, *(row("mlma", str(n)) for n in range(200))], cards, 0.2)
    for name, examples in assign(alone, cards, 0.2).items():
        assert examples == [e for e in both[name] if e.source == "ftr"]


def test_a_chat_stays_whole(cards: dict[str, Card]) -> None:
    examples = [row("cyberagression", f"c{n % 30}") for n in range(300)]
    splits = assign(examples, cards, 0.2)
    groups = [{e.group for e in splits[name]} for name in splits]
    assert sum(len(g) for g in groups) == len(set().union(*groups)) == 30


def test_held_out_cases_are_test_and_only_they(cards: dict[str, Card]) -> None:
    examples = [row(OWN, f"r{n}", f"case-{n}", held_out=n % 4 == 0) for n in range(200)]
    splits = assign(examples, cards, 0.3)
    assert all(e.held_out for e in splits["test"])
    assert not any(e.held_out for e in splits["train"] + splits["validation"])
    assert len(splits["validation"]) == pytest.approx(45, abs=18)


def test_tied_cases_share_a_group() -> None:
    examples = [row(OWN, f"r{n}", f"case-{n}") for n in range(5)] + [row("ftr", "0")]
    tied = tie(examples, {("case-3", "case-1"), ("case-3", "case-4")})
    assert [e.group for e in tied] == [
        *(f"{OWN}/case-{n}" for n in (0, 1, 2, 1, 1)),
        "ftr/0",
    ]
