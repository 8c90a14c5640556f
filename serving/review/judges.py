"""Who has decided a case, and so is not handed it again: neither for an appeal nor to settle their own dispute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from .database import is_postgresql
from .records import JUDGED
from .tables import decisions, skips

#: The case and those whose decisions it got because their texts are equal.
_LINE = select(bindparam("case", type_=String).label("id")).cte("line", recursive=True)
_LINE = _LINE.union(
    select(decisions.c.copied_from)
    .join(_LINE, decisions.c.case_id == _LINE.c.id)
    .where(decisions.c.copied_from.is_not(None))
)
_JUDGES = (
    select(decisions.c.analyst)
    .where(decisions.c.case_id.in_(select(_LINE.c.id)), decisions.c.copied_from.is_(None))
    .distinct()
)


def of_case(connection: Connection, case_id: str) -> frozenset[str]:
    """The people whose decisions stand in a case, those on the equal texts that it copies among them."""
    return frozenset(connection.scalars(_JUDGES, {"case": case_id}))


def exclude(connection: Connection, case_id: str, people: Iterable[str], now: datetime) -> None:
    """Hand the case to none of ``people``; whoever has skipped it is kept from it already."""
    rows = [{"case_id": case_id, "analyst": who, "reason": JUDGED, "at": now} for who in sorted(people)]
    make = postgresql.insert if is_postgresql(connection) else sqlite.insert
    if rows:
        connection.execute(make(skips).on_conflict_do_nothing(), rows)


def readmit(connection: Connection, case_id: str, person: str) -> None:
    """Take back that ``person`` was excluded for having judged; a skip of their own stays."""
    theirs = (skips.c.case_id == case_id, skips.c.analyst == person, skips.c.reason == JUDGED)
    connection.execute(delete(skips).where(*theirs))
