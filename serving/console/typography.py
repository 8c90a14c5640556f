"""French spacing: no line begins with a sign that belongs to the word before it. Knows words and HTML; no page."""

from __future__ import annotations

import re

NBSP = "\u00a0"
THIN = "\u202f"

_WIDE = re.compile(r" (?=[:»%])|(?<=«) ")
_NARROW = re.compile(r" (?=[;!?])")
#: What is not ours to set: tags, and what others wrote, which templates keep in these elements.
_THEIRS = re.compile(r"(<(bdi|textarea|code)\b.*?</\2>|<[^>]*>)", re.DOTALL)


def typeset(words: str) -> str:
    """``words`` with no-break spaces beside : « » %, and narrow ones before ; ! ? (Imprimerie nationale)."""
    return _NARROW.sub(THIN, _WIDE.sub(NBSP, words))


def typeset_page(html: str) -> str:
    """A page, or a part of one, with its own words set; what others wrote is shown as they wrote it."""
    parts: list[str] = []
    at = 0
    for theirs in _THEIRS.finditer(html):
        parts += (typeset(html[at : theirs.start()]), theirs[0])
        at = theirs.end()
    return "".join((*parts, typeset(html[at:])))
