"""The end of the log at a moment, to be kept where nobody who can write the database can change it.

Whoever can write everything can put back an earlier state of it, and no row inside tells: only what was kept outside.
"""

from __future__ import annotations

import re

from sqlalchemy import Column, Connection, func, select

from serving.bundle.errors import InputError

from .keyed import GENESIS
from .records import Anchor, BadEvent
from .rerank import CHAIN
from .tables import policy_changes, seals

_WRITTEN = re.compile(r"(\d{1,18})\.([0-9a-f]{64})\.(\d{1,18})\.([0-9a-f]{64})")


def present(connection: Connection) -> Anchor:
    """The last seal and the last policy change; zeros where there is none."""
    seal = connection.execute(select(seals).order_by(seals.c.last_position.desc()).limit(1)).first()
    change = connection.execute(select(policy_changes).order_by(policy_changes.c.number.desc()).limit(1)).first()
    return Anchor(
        seal.last_position if seal else 0,
        seal.digest if seal else GENESIS,
        change.number if change else 0,
        change.hash if change else GENESIS,
    )


def parse_anchor(written: str) -> Anchor:
    """The anchor that ``str`` wrote.

    Raises:
        InputError: it is no anchor.
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        expected = "expected what `vigie log verify` printed after 'anchor:'"
        raise InputError(f"anchor {written[:80]!r} cannot be read; {expected}", code="not_an_anchor")
    position, digest, change, change_hash = found.groups()
    return Anchor(int(position), digest, int(change), change_hash)


def missing(connection: Connection, anchor: Anchor) -> BadEvent | None:
    """What the log held when the anchor was made and holds no more; for chains that were verified before."""
    sealed, changes = (seals.c.last_position, seals.c.digest), (policy_changes.c.number, policy_changes.c.hash)
    if bad := _lost(connection, sealed, (anchor.position, anchor.digest), "sealed events"):
        return BadEvent("", *bad)
    bad = _lost(connection, changes, (anchor.change, anchor.change_hash), "policy changes")
    return BadEvent(CHAIN, *bad) if bad else None


def _lost(
    connection: Connection, columns: tuple[Column[int], Column[str]], known: tuple[int, str], what: str
) -> tuple[int, str] | None:
    """From which number on a chain is not the one known, and why; None when it goes through ``known``."""
    (numbers, marks), (number, mark) = columns, known
    if not number or connection.scalar(select(marks).where(numbers == number)) == mark:
        return None
    end = connection.scalar(select(func.max(numbers))) or 0
    if end < number:
        return end + 1, f"the anchor knows {number} {what} and the log has {end}: its end was cut off"
    return number, f"the {what} up to here are not those that the anchor knows"
