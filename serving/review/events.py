"""The chain of events of each case: how a link is made, and how a broken one is found.

Each event carries the keyed hash of the one before it in the same case, and the case keeps the last one, so that a
changed, removed, added or cut-off event shows. Bodies hold figures, names of lists and keyed hashes, never a text:
erasing a text leaves the chain whole. Keyed, so that whoever can only write the database cannot forge a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from .keyed import GENESIS, canonical, keyed
from .records import BadEvent, EventKind
from .tables import StoredRow, cases, events


def link(
    secret: bytes,
    *,
    case_id: str,
    number: int,
    at: datetime,
    kind: EventKind | str,
    actor: str,
    body: Any,
    prev_hash: str,
) -> dict[str, Any]:
    """The row of table ``events`` that continues a chain at ``prev_hash``."""
    event = {
        "case_id": case_id,
        "number": number,
        "at": at,
        "kind": str(kind),
        "actor": actor,
        "body": canonical(body),
        "prev_hash": prev_hash,
    }
    return {**event, "hash": _hash(secret, event)}


def hash_of(secret: bytes, event: dict[str, Any]) -> str:
    """The hash of a written event: its body is canonical JSON already."""
    return _hash(secret, event)


def _hash(secret: bytes, event: dict[str, Any]) -> str:
    moment = event["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return keyed(secret, "event", canonical({**event, "at": moment}))


def verify(connection: Connection, secret: bytes, case_id: str | None = None) -> tuple[int, int, BadEvent | None]:
    """Walk the chain of one case, or of all: how many cases and events, and the first event that does not hold."""
    counted = {"cases": 0, "events": 0}
    bad = _first_bad(_chains(connection, case_id), secret, counted)
    return counted["cases"], counted["events"], bad or _first_headless(connection, case_id)


def _chains(connection: Connection, case_id: str | None) -> Iterable[StoredRow]:
    query = (
        select(events, cases.c.head, cases.c.event_count)
        .join(cases, cases.c.id == events.c.case_id, isouter=True)
        .order_by(events.c.case_id, events.c.number)
        .execution_options(yield_per=1000)
    )
    return connection.execute(query if case_id is None else query.where(events.c.case_id == case_id))


def _first_bad(rows: Iterable[StoredRow], secret: bytes, counted: dict[str, int]) -> BadEvent | None:
    """The earliest written of the first bad links of all chains."""
    found: list[tuple[int, BadEvent]] = []
    for chain in _by_case(rows):
        counted["cases"] += 1
        counted["events"] += len(chain)
        if bad := _first_bad_link(chain, secret):
            found.append(bad)
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _by_case(rows: Iterable[StoredRow]) -> Iterator[list[StoredRow]]:
    chain: list[StoredRow] = []
    for row in rows:
        if chain and row.case_id != chain[0].case_id:
            yield chain
            chain = []
        chain.append(row)
    if chain:
        yield chain


def _first_bad_link(chain: list[StoredRow], secret: bytes) -> tuple[int, BadEvent] | None:
    prev_hash = GENESIS
    for expected, row in enumerate(chain, start=1):
        if reason := _fault(row, expected, prev_hash, secret):
            return row.seq, BadEvent(row.case_id, row.number, reason)
        prev_hash = row.hash
    last = chain[-1]
    if (last.event_count, last.head) != (len(chain), last.hash):
        reason = f"the case knows {last.event_count} events ending otherwise: the end was cut off or added"
        return last.seq, BadEvent(last.case_id, last.number, reason)
    return None


def _fault(row: StoredRow, expected: int, prev_hash: str, secret: bytes) -> str | None:
    if row.number != expected:
        return f"event {expected} is missing"
    if row.prev_hash != prev_hash:
        return "it does not continue the event before it"
    event = {name: getattr(row, name) for name in ("case_id", "number", "at", "kind", "actor", "body", "prev_hash")}
    return None if _hash(secret, event) == row.hash else "its content was changed"


def _first_headless(connection: Connection, case_id: str | None) -> BadEvent | None:
    """A case whose events are all gone."""
    query = (
        select(cases.c.id)
        .where(~select(events.c.seq).where(events.c.case_id == cases.c.id).exists())
        .order_by(cases.c.created_at)
        .limit(1)
    )
    found = connection.scalar(query if case_id is None else query.where(cases.c.id == case_id))
    return BadEvent(found, 1, "the case has no events") if found else None
