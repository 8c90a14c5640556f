"""Every move of a case from one state to another: one transaction, one update, one event; answers the case as moved.

The caller has locked the case (``lock``) in a writing transaction; nothing else writes ``cases.state``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from serving.bundle.errors import Conflict

from . import feedback, judges, known, notes, reporters, training_rows
from .bodies import DecisionForm
from .events import link
from .keyed import keyed
from .records import WAITING_STATES, EventKind, SkipReason, State, no_case
from .second import Outcome
from .tables import StoredRow, cases, decisions, events, skips

#: Who decides in the name of an earlier decision on an equal text.
KNOWN = "known"

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
    EventKind.SKIPPED: frozenset({State.CLAIMED}),
    EventKind.REASSIGNED: _OPEN,
    EventKind.UNDONE: frozenset({State.DECIDED, State.CLOSED, State.SECOND_REVIEW}),
    EventKind.NOTED: frozenset(State),
    EventKind.KNOWN: frozenset({State.RECEIVED, State.SCORED}),
    EventKind.ERASED: frozenset({*WAITING_STATES, State.DECIDED, State.CLOSED}),
}

#: Made once, with parameters: making a statement anew costs more than running it.
_TOLD = insert(events)
_MOVED = (
    update(cases)
    .where(cases.c.id == bindparam("this_case"), cases.c.event_count == bindparam("count_before"))
    .returning(*cases.c)
)

_UNCLAIMED = {"claimed_by": None, "lease_until": None, "returns_to": None}
#: What a decision overwrites, and an undo puts back.
_OVERWRITTEN = ("not_by", "senior_only", "audit_key", "blind", "review_probability")


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
) -> StoredRow:
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
    return _move(connection, secret, case, EventKind.CLAIMED, analyst, now, body, changes)


def release(
    connection: Connection, secret: bytes, case: StoredRow, analyst: str, note: str, now: datetime
) -> StoredRow:
    """Put the case back where it waited."""
    changes = {"state": case.returns_to, **_UNCLAIMED}
    return _move(connection, secret, case, EventKind.RELEASED, analyst, now, _noted(secret, note), changes)


def expire(connection: Connection, secret: bytes, case: StoredRow, now: datetime) -> StoredRow:
    """Put a case back whose lease has ended."""
    changes = {"state": case.returns_to, **_UNCLAIMED}
    return _move(connection, secret, case, EventKind.LEASE_EXPIRED, case.claimed_by, now, {}, changes)


def skip(
    connection: Connection, secret: bytes, case: StoredRow, analyst: str, reason: SkipReason, now: datetime
) -> StoredRow:
    """Put the case back for others: ``analyst`` is not given it again."""
    connection.execute(insert(skips).values(case_id=case.id, analyst=analyst, reason=reason.value, at=now))
    changes = {"state": case.returns_to, **_UNCLAIMED}
    return _move(connection, secret, case, EventKind.SKIPPED, analyst, now, {"reason": reason.value}, changes)


def reassign(
    connection: Connection, secret: bytes, case: StoredRow, supervisor: str, to: str, now: datetime, until: datetime
) -> StoredRow:
    """Hand the case to ``to``, whoever held it."""
    returns_to = case.returns_to if case.state == State.CLAIMED else case.state
    changes = {"state": State.CLAIMED, "returns_to": returns_to, "claimed_by": to, "lease_until": until}
    changes["claimed_through"] = "reassigned"
    return _move(connection, secret, case, EventKind.REASSIGNED, supervisor, now, {"to": to}, changes)


def note(connection: Connection, secret: bytes, case: StoredRow, analyst: str, text: str, now: datetime) -> StoredRow:
    """Say in the chain that a note was added; the note itself is in its table."""
    return _move(connection, secret, case, EventKind.NOTED, analyst, now, _noted(secret, text), {})


def decide(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    analyst: str,
    form: DecisionForm,
    now: datetime,
    outcome: Outcome,
) -> StoredRow:
    """Record what the analyst found; ``outcome`` says where the case goes."""
    body = {"illegal": form.illegal, "ground": form.ground, "action": form.action, "stage": case.returns_to}
    values = {**body, "illegal": int(form.illegal), "note": form.note, "bundle": case.bundle}
    before = {name: getattr(case, name) for name in _OVERWRITTEN}
    _relearn(connection, case, None, now)
    reporters.learn(connection, case, form.illegal, now)
    connection.execute(insert(decisions).values(case_id=case.id, analyst=analyst, at=now, before=before, **values))
    settled = {"not_by": analyst, "senior_only": 0, "audit_key": None, "blind": 0}
    changes = {"state": outcome.state, **_UNCLAIMED, **settled, **outcome.changes}
    told = body | outcome.told | _noted(secret, form.note)
    return _move(connection, secret, case, EventKind.DECIDED, analyst, now, told, changes)


def _relearn(connection: Connection, case: StoredRow, but: int | None, now: datetime, sign: int = -1) -> None:
    """Only the last decision on a case counts for its reporter: take back (or, with 1, put back) the one before."""
    query = select(decisions.c.illegal).where(decisions.c.case_id == case.id).order_by(decisions.c.id.desc()).limit(1)
    earlier = connection.scalar(query if but is None else query.where(decisions.c.id != but))
    if earlier is not None:
        reporters.learn(connection, case, bool(earlier), now, sign=sign)


def close_known(connection: Connection, secret: bytes, case: StoredRow, source: StoredRow, now: datetime) -> StoredRow:
    """Give the case the decision ``source`` that a person took on an equal text; the event names that case."""
    said = {"illegal": bool(source.illegal), "ground": source.ground, "action": source.action}
    values = {**said, "illegal": source.illegal, "note": "", "bundle": case.bundle, "stage": case.state}
    values |= {"case_id": case.id, "analyst": KNOWN, "at": now, "copied_from": source.case_id}
    reporters.learn(connection, case, bool(source.illegal), now)
    connection.execute(insert(decisions).values(**values))
    changes = {"state": State.DECIDED, "pending": 0, "scoring_until": None, "audit_key": None, "not_by": None}
    return _move(connection, secret, case, EventKind.KNOWN, KNOWN, now, {**said, "source": source.case_id}, changes)


def undo(
    connection: Connection, secret: bytes, case: StoredRow, decision: StoredRow, now: datetime, until: datetime
) -> StoredRow:
    """Take the decision back: the case is its analyst's again, as it was before. The chain keeps both."""
    reporters.learn(connection, case, bool(decision.illegal), now, sign=-1)
    _relearn(connection, case, decision.id, now, sign=1)
    connection.execute(delete(decisions).where(decisions.c.id == decision.id))
    before = decision.before or {}
    if before.get("blind"):
        # Two who disagreed were both excluded; others' parts in the case stand.
        judges.readmit(connection, case.id, before["not_by"])
    held = {"state": State.CLAIMED, "returns_to": decision.stage, "claimed_by": decision.analyst, "lease_until": until}
    return _move(connection, secret, case, EventKind.UNDONE, decision.analyst, now, {}, held | before)


