"""The end of the log at a moment, to be kept where nobody who can write the database can change it.

Whoever can write everything can put back an earlier state of it, and no row inside tells: only what was kept outside.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, func, select

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
    return _seal_missing(connection, anchor) or _change_missing(connection, anchor)


def _seal_missing(connection: Connection, anchor: Anchor) -> BadEvent | None:
    digest = connection.scalar(select(seals.c.digest).where(seals.c.last_position == anchor.position))
    if digest == anchor.digest or not anchor.position:
        return None
    end = connection.scalar(select(func.max(seals.c.last_position))) or 0
    if end < anchor.position:
        said = f"the anchor knows {anchor.position} sealed events and the log has {end}: its end was cut off"
        return BadEvent("", end + 1, said)
    return BadEvent("", anchor.position, "the events up to here are not those that the anchor knows: sealed anew")


def _change_missing(connection: Connection, anchor: Anchor) -> BadEvent | None:
    kept = connection.scalar(select(policy_changes.c.hash).where(policy_changes.c.number == anchor.change))
    if kept == anchor.change_hash or not anchor.change:
        return None
    end = connection.scalar(select(func.max(policy_changes.c.number))) or 0
    if end < anchor.change:
        said = f"the anchor knows {anchor.change} policy changes and the log has {end}: the last were cut off"
        return BadEvent(CHAIN, end + 1, said)
    return BadEvent(CHAIN, anchor.change, "it is not the policy change that the anchor knows")
