"""Sentences of the pretraining corpus that name a group of people, the group drawn anew: naming is not hating.

Everywhere else in the training rows a group is named in order to attack it or to answer an attack, so that its name
alone would raise the score. Books and debates name some groups often and others never; the noun found is replaced by
one of any group that agrees as it does (gender, number, elision): every group is met in the same ordinary company.

Source: counterfactual data augmentation, Dixon et al. (2018) and Garg et al. (2019).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

from pydantic import Field

from serving.bundle import prepare
from serving.bundle.config import Frozen
from training.corpus import passages, registers, reserved

from .examples import Example
from .lexicon import Lexicon
from .ordinary import CORPUS, PRESUMED
from .truth import presumed_negative

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n")
_SHORTEST, _LONGEST = 25, 280
#: Share of the nouns written without a capital, as people do.
_LOWERED = 0.4


class MentionsSection(Frozen):
    """``[data.mentions]``: how many sentences of each register, how sure, how heavy."""

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


def mention_examples(section: MentionsSection, folder: Path | None, lexicon: Lexicon, seed: int) -> list[Example]:
    """Sentences in the section's numbers, fewer where a register has no more; training rows.

    Raises:
        ConfigError: no folder is set, or it lacks a register.
    """
    truth = presumed_negative(PRESUMED, section.presumption, section.weight)
    forms = _forms(lexicon)
    examples = []
    for name, path in registers(folder, section.sentences, "data.mentions").items():
        drawn = _drawn(path, section.sentences[name], forms, Random(f"{seed}:mentions:{name}"))
        for number, text in enumerate(drawn):
            row = f"{CORPUS}/mention/{name}/{number}"
            examples.append(Example(text, CORPUS, row, row, truth, register=name))
    return examples


def _forms(lexicon: Lexicon) -> dict[str, _Form]:
    """Every noun of every group, singular and plural, with how it agrees."""
    nouns = [noun for group in lexicon.groups for noun in group.nouns]
    plurals = {noun.pl: _Form(True, noun.gender, noun.elide) for noun in nouns}
    return {noun.sg: _Form(False, noun.gender, noun.elide) for noun in nouns} | plurals


def _drawn(path: Path, wanted: int, forms: Mapping[str, _Form], draw: Random) -> Iterator[str]:
    """A sample of a register's sentences, each kept with its first noun replaced."""
    named = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, forms), key=len, reverse=True))})(?!\w)")
    alike: dict[_Form, list[str]] = {}
    for noun, form in forms.items():
        alike.setdefault(form, []).append(noun)
    found = [(sentence, match) for sentence in _sentences(path) if (match := named.search(sentence))]
    for sentence, match in draw.sample(found, min(wanted, len(found))):
        noun = draw.choice(alike[forms[match[0]]])
        if draw.random() < _LOWERED:
            noun = noun.lower()
        yield prepare(sentence[: match.start()] + noun + sentence[match.end() :])


def _sentences(path: Path) -> Iterator[str]:
    for passage in passages(path):
        if not reserved(passage):
            yield from (s for s in _SENTENCE.split(passage) if _SHORTEST <= len(s) <= _LONGEST)
