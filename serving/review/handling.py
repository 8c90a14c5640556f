"""What people do with a case: who may, on which case, and by which transition. Each runs in its caller's transaction.

Knows nothing of HTTP; how a case then changes is in ``transitions``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from serving.bundle.errors import Conflict, Forbidden, InputError

from . import claims, notes, readers, reporters, second, transitions, views
from .bodies import DecisionForm, check_decision, parse_note
from .places import Rules, facts_of_stored, place_again
from .records import COMPLAINT, READERS, Account, Case, CaseRow, EventKind, Note, Role, SkipReason, Source, State
from .tables import StoredRow, cases


def claim(connection: Connection, rules: Rules, analyst: Account, now: datetime) -> Case | None:
    """Hand out the next case; see ``Queue.claim``."""
    _may_read(analyst)
    case = claims.claim(connection, rules, analyst, now)
    return views.case_of(connection, case) if case is not None else None


def claim_named(connection: Connection, rules: Rules, case_id: str, analyst: Account, now: datetime) -> Case:
    """Hand out a named case; see ``Queue.claim_case``."""
    _may_read(analyst)
    return views.case_of(connection, claims.claim_named(connection, rules, analyst, case_id, now))


def reassign(
    connection: Connection, rules: Rules, case_id: str, supervisor: Account, to_account_id: str, now: datetime
) -> CaseRow:
    """Hand an open case to somebody; see ``Queue.reassign``."""
    if supervisor.role != Role.SUPERVISOR:
        raise Forbidden(f"the role {supervisor.role} does not reassign cases; ask a supervisor")
    case = transitions.lock(connection, case_id)
    person = readers.reader(connection, to_account_id)
    claims.check_part(connection, case, person)
    until = now + rules.policy.claims.lease
    return views.row_of(transitions.reassign(connection, rules.secret, case, supervisor.id, person.id, now, until))


def heartbeat(connection: Connection, rules: Rules, case_id: str, analyst: Account, now: datetime) -> datetime:
    """Renew the lease; returns its new end."""
    _held(connection, case_id, analyst)
    until = now + rules.policy.claims.lease
    connection.execute(update(cases).where(cases.c.id == case_id).values(lease_until=until))
    return until


def release(connection: Connection, rules: Rules, case_id: str, analyst: Account, note: str, now: datetime) -> CaseRow:
    """Give a claimed case back."""
    case = _held(connection, case_id, analyst)
    said = _kept(connection, case_id, analyst.id, note, now)
    return views.row_of(transitions.release(connection, rules.secret, case, analyst.id, said, now))


def skip(
    connection: Connection, rules: Rules, case_id: str, analyst: Account, reason: SkipReason | str, now: datetime
) -> CaseRow:
    """Give a claimed case back for others."""
    why = _skip_reason(reason)
    case = _held(connection, case_id, analyst)
    return views.row_of(transitions.skip(connection, rules.secret, case, analyst.id, why, now))


def add_note(connection: Connection, rules: Rules, case_id: str, analyst: Account, text: str, now: datetime) -> Note:
    """Write something for colleagues; see ``Queue.add_note``."""
    _may_read(analyst)
    written = parse_note(text)
    case = transitions.lock(connection, case_id)
    if case.text is None:
        raise Conflict(f"the text of case {case_id} is erased; notes are no longer kept", code="wrong_state")
    transitions.note(connection, rules.secret, case, analyst.id, written, now)
    return notes.add(connection, case_id, analyst.id, written, now)


def decide(
    connection: Connection, rules: Rules, case_id: str, analyst: Account, form: DecisionForm, now: datetime
) -> CaseRow:
    """Record a finding and an action; see ``Queue.decide``."""
    check_decision(form, rules.policy, rules.taxonomy)
    case = _held(connection, case_id, analyst)
    outcome = second.outcome_of(connection, rules, case, form, analyst.id, now)
    return views.row_of(transitions.decide(connection, rules.secret, case, analyst.id, form, now, outcome))


def undo(connection: Connection, rules: Rules, case_id: str, analyst: Account, now: datetime) -> CaseRow:
    """Take one's own decision back; see ``Queue.undo``."""
    _may_read(analyst)
    case = transitions.lock(connection, case_id)
    decision = second.last_decision(connection, case_id)
    _check_undo(rules, case, decision, analyst, now)
    until = now + rules.policy.claims.lease
    return views.row_of(transitions.undo(connection, rules.secret, case, decision, now, until))


