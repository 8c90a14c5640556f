"""Which cases serve as golden items: a supervisor makes one of a decided case, and retires it. ``golden`` hands out.

An item keeps its text for as long as it serves, whatever becomes of the case it was made of.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from serving.bundle.errors import Conflict, Forbidden, NotFound

from . import golden, judges, transitions, views
from .bodies import DecisionForm, NewCase, Notice, ThreadPost
from .places import Rules
from .records import Account, Case, Received, Role, State
from .tables import StoredRow, cases, golden_items


def keep(connection: Connection, rules: Rules, case_id: str, by: Account, now: datetime) -> Received:
    """Make an item of a decided case; see ``Queue.keep_golden``."""
    case = views.find_case(connection, case_id)
    if case.text is None or case.state not in (State.DECIDED, State.CLOSED) or not case.decisions:
        detail = f"case {case.id} is {case.state}, or its text is erased; an item is made of a decided case"
        raise Conflict(detail, code="wrong_state")
    if _made_of(connection, case_id) is not None:
        raise Conflict(f"case {case_id} serves as a golden item already, or did", code="already_golden")
    last = case.decisions[-1]
    expected = DecisionForm(illegal=last.illegal, ground=last.ground, action=last.action)
    receipt = golden.add(connection, rules, _copy_of(case), expected, by, now)
    judges.exclude(connection, receipt.id, judges.of_case(connection, case_id), now)
    return receipt


def retire(connection: Connection, rules: Rules, case_id: str, by: Account, now: datetime) -> None:
    """Erase the item made of a case; see ``Queue.retire_golden``."""
    if by.role != Role.SUPERVISOR:
        raise Forbidden(f"the role {by.role} does not retire golden items; ask a supervisor")
    item = _made_of(connection, case_id)
    if item is None or item.retired_at is not None:
        raise NotFound(f"no golden item was made of case {case_id[:64]!r}, or it is retired")
    serving = golden_items.c.case_id == item.case_id
    connection.execute(update(golden_items).where(serving).values(retired_at=now))
    transitions.erase(connection, rules.secret, transitions.lock(connection, item.case_id), now, "retired")


def serves(connection: Connection, case_id: str) -> bool:
    """Whether the item made of a case is handed out."""
    item = _made_of(connection, case_id)
    return item is not None and item.retired_at is None


def _made_of(connection: Connection, case_id: str) -> StoredRow | None:
    query = select(golden_items.c.case_id, golden_items.c.retired_at)
    query = query.join(cases, cases.c.id == golden_items.c.case_id)
    return connection.execute(query.where(cases.c.external_id == _name(case_id))).first()


def _name(case_id: str) -> str:
    return f"golden/{case_id}"


def _copy_of(case: Case) -> NewCase:
    """What an answer needs to see. Nobody's hash goes along, nor an order, whose clock has run."""
    said = (case.notice or {}).get("explanation")
    return NewCase(
        external_id=_name(case.id),
        text=case.text or "",
        url=case.url,
        language=case.row.language,
        reach=case.row.reach,
        category=case.row.category,
        thread=tuple(ThreadPost(text=post.text) for post in case.thread),
        notice=Notice(explanation=said) if said else None,
    )
