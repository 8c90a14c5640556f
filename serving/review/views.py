"""What can be read of the queue. Writes nothing; a list never carries a text."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, distinct, func, select

from . import notes
from .places import Rules, verdict_of
from .records import (
    Case,
    CaseRow,
    Changes,
    Decision,
    Event,
    EventKind,
    KeyKind,
    Note,
    State,
    Stats,
    StoredPost,
    no_case,
)
from .steps import DUE, ONE, WAITING, horizon, in_claim_order
from .tables import StoredRow, cases, decisions, events

#: The columns of a list: neither text nor what names a person. Those of ``CaseRow``, by name.
ROW_COLUMNS = tuple(cases.c[field.name] for field in fields(CaseRow))


_DECISIONS = select(decisions).where(decisions.c.case_id == bindparam("case")).order_by(decisions.c.id)
_EVENTS = select(events).where(events.c.case_id == bindparam("case")).order_by(events.c.number)

#: Without one of these in its chain a case has no decision.
_DECIDED = frozenset({EventKind.DECIDED, EventKind.KNOWN})

#: Golden items and their copies are not work.
REAL = cases.c.golden.is_(None)


def row_of(row: StoredRow) -> CaseRow:
    """One line of a list."""
    return CaseRow(
        **{column.name: getattr(row, column.name) for column in ROW_COLUMNS}
        | {
            "key_kind": KeyKind(row.key_kind),
            "state": State(row.state),
            "vital": bool(row.vital),
            "grave": bool(row.grave),
            "blind": bool(row.blind),
            "reasons": tuple(row.reasons),
            "levels": row.levels or {},
        }
    )


def find_case(connection: Connection, case_id: str) -> Case:
    """Everything about one case, by id."""
    row = connection.execute(select(cases).where(cases.c.id == case_id)).first()
    if row is None:
        raise no_case(case_id)
    return case_of(connection, row)


def case_of(connection: Connection, row: StoredRow) -> Case:
    """Everything about one case."""
    told = _events(connection, row.id, but=EventKind.DECIDED if row.blind else None)
    decided = not row.blind and any(event.kind in _DECIDED for event in told)
    return Case(
        row=row_of(row),
        text=row.text,
        url=row.url,
        received_at=row.received_at,
        author=row.author,
        target=row.target,
        reporter=row.reporter,
        thread=tuple(StoredPost(**post) for post in row.thread or ()),
        notice=row.notice,
        order=row.order_notice,
        verdict=verdict_of(row),
        claimed_through=row.claimed_through,
        audit_probability=row.audit_probability,
        decisions=_decisions(connection, row.id) if decided else (),
        events=told,
    )


def _decisions(connection: Connection, case_id: str) -> tuple[Decision, ...]:
    found = connection.execute(_DECISIONS, {"case": case_id})
    return tuple(
        Decision(
            row.id,
            row.analyst,
            row.at,
            bool(row.illegal),
            row.ground,
            row.action,
            row.note,
            State(row.stage),
            row.bundle,
            row.copied_from,
        )
        for row in found
    )


def _events(connection: Connection, case_id: str, but: EventKind | None = None) -> tuple[Event, ...]:
    found = connection.execute(_EVENTS if but is None else _EVENTS.where(events.c.kind != but.value), {"case": case_id})
    return tuple(
        Event(row.case_id, row.number, row.at, EventKind(row.kind), row.actor, row.body, row.prev_hash, row.hash)
        for row in found
    )


def notes_of(connection: Connection, case_id: str) -> list[Note]:
    """The notes of a case; while a second analyst reads blindly, not those of the first."""
    row = connection.execute(select(cases.c.blind, cases.c.not_by).where(cases.c.id == case_id)).first()
    if row is None:
        raise no_case(case_id)
    return notes.of_case(connection, case_id, but_of=row.not_by if row.blind else None)


def top(connection: Connection, rules: Rules, limit: int, offset: int, now: datetime) -> list[CaseRow]:
    """Waiting cases in claim order."""
    return [row_of(row) for row in in_claim_order(connection, ROW_COLUMNS, limit, offset, horizon(rules, now))]


def held_by(connection: Connection, analyst: str) -> list[CaseRow]:
    """What ``analyst`` has claimed, the lease that ends first on top."""
    ours = (cases.c.lease_until.is_not(None), cases.c.claimed_by == analyst)
    return [row_of(r) for r in connection.execute(select(*ROW_COLUMNS).where(*ours).order_by(cases.c.lease_until))]


def same_target(connection: Connection, case_id: str, limit: int) -> list[CaseRow]:
    """Other cases that aim at the same person, newest first: several authors against one is a raid."""
    target = select(cases.c.target).where(cases.c.id == case_id).scalar_subquery()
    query = (
        select(*ROW_COLUMNS)
        .where(cases.c.target == target, cases.c.id != case_id, REAL)
        .order_by(cases.c.created_at.desc())
        .limit(limit)
    )
    return [row_of(row) for row in connection.execute(query)]


def changed_since(connection: Connection, cursor: int, limit: int, key_id: str | None) -> Changes:
    """The cases of the next ``limit`` sealed events after ``cursor``; each once, as it is now."""
    query = (
        select(events.c.position, events.c.case_id)
        .where(events.c.position > cursor)
        .order_by(events.c.position)
        .limit(limit)
    )
    if key_id is not None:
        query = query.join(cases, cases.c.id == events.c.case_id).where(cases.c.key_id == key_id)
    found = connection.execute(query).all()
    if not found:
        return Changes(cursor, ())
    ids = list(dict.fromkeys(row.case_id for row in found))
    rows = {r.id: row_of(r) for r in connection.execute(select(*ROW_COLUMNS).where(cases.c.id.in_(ids), REAL))}
    return Changes(found[-1].position, tuple(rows[case_id] for case_id in ids if case_id in rows))


def stats(connection: Connection, rules: Rules, now: datetime) -> Stats:
    """The queue in figures, at ``now``."""
    count = func.count()

    def number(*where: Any) -> int:
        return connection.scalar(select(count).select_from(cases).where(REAL, *where), horizon(rules, now)) or 0

    states = connection.execute(select(cases.c.state, count).where(REAL).group_by(cases.c.state)).all()
    lanes = connection.execute(select(cases.c.lane, count).where(WAITING).group_by(cases.c.lane)).all()
    lately = select(func.count(distinct(decisions.c.case_id))).join(cases, cases.c.id == decisions.c.case_id)
    lately = lately.where(REAL, decisions.c.at >= now - timedelta(days=1))
    return Stats(
        states={str(state): 0 for state in State} | {row[0]: row[1] for row in states},
        waiting={row[0]: row[1] for row in lanes},
        vital=number(WAITING, cases.c.vital == ONE),
        due_within_margin=number(WAITING, *DUE.probes),
        overdue=number(WAITING, cases.c.due_at < now),
        unscored=number(cases.c.pending == ONE),
        oldest_waiting_at=connection.scalar(select(func.min(cases.c.created_at)).where(WAITING)),
        decided_last_day=connection.scalar(lately) or 0,
    )
