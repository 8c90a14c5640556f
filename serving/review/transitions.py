"""Every move of a case from one state to another: one transaction, one update, one event.

The caller has locked the case (``lock``) in a writing transaction; nothing else writes ``cases.state``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from serving.bundle.errors import Conflict

from . import feedback
from .bodies import DecisionForm
from .events import link
from .keyed import keyed
from .records import WAITING_STATES, EventKind, State, no_case
from .tables import StoredRow, cases, decisions, events

_OPEN = frozenset({*WAITING_STATES, State.CLAIMED})
_WAITING = frozenset(WAITING_STATES)

#: From which states each move may start.
STARTS: dict[EventKind, frozenset[State]] = {
    EventKind.SCORED: frozenset(State),
    EventKind.SCORE_FAILED: frozenset(State),
    EventKind.CLAIMED: _WAITING,
    EventKind.RELEASED: frozenset({State.CLAIMED}),
    EventKind.LEASE_EXPIRED: frozenset({State.CLAIMED}),
    EventKind.DECIDED: frozenset({State.CLAIMED}),
    EventKind.ESCALATED: frozenset({State.CLAIMED}),
    EventKind.APPEALED: frozenset({State.DECIDED}),
    EventKind.REACH_CHANGED: _OPEN,
    EventKind.ERASED: frozenset({*WAITING_STATES, State.DECIDED, State.CLOSED}),
}

_UNCLAIMED = {"claimed_by": None, "lease_until": None, "returns_to": None}


def lock(connection: Connection, case_id: str) -> StoredRow:
    """The case, held until the transaction ends.

    Raises:
        NotFound: there is none of this id.
    """
    row = connection.execute(select(cases).where(cases.c.id == case_id).with_for_update()).first()
    if row is None:
        raise no_case(case_id)
    return row


def claim(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    analyst: str,
    now: datetime,
    *,
    until: datetime,
    through: str,
    probability: float | None,
) -> None:
    """Hand the case to ``analyst`` until ``until``; ``through`` names the step of the claim order."""
    body: dict[str, Any] = {"through": through}
    if probability is not None:
        body["probability"] = probability
    changes = {
        "state": State.CLAIMED,
        "returns_to": case.state,
        "claimed_by": analyst,
        "lease_until": until,
        "claimed_through": through,
        "audit_probability": case.audit_probability if probability is None else probability,
    }
    _move(connection, secret, case, EventKind.CLAIMED, analyst, now, body, changes)


def release(connection: Connection, secret: bytes, case: StoredRow, analyst: str, note: str, now: datetime) -> None:
    """Put the case back where it waited."""
    changes = {"state": case.returns_to, **_UNCLAIMED}
    _move(connection, secret, case, EventKind.RELEASED, analyst, now, _noted(secret, note), changes)


def expire(connection: Connection, secret: bytes, case: StoredRow, now: datetime) -> None:
    """Put a case back whose lease has ended."""
    changes = {"state": case.returns_to, **_UNCLAIMED}
    _move(connection, secret, case, EventKind.LEASE_EXPIRED, case.claimed_by, now, {}, changes)


def decide(
    connection: Connection, secret: bytes, case: StoredRow, analyst: str, form: DecisionForm, now: datetime
) -> None:
    """Record what the analyst found; the decision on an appeal closes the case."""
    body = {"illegal": form.illegal, "ground": form.ground, "action": form.action, "stage": case.returns_to}
    values = {**body, "illegal": int(form.illegal), "note": form.note, "bundle": case.bundle}
    connection.execute(insert(decisions).values(case_id=case.id, analyst=analyst, at=now, **values))
    state = State.CLOSED if case.returns_to == State.APPEALED else State.DECIDED
    changes = {"state": state, **_UNCLAIMED, "not_by": analyst, "senior_only": 0, "audit_key": None}
    _move(connection, secret, case, EventKind.DECIDED, analyst, now, body | _noted(secret, form.note), changes)


def escalate(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    analyst: str,
    note: str,
    now: datetime,
    placed: dict[str, Any],
) -> None:
    """Pass the case on to a senior other than ``analyst``; ``placed`` is its new place in the queue."""
    if case.returns_to == State.APPEALED:
        raise Conflict("an appeal is decided or released, not passed on; release it for another analyst")
    body = {"vital": bool(placed["vital"])} | _noted(secret, note)
    changes = {"state": State.SECOND_REVIEW, **_UNCLAIMED, "not_by": analyst, "senior_only": 1, "audit_key": None}
    _move(connection, secret, case, EventKind.ESCALATED, analyst, now, body, placed | changes)


def appeal(connection: Connection, secret: bytes, case: StoredRow, actor: str, note: str, now: datetime) -> None:
    """Open the case again for an analyst other than the one who decided."""
    changes = {"state": State.APPEALED, "audit_key": None}
    _move(connection, secret, case, EventKind.APPEALED, actor, now, _noted(secret, note), changes)


def score(connection: Connection, secret: bytes, case: StoredRow, now: datetime, changes: dict[str, Any]) -> None:
    """Attach a verdict and the place it gives; only a case that waits unscored changes state."""
    body = {name: changes[name] for name in ("bundle", "lane", "vital", "harm", "rank")}
    _move(connection, secret, case, EventKind.SCORED, "model", now, body, changes | _scored_state(case))


def _scored_state(case: StoredRow) -> dict[str, Any]:
    if case.state == State.RECEIVED:
        return {"state": State.SCORED}
    return {"returns_to": State.SCORED} if case.returns_to == State.RECEIVED else {}


def note_failure(
    connection: Connection, secret: bytes, case: StoredRow, now: datetime, bundle: str, error: dict[str, str]
) -> None:
    """Keep why the model could not score the case; it stays where it is and can be claimed."""
    changes = {"pending": 0, "scoring_until": None, "score_error": error}
    body = {"bundle": bundle, "code": error["code"]}
    _move(connection, secret, case, EventKind.SCORE_FAILED, "model", now, body, changes)


def change_reach(
    connection: Connection, secret: bytes, case: StoredRow, actor: str, now: datetime, changes: dict[str, Any]
) -> None:
    """A new reach and the place it gives."""
    body = {"reach": changes["reach"], "rank": changes["rank"]}
    _move(connection, secret, case, EventKind.REACH_CHANGED, actor, now, body, changes)


def erase(connection: Connection, secret: bytes, case: StoredRow, now: datetime, why: str) -> None:
    """Forget what was sent and noted; figures, keyed hashes and events stay."""
    connection.execute(update(decisions).where(decisions.c.case_id == case.id).values(note=""))
    feedback.erase_of_case(connection, case.id)
    gone = dict.fromkeys(("text", "url", "thread", "notice", "order_notice"))
    changes = {**gone, "state": State.CLOSED, "pending": 0, "audit_key": None}
    _move(connection, secret, case, EventKind.ERASED, "retention", now, {"why": why}, changes)


def _move(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    kind: EventKind,
    actor: str,
    now: datetime,
    body: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    """The one place where a case changes."""
    if State(case.state) not in STARTS[kind]:
        raise Conflict(f"case {case.id} is {case.state}, so it cannot become {kind}; reload it", code="wrong_state")
    number = case.event_count + 1
    event = link(secret, case_id=case.id, number=number, at=now, kind=kind, actor=actor, body=body, prev_hash=case.head)
    connection.execute(insert(events).values(**event))
    state = State(changes.get("state", case.state))
    values = {**changes, "state": state.value, "waiting": int(state in _WAITING)}
    chain = {"event_count": number, "head": event["hash"]}
    unmoved = (cases.c.id == case.id, cases.c.event_count == case.event_count)
    if connection.execute(update(cases).where(*unmoved).values(**values, **chain)).rowcount != 1:
        raise Conflict(f"case {case.id} was changed at the same time; reload it", code="wrong_state")


def _noted(secret: bytes, note: str) -> dict[str, str]:
    """A note enters an event as a keyed hash only."""
    return {"note": keyed(secret, "note", note)} if note else {}
