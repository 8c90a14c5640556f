"""Writes the instances of our own cases: draws the words of a template, deterministically by seed and case.

Groups take turns, so that each weighs as much as the others; the same group never stands on both sides of a sentence.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from .cases import OwnCase
from .lexicon import FirstName, Group, Lexicon, Noun
from .slots import Template, Words, fill

#: Draws tried for one wanted instance before we accept that a template has no more of them.
_PATIENCE = 20


@dataclass(frozen=True, slots=True)
class Instance:
    """One sentence of a case.

    Attributes:
        group: key of the first group drawn, empty without one.
        labels: what is true of it, the group's grounds of hatred included.
    """

    case: OwnCase
    number: int
    text: str
    group: str
    labels: frozenset[str]


def write_instances(case: OwnCase, lexicon: Lexicon, most: int, seed: int) -> list[Instance]:
    """At most ``most`` distinct instances of ``case``; fewer when its slots do not allow more."""
    rng = random.Random(f"{seed}:{case.id}")
    texts: dict[str, str] = {}
    for group, words in islice(_draws(case, lexicon, rng), most * _PATIENCE):
        texts.setdefault(fill(case.template, words), group.key if group else "")
        if len(texts) == most or len(case.template.pieces) == 1:
            break
    return [
        Instance(case, number, text, key, _labels(case, lexicon.group(key)))
        for number, (text, key) in enumerate(texts.items())
    ]


def _labels(case: OwnCase, group: Group | None) -> frozenset[str]:
    return case.labels | frozenset(group.labels) if group and "haine" in case.labels else case.labels


def _draws(case: OwnCase, lexicon: Lexicon, rng: random.Random) -> Iterator[tuple[Group | None, Words]]:
    template = case.template
    groups = [group for key in case.groups if (group := lexicon.group(key)) and _nouns(group, template, "group")]
    rng.shuffle(groups)
    for group in cycle(groups or [None]):
        first = rng.choice(_nouns(group, template, "group")) if group else None
        second = _second(case, lexicon, group, rng) if template.uses_second else None
        target = rng.choice(lexicon.targets).text if template.slots("target") else ""
        yield group, Words(first, second, _names(template, lexicon, rng), target)


def _nouns(group: Group, template: Template, kind: str) -> list[Noun]:
    return [noun for noun in group.nouns if noun.feminine or not template.needs_feminine(kind)]


def _second(case: OwnCase, lexicon: Lexicon, first: Group | None, rng: random.Random) -> Noun:
    """A noun of another group: of the case's own list when it names several, else of any."""
    keys = case.groups if len(case.groups) > 1 else lexicon.group_keys
    others = [group for key in keys if (group := lexicon.group(key)) and group is not first]
    fitting = [noun for group in others for noun in _nouns(group, case.template, "group2")]
    taken = {noun.pl.casefold() for noun in first.nouns} if first else set()
    return rng.choice([noun for noun in fitting if noun.pl.casefold() not in taken])


def _names(template: Template, lexicon: Lexicon, rng: random.Random) -> tuple[FirstName, ...]:
    """One name for each slot, no name twice."""
    drawn: list[FirstName] = []
    for slot in template.slots("name"):
        gender = slot.form.removeprefix("prenom").removeprefix("_")
        fitting = [name for name in lexicon.names if name not in drawn and gender in ("", name.gender)]
        drawn.append(rng.choice(fitting))
    return tuple(drawn)
