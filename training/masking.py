"""Texts of others in a report: their letters are hidden unless the reader asked to see them."""

from __future__ import annotations

import re

#: Characters shown of a text, hidden or not.
_SHOWN = 200


def shown(text: str, *, show_text: bool) -> str:
    """The beginning of ``text``, its letters hidden unless they are asked for."""
    return text[:_SHOWN] if show_text else masked(text[:_SHOWN])


def masked(text: str) -> str:
    """``text`` with every letter and digit hidden: its length, words and signs alone remain."""
    return re.sub(r"[^\W_]", "•", text)
