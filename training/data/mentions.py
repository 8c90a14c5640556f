"""Sentences of the pretraining corpus that name a group of people, the group drawn anew: naming is not hating.

Everywhere else in the training rows a group is named in order to attack it or to answer an attack, so that its name
alone would raise the score. Books and debates name some groups often and others never; the noun found is replaced by
one of any group that agrees as it does (gender, number, elision). A group is given the more sentences, the more rows
hate it: of the rows that name a group about the same share is hateful, whichever it is.

Source: counterfactual data augmentation, Dixon et al. (2018) and Garg et al. (2019).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, TypeVar

from pydantic import Field

from serving.bundle import OUTPUT_KEYS, prepare
from serving.bundle.config import Frozen
from training.corpus import passages, registers, reserved

from .examples import Example
from .lexicon import Lexicon
from .ordinary import CORPUS, PRESUMED
from .truth import presumed_negative

T = TypeVar("T")

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n")
_SHORTEST, _LONGEST = 25, 280
_HATE = OUTPUT_KEYS.index("haine")
#: Share of the nouns written without a capital, as people do.
_LOWERED = 0.4


class MentionsSection(Frozen):
    """``[data.mentions]`` and ``[data.names]``: how many sentences of each register, how sure, how heavy."""

    #: Sentences by register of the corpus (``<register>.txt.xz``).
    sentences: dict[str, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    #: Weight of the presumption that they are harmless, against 1 for an annotation.
    presumption: Annotated[float, Field(gt=0, lt=1)]
    #: Weight of a row.
    weight: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class _Form:
    """How a noun agrees: two of the same form can replace each other."""

    plural: bool
    gender: str
    elide: bool


def mention_examples(
    section: MentionsSection, folder: Path | None, lexicon: Lexicon, seed: int, hatred: Mapping[str, float]
) -> list[Example]:
    """Sentences in the section's numbers, fewer where a register has no more; training rows.

    Args:
        hatred: how much the other rows hate each group (``hatred_by_group``).

    Raises:
        ConfigError: no folder is set, or it lacks a register.
    """
    given: Counter[str] = Counter()

    def drawn(path: Path, wanted: int, draw: Random) -> Iterator[str]:
        return _drawn(path, wanted, lexicon, hatred, given, draw)

    return presumed_examples("mentions", section, folder, drawn, seed)


def presumed_examples(
    what: str,
    section: MentionsSection,
    folder: Path | None,
    drawn: Callable[[Path, int, Random], Iterator[str]],
    seed: int,
) -> list[Example]:
    """What ``drawn`` gives of each register of ``[data.<what>]``, presumed harmless.

    Raises:
        ConfigError: no folder is set, or it lacks a register.
    """
    truth = presumed_negative(PRESUMED, section.presumption, section.weight)
    examples = []
    for name, path in registers(folder, section.sentences, f"data.{what}").items():
        for number, text in enumerate(drawn(path, section.sentences[name], Random(f"{seed}:{what}:{name}"))):
            row = f"{CORPUS}/{what}/{name}/{number}"
            examples.append(Example(text, CORPUS, row, row, truth, register=name))
    return examples


def _forms(lexicon: Lexicon) -> dict[str, _Form]:
    """Every noun of every group, singular and plural, with how it agrees."""
    nouns = [noun for group in lexicon.groups for noun in group.nouns]
    plurals = {noun.pl: _Form(True, noun.gender, noun.elide) for noun in nouns}
    return {noun.sg: _Form(False, noun.gender, noun.elide) for noun in nouns} | plurals


def _groups(lexicon: Lexicon) -> dict[str, str]:
    """The group of every noun."""
    pairs = [(noun, group.key) for group in lexicon.groups for noun in group.nouns]
    return {form: key for noun, key in pairs for form in (noun.sg, noun.pl)}


def hatred_by_group(examples: Sequence[Example], lexicon: Lexicon) -> dict[str, float]:
    """Hateful rows that name each group, the instances of one case counting for one; never less than one."""
    groups, named = _groups(lexicon), _pattern(lexicon)
    instances = Counter(example.group for example in examples)
    found: Counter[str] = Counter()
    for example in examples:
        if hatred := example.truth.target[_HATE] * example.truth.mask[_HATE]:
            for group in {groups[noun] for noun in named.findall(example.text)}:
                found[group] += hatred / instances[example.group]
    return {group.key: max(1.0, found[group.key]) for group in lexicon.groups}


def _pattern(lexicon: Lexicon) -> re.Pattern[str]:
    longest_first = sorted(map(re.escape, _forms(lexicon)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")


def _drawn(
    path: Path, wanted: int, lexicon: Lexicon, hatred: Mapping[str, float], given: Counter[str], draw: Random
) -> Iterator[str]:
    """A sample of a register's sentences, each kept with its first noun replaced; counts the groups in ``given``."""
    forms, groups, named = _forms(lexicon), _groups(lexicon), _pattern(lexicon)
    alike: dict[_Form, list[str]] = {}
    for noun, form in forms.items():
        alike.setdefault(form, []).append(noun)
    found = [(sentence, match) for sentence in short_sentences(path) if (match := named.search(sentence))]
    for sentence, match in draw.sample(found, min(wanted, len(found))):
        noun = evenly(alike[forms[match[0]]], groups.__getitem__, given, draw, hatred)
        if draw.random() < _LOWERED:
            noun = noun.lower()
        yield replaced(sentence, match, noun)


def evenly(
    candidates: Sequence[T], kind: Callable[[T], str], given: Counter[str], draw: Random, shares: Mapping[str, float]
) -> T:
    """One of the candidates of the kind that has had least of its share so far; counted in ``given``."""
    had = [given[kind(candidate)] / shares[kind(candidate)] for candidate in candidates]
    chosen = draw.choice([candidate for candidate, part in zip(candidates, had, strict=True) if part == min(had)])
    given[kind(chosen)] += 1
    return chosen


def replaced(sentence: str, match: re.Match[str], word: str) -> str:
    """``sentence`` with ``word`` in the place of the match, prepared as every row is."""
    return prepare(sentence[: match.start()] + word + sentence[match.end() :])


def short_sentences(path: Path) -> Iterator[str]:
    """Sentences of a register of 25 to 280 characters, of the passages that evaluation does not use."""
    for passage in passages(path):
        if not reserved(passage):
            yield from (s for s in _SENTENCE.split(passage) if _SHORTEST <= len(s) <= _LONGEST)
