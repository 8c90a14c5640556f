"""Removes exact and near copies across all sources, before anything is split.

Examples come in order of preference; the first of several copies stays and takes what the others know of its labels.
Our own cases are never removed for resembling one another (contrasts do, on purpose): cases that resemble are tied, so
that they share a split. A case we learn from gives way to one that is held out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .examples import OWN, Example
from .similarity import NearIndex, normal, shingles
from .truth import merge


@dataclass
class Removals:
    """What was removed and why: counts only.

    Attributes:
        exact: copies equal after normalisation, by source of the removed row.
        near: copies at least as alike as the threshold, by source of the removed row.
        across: among both, those whose kept copy comes from another source.
        conflicts: labels that copies annotated both ways and that became unknown, by (source, label).
        groups: sets of copies found; ``conflicting``: those with at least one conflict.
    """

    exact: Counter[str] = field(default_factory=Counter)
    near: Counter[str] = field(default_factory=Counter)
    across: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: int = 0
    conflicting: int = 0


@dataclass(frozen=True)
class Deduplicated:
    """Examples without copies, what was removed, and pairs of our own cases that resemble each other."""

    examples: list[Example]
    removals: Removals
    ties: set[tuple[str, str]]


def deduplicate(examples: Sequence[Example], threshold: float) -> Deduplicated:
    """One example for each set of copies; ``examples`` are ordered, the preferred ones first."""
    removals = Removals()
    kept: list[Example] = []
    copies: defaultdict[int, list[Example]] = defaultdict(list)
    ties: set[tuple[str, str]] = set()
    index = NearIndex(threshold)
    firsts: dict[str, int] = {}
    for example in examples:
        plain = normal(example.text)
        shingle_set = shingles(example.text)
        signature = index.signature(shingle_set)
        exact = firsts.get(plain)
        near = [exact] if exact is not None and example.source != OWN else index.near(shingle_set, signature)
        if near and (place := _stands_for(example, kept, near)) is not None:
            _count(removals, example, kept[place], exact is not None)
            copies[place].append(example)
            continue
        ties |= {_pair(example, kept[n]) for n in near if kept[n].case_id != example.case_id}
        firsts.setdefault(plain, index.add(shingle_set, signature))
        kept.append(example)
    return Deduplicated(_merged(kept, copies, removals), removals, ties)


def _stands_for(example: Example, kept: Sequence[Example], near: Iterable[int]) -> int | None:
    """The kept example that makes ``example`` superfluous, if any."""
    for place in near:
        other = kept[place]
        if example.source != OWN or (other.held_out and not example.held_out):
            return place
        if other.case_id != example.case_id and other.text.casefold() == example.text.casefold():
            return place
    return None


def _count(removals: Removals, removed: Example, stays: Example, exact: bool) -> None:
    (removals.exact if exact else removals.near)[removed.source] += 1
    if stays.source != removed.source:
        removals.across[removed.source] += 1


def _pair(left: Example, right: Example) -> tuple[str, str]:
    first, second = sorted((left.case_id, right.case_id))
    return first, second


def _merged(kept: list[Example], copies: dict[int, list[Example]], removals: Removals) -> list[Example]:
    merged = list(kept)
    for place, others in copies.items():
        truth, conflicts = merge([example.truth for example in (kept[place], *others)])
        removals.groups += 1
        removals.conflicting += bool(conflicts)
        removals.conflicts.update((kept[place].source, label) for label in conflicts)
        if kept[place].source != OWN:  # our own labels are decided, not voted
            merged[place] = replace(kept[place], truth=truth)
    return merged