def _check_undo(rules: Rules, case: StoredRow, decision: StoredRow, analyst: Account, now: datetime) -> None:
    limit = rules.policy.claims.undo_seconds
    if decision is None or decision.analyst != analyst.id or case.state == State.CLAIMED:
        why = "its last decision is not yours, or somebody else reads it"
    elif now - decision.at > rules.policy.claims.undo:
        why = f"it was decided more than {limit} seconds ago"
    elif case.text is None or case.state not in transitions.STARTS[EventKind.UNDONE]:
        why = f"it is {case.state} since"
    else:
        return
    raise Conflict(f"the decision on case {case.id} cannot be undone: {why}; appeal it", code="cannot_undo")


def escalate(
    connection: Connection, rules: Rules, case_id: str, analyst: Account, note: str, vital: bool, now: datetime
) -> CaseRow:
    """Pass a claimed case on to a senior."""
    case = _held(connection, case_id, analyst)
    placed = _placed(connection, rules, case, now, escalated_vital=vital)
    said = _kept(connection, case_id, analyst.id, note, now)
    return views.row_of(transitions.escalate(connection, rules.secret, case, analyst.id, said, now, placed))


def appeal(
    connection: Connection, rules: Rules, case_id: str, by: Account | Source, note: str, now: datetime
) -> CaseRow:
    """Contest a decision."""
    case = transitions.lock(connection, case_id)
    author = by.id if isinstance(by, Account) else COMPLAINT
    said = _kept(connection, case_id, author, note, now)
    return views.row_of(transitions.appeal(connection, rules.secret, case, _actor(by), said, now))


def change_reach(
    connection: Connection, rules: Rules, case_id: str, reach: int, by: Account | Source, now: datetime
) -> CaseRow:
    """Write the rank again for a text that more people have seen."""
    if reach < 0:
        raise InputError(f"reach {reach} must be at least 0", pointer="/reach")
    case = transitions.lock(connection, case_id)
    changes = _placed(connection, rules, case, now, reach=reach) | {"reach": reach}
    return views.row_of(transitions.change_reach(connection, rules.secret, case, _actor(by), now, changes))


def _kept(connection: Connection, case_id: str, author: str, note: str, now: datetime) -> str:
    """Words that come with a move, kept as a note for the next reader; blank ones are none."""
    return notes.add(connection, case_id, author, parse_note(note), now).text if note.strip() else ""


def _held(connection: Connection, case_id: str, analyst: Account) -> StoredRow:
    """The case, locked, when ``analyst`` holds it. An ended lease still counts until somebody else claims."""
    _may_read(analyst)
    case = transitions.lock(connection, case_id)
    if case.state == State.CLAIMED and case.claimed_by == analyst.id:
        return case
    whose = "claimed by somebody else" if case.state == State.CLAIMED else case.state
    raise Conflict(f"case {case_id} is {whose}, not claimed by you; claim the next one", code="not_claimed_by_you")


def _may_read(analyst: Account) -> None:
    if analyst.role not in READERS:
        raise Forbidden(f"the role {analyst.role} reads no cases; sign in as {', '.join(sorted(READERS))}")


def _placed(connection: Connection, rules: Rules, case: StoredRow, now: datetime, **facts: Any) -> dict[str, Any]:
    standing = reporters.of_stored(connection, rules, [case], now)[case.id]
    return place_again(rules, case, facts_of_stored(case, standing=standing, **facts))


def _skip_reason(reason: SkipReason | str) -> SkipReason:
    known = [str(member) for member in SkipReason]
    if str(reason) not in known:
        detail = f"reason {str(reason)[:64]!r} is unknown; expected one of {', '.join(known)}"
        raise InputError(detail, code="unknown_reason", pointer="/reason")
    return SkipReason(str(reason))


def _actor(by: Account | Source) -> str:
    return by.id if isinstance(by, Account) else by.key_id
