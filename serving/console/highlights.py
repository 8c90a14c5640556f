"""A text cut into pieces for the page: plain, carrying a label, or invisible. Pure; knows nothing of HTTP or models.

Characters that hide or reorder others are replaced by their names: what the reader sees is what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from serving.bundle.taxonomy import family_of
from serving.explain import Span

#: Zero-width signs and soft hyphens, which split words; overrides and isolates, which reorder them; invisible tags.
#: The joiners U+200C and U+200D stay: Persian and emoji need them.
_INVISIBLE = re.compile(
    "([\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]+)"
)
#: Names shown for one run of invisible characters; more say nothing more.
_NAMED = 3
#: Beyond this, invisible characters are only made visible: one box each, not one element of the page each.
_LONG = 20_000


@dataclass(frozen=True)
class Piece:
    """A stretch of a text.

    Attributes:
        families: what it carries, heaviest first; empty for plain text.
        hidden: the names of the invisible characters that stood here, else "".
    """

    text: str
    families: tuple[str, ...] = ()
    hidden: str = ""

    @property
    def stars(self) -> str:
        """What stands for a masked piece: no longer than three signs, so that its length tells nothing."""
        return "•••"


def pieces(text: str, spans: Sequence[Span] = ()) -> list[Piece]:
    """``text`` in order, cut where a span begins or ends and around invisible characters."""
    if len(text) > _LONG:
        return [Piece(_INVISIBLE.sub("▯", text))]
    edges = sorted({0, len(text), *(edge for span in spans for edge in (span.start, span.end))})
    found: list[Piece] = []
    for start, end in pairwise(edges):
        over = sorted((s for s in spans if s.start <= start and end <= s.end), key=lambda span: -span.weight)
        families = tuple(dict.fromkeys(family_of(span.label) or span.label for span in over))
        found.extend(_seen(text[start:end], families))
    return found


def _seen(text: str, families: tuple[str, ...]) -> Iterator[Piece]:
    for part in _INVISIBLE.split(text):
        if _INVISIBLE.fullmatch(part):
            yield Piece("", families, _names(part))
        elif part:
            yield Piece(part, families)


def _names(run: str) -> str:
    names = [f"U+{ord(sign):04X}" for sign in dict.fromkeys(run)]
    return " ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
