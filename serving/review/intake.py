"""Receives cases: durable before it answers, idempotent per key and external id, a batch whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.bundle.errors import Conflict, InputError
from serving.bundle.faults import pointer_to
from serving.priority import Standing

from . import reporters
from .bodies import NewCase
from .database import is_postgresql
from .events import link
from .keyed import GENESIS, canonical, keyed, keyed_or_none
from .known import fingerprint
from .places import Rules, facts_of_new, place
from .records import EventKind, Received, Source, State
from .tables import StoredRow, cases, events

_KNOWN = (cases.c.id, cases.c.external_id, cases.c.state, cases.c.body_digest)


def receive(
    connection: Connection, rules: Rules, new: Sequence[NewCase], source: Source, now: datetime
) -> list[Received]:
    """Store what is not known yet; see ``Queue.receive``."""
    digests = _digests(rules.secret, new)
    known = _known(connection, source, digests)
    _refuse_changed(known, digests, new)
    firsts = {case.external_id: case for case in new if case.external_id not in known}
    places = {case.external_id: number for number, case in enumerate(new)}
    # Always in the same order, so that two overlapping batches wait for each other instead of deadlocking.
    standings = _standings(connection, rules, firsts.values(), now)
    rows = [
        _row(rules, firsts[name], places[name], source, digests[name], standings[name], now) for name in sorted(firsts)
    ]
    created = _insert(connection, rows) if rows else set()
    known = _known(connection, source, digests)
    _refuse_changed(known, digests, new)
    return [_receipt(known[case.external_id], created) for case in new]


def _receipt(row: StoredRow, created: set[str]) -> Received:
    """Of equal bodies in one batch, the first is the one that created the case."""
    fresh = row.external_id in created
    created.discard(row.external_id)
    return Received(row.id, row.external_id, State(row.state), fresh)


def _digests(secret: bytes, new: Sequence[NewCase]) -> dict[str, str]:
    """Keyed digest of each body by external id.

    Raises:
        Conflict: the batch holds two bodies for one external id.
    """
    digests: dict[str, str] = {}
    for number, case in enumerate(new):
        body = canonical(case.model_dump(mode="json", exclude_defaults=True))
        digest = keyed(secret, "body", body)
        if digests.setdefault(case.external_id, digest) != digest:
            raise _conflict(number, case.external_id)
    return digests


def _known(connection: Connection, source: Source, digests: Iterable[str]) -> dict[str, StoredRow]:
    ours = (cases.c.key_id == source.key_id, cases.c.external_id.in_(list(digests)))
    return {row.external_id: row for row in connection.execute(select(*_KNOWN).where(*ours))}


def _refuse_changed(known: dict[str, StoredRow], digests: dict[str, str], new: Sequence[NewCase]) -> None:
    for number, case in enumerate(new):
        row = known.get(case.external_id)
        if row is not None and row.body_digest != digests[case.external_id]:
            raise _conflict(number, case.external_id)


def _conflict(number: int, external_id: str) -> Conflict:
    """Pointers are into the batch, whatever body carries it."""
    detail = f"external_id {external_id!r} was already used for another body; send a changed case under a new one"
    return Conflict(detail, code="external_id_reused", pointer=pointer_to((number, "external_id")))


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> set[str]:
    """Insert cases and their first events; another process may insert the same at the same time, and then wins."""
    insert_or_skip = postgresql.insert if is_postgresql(connection) else sqlite.insert
    statement = insert_or_skip(cases).on_conflict_do_nothing(index_elements=["key_id", "external_id"])
    first_events = [row.pop("first_event") for row in rows]
    stored = set(connection.execute(statement.returning(cases.c.id), rows).scalars())
    if stored:
        connection.execute(insert(events), [event for event in first_events if event["case_id"] in stored])
    return {row["external_id"] for row in rows if row["id"] in stored}


def _standings(connection: Connection, rules: Rules, new: Iterable[NewCase], now: datetime) -> dict[str, Standing]:
    """What is known of the reporter of each new case, by external id."""
    people = {case.external_id: _reporter_and_author(rules.secret, case) for case in new}
    found = reporters.standings(connection, rules, people.values(), now)
    return {name: found[pair] for name, pair in people.items()}


def _reporter_and_author(secret: bytes, case: NewCase) -> tuple[str | None, str | None]:
    reporter = keyed_or_none(secret, "reporter", case.reporter.id if case.reporter else None)
    return reporter, keyed_or_none(secret, "person", case.author_id)


def _row(
    rules: Rules, case: NewCase, number: int, source: Source, digest: str, standing: Standing, now: datetime
) -> dict[str, Any]:
    case_id = new_id(now)
    body = {"digest": digest, "text": keyed(rules.secret, "text", case.text), "key_kind": str(source.kind)}
    event = link(
        rules.secret,
        case_id=case_id,
        number=1,
        at=now,
        kind=EventKind.RECEIVED,
        actor=source.key_id,
        body=body,
        prev_hash=GENESIS,
    )
    return {
        "id": case_id,
        "key_id": source.key_id,
        "key_kind": str(source.kind),
        "external_id": case.external_id,
        "body_digest": digest,
        "created_at": now,
        **_content(rules.secret, case),
        **_placed(rules, case, number, source, standing, now),
        "fingerprint": fingerprint(rules.secret, case.text),
        "pending": 1,
        "state": State.RECEIVED.value,
        "waiting": 1,
        "senior_only": 0,
        "event_count": 1,
        "head": event["hash"],
        "first_event": event,
    }


def _content(secret: bytes, case: NewCase) -> dict[str, Any]:
    """What was sent; people only as keyed hashes. An author and a target share a purpose, so that a raid shows."""
    person = "person"
    return {
        "text": case.text,
        "url": case.url,
        "received_at": case.received_at,
        "language": case.language,
        "reach": case.reach,
        "category": case.category,
        "author": keyed_or_none(secret, person, case.author_id),
        "target": keyed_or_none(secret, person, case.target_id),
        "reporter": keyed_or_none(secret, "reporter", case.reporter.id if case.reporter else None),
        "thread": [
            {
                "text": post.text,
                "author": keyed_or_none(secret, person, post.author_id),
                "at": post.at.isoformat() if post.at else None,
            }
            for post in case.thread
        ],
        "notice": case.notice.model_dump(mode="json", exclude_none=True) if case.notice else None,
        "order_notice": case.order.model_dump(mode="json", exclude_none=True) if case.order else None,
    }


def _placed(
    rules: Rules, case: NewCase, number: int, source: Source, standing: Standing, now: datetime
) -> dict[str, Any]:
    try:
        return place(rules, facts_of_new(case, source, now, standing), None, None)
    except InputError as error:
        detail = f"case {case.external_id!r}: {error.detail}"
        raise InputError(detail, code=error.code, pointer=f"/{number}{error.pointer}") from None


def new_id(now: datetime) -> str:
    """32 hexadecimal characters, growing with time so that an index is filled at its end."""
    return f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"
