"""What a supervisor sees of the queue and of the team: load, clocks, holders, limits reached. Writes nothing.

No text leaves by it. What waits is told from the cases alone, so that nobody's opt-out shows; what tires people is told
in numbers, without a name. Golden items never appear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, distinct, func, select

from serving.bundle.taxonomy import FAMILIES
from serving.priority import Lane

from . import exposure, reporters
from .database import reading
from .places import Rules
from .queue import Queue
from .records import JUDGED, CaseRow
from .steps import WAITING
from .tables import StoredRow, cases, decisions, skips
from .views import REAL, ROW_COLUMNS, row_of

#: A case that has waited for so long is told apart.
LONG = timedelta(hours=24)
#: Days over which missed deadlines are counted.
WEEK = timedelta(days=7)
#: Families, and none.
_TOPICS = (*FAMILIES, "")
#: Lines of a list; a team holds fewer cases, and more deadlines at once need more than a list.
_LISTED = 100


@dataclass(frozen=True)
class Load:
    """Cases that wait: in a lane, or about a family ("" for none).

    Attributes:
        long: waiting for more than ``LONG``. for_senior: that only a senior may take.
        oldest_at: receipt of the oldest; None when none waits.
    """

    name: str
    waiting: int = 0
    long: int = 0
    for_senior: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True)
class Overview:
    """The queue and the team at one moment.

    Attributes:
        lanes, families: what waits; a case that is about two families counts in both.
        passed_over: waiting cases that somebody has skipped.
        due: open cases whose legal deadline is near or past, the nearest first.
        missed: cases first decided after their deadline, in the last ``WEEK``.
        held: claimed cases, the lease that ends first on top; ``CaseRow.claimed_by`` says by whom.
        at_work, full, break_due: people who have read today; of them, who reached the limit of grave texts, and to
            whom a break is suggested.
        campaigns: sizes of the campaigns of reports that are damped now, by ``reporter`` and ``author``.
    """

    lanes: tuple[Load, ...]
    families: tuple[Load, ...]
    passed_over: int
    due: tuple[CaseRow, ...]
    missed: int
    held: tuple[CaseRow, ...]
    at_work: int
    full: int
    break_due: int
    campaigns: dict[str, list[int]]


def overview(queue: Queue, now: datetime) -> Overview:
    """The queue and the team at ``now``, in one transaction."""
    with reading(queue.engine) as connection:
        groups = _groups(connection, now)
        held = _held(connection)
        paces = exposure.paces(connection, queue.rules, now)
        return Overview(
            lanes=tuple(_load(str(lane), [row for row in groups if row.lane == lane]) for lane in Lane),
            families=tuple(_load(name, [row for row in groups if name in row.topic.split("+")]) for name in _TOPICS),
            passed_over=_passed_over(connection),
            due=_due(connection, queue.rules, held, now),
            missed=_missed(connection, now),
            held=held,
            at_work=len(paces),
            full=sum(pace.full for pace in paces),
            break_due=sum(pace.break_suggested for pace in paces),
            campaigns=reporters.damped(connection, queue.rules, now),
        )


def _groups(connection: Connection, now: datetime) -> list[StoredRow]:
    """Counts of what waits, by lane and topic."""
    query = (
        select(
            cases.c.lane,
            cases.c.topic,
            func.count().label("waiting"),
            func.sum(case((cases.c.created_at < now - LONG, 1), else_=0)).label("long"),
            func.sum(cases.c.senior_only).label("for_senior"),
            func.min(cases.c.created_at).label("oldest_at"),
        )
        .where(WAITING)
        .group_by(cases.c.lane, cases.c.topic)
    )
    return list(connection.execute(query))


def _load(name: str, groups: Sequence[StoredRow]) -> Load:
    return Load(
        name,
        waiting=sum(row.waiting for row in groups),
        long=sum(row.long for row in groups),
        for_senior=sum(row.for_senior for row in groups),
        oldest_at=min((row.oldest_at for row in groups), default=None),
    )


def _passed_over(connection: Connection) -> int:
    query = select(func.count(distinct(skips.c.case_id))).join(cases, cases.c.id == skips.c.case_id)
    return connection.scalar(query.where(WAITING, skips.c.reason != JUDGED)) or 0


def _held(connection: Connection) -> tuple[CaseRow, ...]:
    query = select(*ROW_COLUMNS).where(cases.c.lease_until.is_not(None), REAL)
    return _rows(connection, query.order_by(cases.c.lease_until).limit(_LISTED))


def _due(connection: Connection, rules: Rules, held: Iterable[CaseRow], now: datetime) -> tuple[CaseRow, ...]:
    horizon = now + rules.policy.claims.due_margin
    query = select(*ROW_COLUMNS).where(WAITING, cases.c.due_at <= horizon)
    waiting = _rows(connection, query.order_by(cases.c.due_at).limit(_LISTED))
    read_now = [row for row in held if row.due_at and row.due_at <= horizon]
    return tuple(sorted([*waiting, *read_now], key=lambda row: (row.due_at, row.id)))


def _rows(connection: Connection, query: Any) -> tuple[CaseRow, ...]:
    return tuple(row_of(row) for row in connection.execute(query))


def _missed(connection: Connection, now: datetime) -> int:
    """Only a first decision counts: an appeal is read when its deadline is long past."""
    earlier = decisions.alias()
    first = (
        ~select(earlier.c.id).where(earlier.c.case_id == decisions.c.case_id, earlier.c.id < decisions.c.id).exists()
    )
    query = select(func.count()).select_from(decisions).join(cases, cases.c.id == decisions.c.case_id)
    late = (decisions.c.at >= now - WEEK, cases.c.due_at < decisions.c.at, first, REAL)
    return connection.scalar(query.where(*late)) or 0
