"""Gives committed events one order across cases, and chains their digests.

Numbers handed out while transactions run can become visible out of order: a reader that follows them may pass over a
late one. The sealer numbers only what is committed, one sealer at a time, so a cursor over its positions misses
nothing; and claims never wait for one head, as they would if each event were chained to the last of all.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, text, update

from .database import SEAL_LOCK, is_postgresql, reading, writing
from .keyed import keyed
from .records import BadEvent
from .tables import StoredRow, events, seals

_START = "0" * 64
LARGEST_SEAL = 5_000


def seal_all(engine: Engine, secret: bytes, now: datetime) -> int:
    """Seal every event committed so far, ``LARGEST_SEAL`` to a transaction; returns how many were new."""
    with reading(engine) as connection:
        if not _unsealed(connection):
            return 0
    sealed = 0
    while True:
        with writing(engine) as connection:
            count = seal(connection, secret, now)
        sealed += count
        if count < LARGEST_SEAL:
            return sealed


def seal(connection: Connection, secret: bytes, now: datetime) -> int:
    """Number the new events and chain their digest; returns how many."""
    if is_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SEAL_LOCK})
    new = connection.execute(
        select(events.c.seq, events.c.hash)
        .where(events.c.position.is_(None))
        .order_by(events.c.seq)
        .limit(LARGEST_SEAL)
    ).all()
    if not new:
        return 0
    last = connection.execute(select(seals).order_by(seals.c.last_position.desc()).limit(1)).first()
    first = last.last_position + 1 if last else 1
    places = [{"at_seq": row.seq, "place": first + offset} for offset, row in enumerate(new)]
    connection.execute(
        update(events).where(events.c.seq == bindparam("at_seq")).values(position=bindparam("place")), places
    )
    prev_digest = last.digest if last else _START
    digest = _digest(secret, prev_digest, first, [row.hash for row in new])
    values = {"first_position": first, "last_position": first + len(new) - 1, "at": now}
    connection.execute(insert(seals).values(**values, prev_digest=prev_digest, digest=digest))
    return len(new)


def _unsealed(connection: Connection) -> bool:
    """Whether some event waits for the sealer."""
    return connection.scalar(select(events.c.seq).where(events.c.position.is_(None)).limit(1)) is not None


def verify_seals(connection: Connection, secret: bytes) -> BadEvent | None:
    """The first sealed event that is gone, or was put in another's place."""
    prev_digest, next_position = _START, 1
    for row in connection.execute(select(seals).order_by(seals.c.last_position)).all():
        if bad := _fault(connection, secret, row, prev_digest, next_position):
            return bad
        prev_digest, next_position = row.digest, row.last_position + 1
    beyond = connection.scalar(select(func.count()).select_from(events).where(events.c.position >= next_position))
    return BadEvent("", next_position, "events carry positions that no seal covers") if beyond else None


def _fault(
    connection: Connection, secret: bytes, row: StoredRow, prev_digest: str, next_position: int
) -> BadEvent | None:
    if (row.prev_digest, row.first_position) != (prev_digest, next_position):
        return BadEvent("", next_position, f"the seal before position {row.first_position} is missing or changed")
    inside = events.c.position.between(row.first_position, row.last_position)
    sealed = connection.execute(
        select(events.c.case_id, events.c.position, events.c.hash).where(inside).order_by(events.c.position)
    ).all()
    expected = range(row.first_position, row.last_position + 1)
    gone = next((place for place, event in zip(expected, sealed, strict=False) if event.position != place), None)
    if gone is None and len(sealed) < len(expected):
        gone = row.first_position + len(sealed)
    if gone is not None:
        return BadEvent("", gone, f"the sealed event at position {gone} is gone")
    if _digest(secret, prev_digest, row.first_position, [event.hash for event in sealed]) != row.digest:
        return BadEvent(sealed[0].case_id, row.first_position, "the seal over these events does not match them")
    return None


def _digest(secret: bytes, prev_digest: str, first: int, hashes: list[str]) -> str:
    return keyed(secret, "seal", ",".join([prev_digest, str(first), *hashes]))