def escalate(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    analyst: str,
    note: str,
    now: datetime,
    placed: dict[str, Any],
) -> StoredRow:
    """Pass the case on to a senior other than ``analyst``; ``placed`` is its new place in the queue."""
    if case.returns_to == State.APPEALED:
        raise Conflict("an appeal is decided or released, not passed on; release it for another analyst")
    body = {"vital": bool(placed["vital"])} | _noted(secret, note)
    settled = {"not_by": analyst, "senior_only": 1, "audit_key": None, "blind": 0}
    changes = {"state": State.SECOND_REVIEW, **_UNCLAIMED, **settled}
    if case.blind:
        # The first reader has judged it already; nobody is left to be kept blind.
        judges.exclude(connection, case.id, [case.not_by], now)
    return _move(connection, secret, case, EventKind.ESCALATED, analyst, now, body, placed | changes)


def appeal(connection: Connection, secret: bytes, case: StoredRow, actor: str, note: str, now: datetime) -> StoredRow:
    """Open the case again for somebody who has not decided it, nor the equal text whose decision it got."""
    judges.exclude(connection, case.id, judges.of_case(connection, case.id), now)
    changes = {"state": State.APPEALED, "audit_key": None}
    return _move(connection, secret, case, EventKind.APPEALED, actor, now, _noted(secret, note), changes)


