"""Compares the rows of ``decisions``, which pages and documents read, with the events that tell them.

Takes the events as they stand: whether their chain holds is verified in ``events``, before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from .keyed import keyed
from .records import BadEvent, EventKind, State
from .tables import StoredRow, cases, decisions, events

_PAGE = 500
_TELLING = [kind.value for kind in (EventKind.DECIDED, EventKind.KNOWN, EventKind.UNDONE, EventKind.ERASED)]
_UNREAD = frozenset({State.RECEIVED.value, State.SCORED.value})


def verify(connection: Connection, secret: bytes, case_id: str | None = None) -> BadEvent | None:
    """The first decision whose row does not say what its event says, has no event, or is missing.

    Compared: analyst, moment, finding, ground, action, stage, note (unless erased) and the equal case it was copied
    from. An undone decision has no row.
    """
    for ids in [[case_id]] if case_id else _pages(connection):
        kept = _by_case(connection.execute(_of(decisions, ids).order_by(decisions.c.case_id, decisions.c.id)))
        telling = _of(events, ids).where(events.c.kind.in_(_TELLING)).order_by(events.c.case_id, events.c.number)
        told = _by_case(connection.execute(telling))
        for each in ids:
            if bad := _first_difference(each, told.get(each, []), kept.get(each, []), secret):
                return bad
    return None


def _pages(connection: Connection) -> Iterator[Sequence[str]]:
    query, last = select(cases.c.id).order_by(cases.c.id).limit(_PAGE), ""
    while ids := connection.scalars(query.where(cases.c.id > last)).all():
        yield ids
        last = ids[-1]


def _of(table: Any, ids: Sequence[str]) -> Any:
    return select(table).where(table.c.case_id.in_(ids))


def _by_case(rows: Iterable[StoredRow]) -> dict[str, list[StoredRow]]:
    return {case_id: list(found) for case_id, found in groupby(rows, key=lambda row: row.case_id)}


def _first_difference(case_id: str, told: list[StoredRow], kept: list[StoredRow], secret: bytes) -> BadEvent | None:
    erased = any(event.kind == EventKind.ERASED for event in told)
    standing = _standing(told)
    if len(standing) != len(kept):
        return _unpaired(case_id, standing, kept)
    for event, row in zip(standing, kept, strict=True):
        if differing := _differing(event, row, secret, erased):
            reason = f"row {row.id} of table decisions says otherwise than this event: {', '.join(differing)}"
            return BadEvent(case_id, event.number, reason)
    return None


def _standing(told: Iterable[StoredRow]) -> list[StoredRow]:
    """The events of decisions that nobody has taken back."""
    found: list[StoredRow] = []
    for event in told:
        if event.kind == EventKind.UNDONE:
            found.pop()
        elif event.kind != EventKind.ERASED:
            found.append(event)
    return found


def _unpaired(case_id: str, standing: list[StoredRow], kept: list[StoredRow]) -> BadEvent:
    if len(kept) < len(standing):
        moments = {row.at for row in kept}
        event = next((event for event in standing if event.at not in moments), standing[-1])
        return BadEvent(case_id, event.number, "the decision that it tells has no row in table decisions")
    moments = {event.at for event in standing}
    row = next((row for row in kept if row.at not in moments), kept[-1])
    number = standing[-1].number if standing else 1
    return BadEvent(case_id, number, f"row {row.id} of table decisions is told by no event")


def _differing(event: StoredRow, row: StoredRow, secret: bytes, erased: bool) -> list[str]:
    """The columns of ``row`` that are not as ``event`` tells."""
    body = json.loads(event.body)
    said = {"analyst": event.actor, "at": event.at, "illegal": int(body["illegal"]), "ground": body["ground"]}
    said |= {"action": body["action"], "copied_from": body.get("source")}
    differing = [name for name, value in said.items() if getattr(row, name) != value]
    if row.stage not in ({body["stage"]} if "stage" in body else _UNREAD):
        differing.append("stage")
    note = keyed(secret, "note", row.note) if row.note else None
    if note != body.get("note") and not (erased and note is None):
        differing.append("note")
    return differing
