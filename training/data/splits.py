"""Assigns groups to train, validation and test, once: by a hash of the group, whatever else is prepared with it.

Adding a source, or changing the validation share, never moves a row in or out of a test split.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .cards import Card, Split
from .digests import unit_interval
from .examples import OWN, Example
from .feedback import FEEDBACK
from .ordinary import CORPUS

SPLITS = ("train", "validation", "test")


def split_of(group: str, split: Split, validation_share: float) -> str:
    """Split of a source's group; ``validation_share`` is a share of what is not test."""
    draw = unit_interval(f"{split.seed}:{group}")
    if draw < split.test_share:
        return "test"
    return "validation" if draw < split.test_share + (1 - split.test_share) * validation_share else "train"


def tie(examples: Iterable[Example], pairs: Iterable[tuple[str, str]]) -> list[Example]:
    """Our own examples with the group of the first of all cases tied to theirs, directly or not."""
    root: dict[str, str] = {}

    def find(case: str) -> str:
        while root.get(case, case) != case:
            case = root[case]
        return case

    for left, right in sorted(pairs):
        first, second = sorted((find(left), find(right)))
        root[second] = first
    return [replace(e, group=f"{OWN}/{find(e.case_id)}") if e.source == OWN else e for e in examples]


def assign(examples: Iterable[Example], cards: Mapping[str, Card], validation_share: float) -> dict[str, list[Example]]:
    """Examples by split; held-out cases of ours are test, the others never are; corpus and feedback are train."""
    splits: dict[str, list[Example]] = {name: [] for name in SPLITS}
    for example in examples:
        splits[_place(example, cards, validation_share)].append(example)
    return splits


def _place(example: Example, cards: Mapping[str, Card], validation_share: float) -> str:
    if example.source in (CORPUS, FEEDBACK):
        return "train"
    if example.source == OWN:
        validation = unit_interval(f"{OWN}:{example.group}") < validation_share
        return "test" if example.held_out else "validation" if validation else "train"
    split = cards[example.source].split
    assert split is not None  # a training card has one
    return split_of(example.group, split, validation_share)