def score(connection: Connection, secret: bytes, case: StoredRow, now: datetime, changes: dict[str, Any]) -> StoredRow:
    """Attach a verdict and the place it gives; only a case that waits unscored changes state."""
    body = {name: changes[name] for name in ("bundle", "lane", "vital", "harm", "rank")}
    return _move(connection, secret, case, EventKind.SCORED, "model", now, body, changes | _scored_state(case))


def _scored_state(case: StoredRow) -> dict[str, Any]:
    if case.state == State.RECEIVED:
        return {"state": State.SCORED}
    return {"returns_to": State.SCORED} if case.returns_to == State.RECEIVED else {}


def note_failure(
    connection: Connection, secret: bytes, case: StoredRow, now: datetime, bundle: str, error: dict[str, str]
) -> StoredRow:
    """Keep why the model could not score the case; it stays where it is and can be claimed."""
    changes = {"pending": 0, "scoring_until": None, "score_error": error}
    body = {"bundle": bundle, "code": error["code"]}
    return _move(connection, secret, case, EventKind.SCORE_FAILED, "model", now, body, changes)


def change_reach(
    connection: Connection, secret: bytes, case: StoredRow, actor: str, now: datetime, changes: dict[str, Any]
) -> StoredRow:
    """A new reach and the place it gives."""
    body = {"reach": changes["reach"], "rank": changes["rank"]}
    return _move(connection, secret, case, EventKind.REACH_CHANGED, actor, now, body, changes)


def erase(connection: Connection, secret: bytes, case: StoredRow, now: datetime, why: str) -> StoredRow:
    """Forget what was sent and noted; figures, keyed hashes and events stay."""
    connection.execute(update(decisions).where(decisions.c.case_id == case.id).values(note=""))
    traced = {
        "feedback": feedback.erase_of_case(connection, case.id),
        "exports": training_rows.exports_of(connection, case.id),
    }
    notes.erase(connection, case.id)
    known.forget(connection, case.id)
    gone = dict.fromkeys(("text", "url", "thread", "notice", "order_notice", "fingerprint"))
    changes = {**gone, "state": State.CLOSED, "pending": 0, "audit_key": None}
    return _move(connection, secret, case, EventKind.ERASED, "retention", now, {"why": why} | traced, changes)


def _move(
    connection: Connection,
    secret: bytes,
    case: StoredRow,
    kind: EventKind,
    actor: str,
    now: datetime,
    body: dict[str, Any],
    changes: dict[str, Any],
) -> StoredRow:
    """The one place where a case changes; the case as it is now."""
    if State(case.state) not in STARTS[kind]:
        raise Conflict(f"case {case.id} is {case.state}, so it cannot become {kind}; reload it", code="wrong_state")
    number = case.event_count + 1
    event = link(secret, case_id=case.id, number=number, at=now, kind=kind, actor=actor, body=body, prev_hash=case.head)
    connection.execute(_TOLD, event)
    state = State(changes.get("state", case.state))
    # A golden item and its copies are handed out on purpose only.
    values = {**changes, "state": state.value, "waiting": int(state in _WAITING and case.golden is None)}
    chain = {"event_count": number, "head": event["hash"]}
    unmoved = {"this_case": case.id, "count_before": case.event_count}
    moved = connection.execute(_MOVED, values | chain | unmoved).first()
    if moved is None:
        raise Conflict(f"case {case.id} was changed at the same time; reload it", code="wrong_state")
    return moved


def _noted(secret: bytes, note: str) -> dict[str, str]:
    """A note enters an event as a keyed hash only."""
    return {"note": keyed(secret, "note", note)} if note else {}
