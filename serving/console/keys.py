"""The keys of a decision: a digit qualifies, a letter acts. Pure; knows nothing of HTTP or the queue.

A family's grounds keep their order, and actions that of the policy, so that fingers can learn them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from serving.bundle import FAMILIES
from serving.bundle.taxonomy import Ground

#: Digits of grounds; 0 says legal, 9 opens the list of all grounds.
DIGITS = "12345678"
LEGAL, OTHER = "0", "9"

#: Letters that pages use for themselves: reveal, note, hesitate, next, undo, search.
RESERVED = frozenset("vodszj")


def letters(titles: Sequence[str]) -> list[str]:
    """One letter for each title: the initial of its first word that is free, else any free letter of it.

    Returns:
        lower-case letters without accents, in order; "" for a title that nothing is left for.
    """
    taken = set(RESERVED)
    found = []
    for title in titles:
        letter = next((sign for sign in _candidates(title) if sign not in taken), "")
        taken.add(letter)
        found.append(letter)
    return found


def _candidates(title: str) -> Iterator[str]:
    bare = (sign for sign in unicodedata.normalize("NFKD", title.casefold()) if not unicodedata.combining(sign))
    words = "".join(sign if sign.isascii() and sign.isalpha() else " " for sign in bare).split()
    yield from (word[0] for word in words)
    yield from (sign for word in words for sign in word)


def offered(grounds: Sequence[Ground], family: str | None) -> list[tuple[str, Ground]]:
    """The grounds that have a digit, as (digit, ground): those of ``family``, else the first of each family."""
    if family is not None:
        chosen = [ground for ground in grounds if ground.family == family]
    else:
        share = len(DIGITS) // len(FAMILIES)
        chosen = [ground for one in FAMILIES for ground in [g for g in grounds if g.family == one][:share]]
    return list(zip(DIGITS, chosen, strict=False))
