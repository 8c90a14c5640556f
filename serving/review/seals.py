"""Gives committed events one order across cases, and chains their digests.

Numbers handed out while transactions run can become visible out of order: a reader that follows them may pass over a
late one. The sealer numbers only what is committed, one sealer at a time, so a cursor over its positions misses
nothing; and claims never wait for one head, as they would if each event were chained to the last of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, text, update

from serving.bundle.errors import Unavailable

from .database import SEAL_LOCK, is_postgresql, reading, writing
from .keyed import GENESIS, keyed
from .records import BadEvent
from .tables import StoredRow, events, seals

LARGEST_SEAL = 5_000


#: The end of a seal: its last position and its digest.
_End = tuple[int, str]
_NONE: _End = (0, GENESIS)


class Sealer:
    """Seals for one process, which remembers where it last ended; safe to use from many threads at once.

    A log that has lost what was sealed is not sealed anew: that would make what is left look like the whole.
    """

    def __init__(self, engine: Engine, secret: bytes) -> None:
        """``secret`` keys the digests."""
        self._engine = engine
        self._secret = secret
        self._seen = _NONE

    def seal_all(self, now: datetime) -> int:
        """Seal every event committed so far, ``LARGEST_SEAL`` to a transaction; returns how many were new.

        Raises:
            Unavailable: the seal where this process ended is gone, or events carry positions that no seal covers.
        """
        with reading(self._engine) as connection:
            if not _unsealed(connection):
                return 0
        sealed = 0
        while True:
            with writing(self._engine) as connection:
                count, end = self._seal(connection, now)
            self._seen = end  # after the commit: what is not on disk was never sealed
            sealed += count
            if count < LARGEST_SEAL:
                return sealed

    def _seal(self, connection: Connection, now: datetime) -> tuple[int, _End]:
        """Number the new events and chain their digest: how many, and where the seals end now."""
        if is_postgresql(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SEAL_LOCK})
        last = connection.execute(select(seals).order_by(seals.c.last_position.desc()).limit(1)).first()
        end = (last.last_position, last.digest) if last else _NONE
        _check_nothing_lost(connection, end, self._seen)
        new = _next(connection)
        return len(new), _cover(connection, self._secret, end, new, now) if new else end


def _check_nothing_lost(connection: Connection, end: _End, seen: _End) -> None:
    covered = (connection.scalar(select(func.max(events.c.position))) or 0) <= end[0]
    there = connection.scalar(select(seals.c.digest).where(seals.c.last_position == seen[0]))
    if covered and seen in (_NONE, (seen[0], there)):
        return
    hint = "`vigie log verify` tells more; restore the database from a backup, then start the service again"
    raise Unavailable(f"seals of the event log are gone, so no event is sealed; {hint}", code="log_altered")


def _next(connection: Connection) -> Sequence[StoredRow]:
    query = select(events.c.seq, events.c.hash).where(events.c.position.is_(None)).order_by(events.c.seq)
    return connection.execute(query.limit(LARGEST_SEAL)).all()


def _cover(connection: Connection, secret: bytes, end: _End, new: Sequence[StoredRow], now: datetime) -> _End:
    """Number these events after ``end``, under a seal that continues it; where it ends."""
    (before, prev_digest), first = end, end[0] + 1
    places = [{"at_seq": row.seq, "place": first + offset} for offset, row in enumerate(new)]
    connection.execute(
        update(events).where(events.c.seq == bindparam("at_seq")).values(position=bindparam("place")), places
    )
    digest = _digest(secret, prev_digest, first, [row.hash for row in new])
    values = {"first_position": first, "last_position": before + len(new), "at": now}
    connection.execute(insert(seals).values(**values, prev_digest=prev_digest, digest=digest))
    return before + len(new), digest


def _unsealed(connection: Connection) -> bool:
    """Whether some event waits for the sealer."""
    return connection.scalar(select(events.c.seq).where(events.c.position.is_(None)).limit(1)) is not None


def verify(connection: Connection, secret: bytes) -> BadEvent | None:
    """The first sealed event that is gone, or was put in another's place."""
    prev_digest, next_position = GENESIS, 1
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
