"""Which groups of the lexicon a text names, by word: the identity mentions of Borkan et al. (2019). Knows no model.

A mention is not a target: "un chat noir" names nobody. Words of several meanings blur a group, and the report says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from training.data.lexicon import Lexicon, Noun


@dataclass(frozen=True)
class Mentions:
    """One pattern per group of a lexicon, in its order."""

    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    @classmethod
    def of(cls, lexicon: Lexicon) -> Mentions:
        """Every noun of every group, singular, feminine and plural, whatever its case and accents."""
        return cls(
            tuple(
                (group.key, _pattern([form for noun in group.nouns for form in _forms(noun)]))
                for group in lexicon.groups
            )
        )

    def named(self, text: str) -> tuple[str, ...]:
        """Keys of the groups that ``text`` names, in the lexicon's order."""
        plain = _plain(text)
        return tuple(key for key, pattern in self.patterns if pattern.search(plain))


def _forms(noun: Noun) -> tuple[str, ...]:
    """Singular, plural, and the feminine of both: the lexicon has no feminine plural, which French makes with an s."""
    feminine = (noun.feminine, f"{noun.feminine}s") if noun.feminine else ()
    return (noun.sg, noun.pl, *feminine)


def _pattern(forms: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted({_plain(form) for form in forms}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


def _plain(text: str) -> str:
    """Small letters without accents, one kind of apostrophe."""
    apart = unicodedata.normalize("NFD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
