"""What reports read of the queue: decisions in force, appeals and receipts of a period. Writes nothing.

A text leaves by none of these. Golden items never appear. A decision that can still be taken back is not in force yet,
nor is one that waits for its second reading or its appeal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile, zip_longest
from typing import Any

from sqlalchemy import Connection, func, select

from .database import reading
from .queue import Queue
from .records import EventKind, KeyKind, State
from .tables import StoredRow, cases, decisions, events

_PAGE = 500
_IN_FORCE = (State.DECIDED.value, State.CLOSED.value)


@dataclass(frozen=True)
class Handled:
    """A case whose decision is in force.

    Attributes:
        decision_id: unique in this database; a decision on appeal has one of its own.
        url, order, notice: as sent; None where nothing was sent or once erased. ``notice`` keeps no name here.
        reported: a reporter or a notice stood behind the case.
        copied: the decision of an equal text, given without reading this one.
        on_appeal, overturned: decided after an appeal; otherwise than before.
        first_decided_at: of its first decision: what delays are measured to.
        taken: moment and action of each decision that took effect, oldest first; the last is in force. One that waited
            for a second reading took none.
    """

    case_id: str
    decision_id: int
    key_kind: KeyKind
    created_at: datetime
    received_at: datetime | None
    decided_at: datetime
    first_decided_at: datetime
    due_at: datetime | None
    url: str | None
    language: str | None
    category: str | None
    order: dict[str, Any] | None
    explanation: str | None
    reported: bool
    illegal: bool
    ground: str | None
    action: str
    copied: bool
    on_appeal: bool
    overturned: bool
    taken: tuple[tuple[datetime, str], ...]

    def in_effect_since(self, effect: Callable[[str], object]) -> datetime:
        """When what is in force began: the first decision of the last run whose actions have the same ``effect``.

        A removal confirmed on appeal was taken by the decision that the appeal contested.
        """
        last = effect(self.action)
        return list(takewhile(lambda one: effect(one[1]) == last, reversed(self.taken)))[-1][0]


@dataclass(frozen=True)
class Period:
    """Counts of what happened from a moment to another.

    Attributes:
        received: cases by class of key; ``categories``: by the category that came with them ("" for none).
        appeals: decisions contested.
        waiting: cases that wait or are being read, at the time of the report.
        vital: received cases in which a life may be in danger.
    """

    received: dict[str, int]
    categories: dict[str, int]
    appeals: int
    waiting: int
    vital: int


def handled(queue: Queue, since: datetime, until: datetime, now: datetime | None = None) -> Iterator[Handled]:
    """Cases whose decision in force was taken from ``since`` on and before ``until``, oldest decision first."""
    settled = (now or datetime.now(UTC)) - timedelta(seconds=queue.rules.policy.claims.undo_seconds)
    after = 0
    while True:
        with reading(queue.engine) as connection:
            page = _latest(connection, since, min(until, settled), after)
            yield from [_handled(row, _history(connection, row.case_id)) for row in page]
        if len(page) < _PAGE:
            return
        after = page[-1].decision_id


def period(queue: Queue, since: datetime, until: datetime) -> Period:
    """The counts of a period."""
    came = (cases.c.created_at >= since, cases.c.created_at < until, cases.c.golden.is_(None))
    with reading(queue.engine) as connection:
        contested = (
            select(func.count())
            .select_from(events)
            .join(cases, cases.c.id == events.c.case_id)
            .where(events.c.kind == EventKind.APPEALED.value, events.c.at >= since, events.c.at < until)
            .where(cases.c.golden.is_(None))
        )
        open_ = select(func.count()).select_from(cases).where(cases.c.state.not_in(_IN_FORCE), cases.c.golden.is_(None))
        danger = select(func.count()).select_from(cases).where(*came, cases.c.vital == 1)
        return Period(
            received=_counted(connection, cases.c.key_kind, came),
            categories=_counted(connection, cases.c.category, came),
            appeals=connection.scalar(contested) or 0,
            waiting=connection.scalar(open_) or 0,
            vital=connection.scalar(danger) or 0,
        )


def _counted(connection: Connection, column: Any, where: tuple[Any, ...]) -> dict[str, int]:
    rows = connection.execute(select(column, func.count()).select_from(cases).where(*where).group_by(column))
    found: Counter[str] = Counter()
    for value, count in rows:
        found[value or ""] += count
    return dict(found)


def _latest(connection: Connection, since: datetime, until: datetime, after: int) -> list[StoredRow]:
    """A page of last decisions, by decision id."""
    last = select(func.max(decisions.c.id).label("id")).group_by(decisions.c.case_id).subquery()
    columns: tuple[Any, ...] = (
        *(cases.c[name] for name in ("key_kind", "created_at", "received_at", "due_at", "url", "language", "category")),
        *(cases.c[name] for name in ("order_notice", "notice", "reporter")),
        decisions,
        decisions.c.id.label("decision_id"),
    )
    query = (
        select(*columns)
        .join(last, last.c.id == decisions.c.id)
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(decisions.c.id > after, decisions.c.at >= since, decisions.c.at < until)
        .where(cases.c.state.in_(_IN_FORCE), cases.c.golden.is_(None))
        .order_by(decisions.c.id)
        .limit(_PAGE)
    )
    return list(connection.execute(query))


def _history(connection: Connection, case_id: str) -> list[StoredRow]:
    columns = (decisions.c.at, decisions.c.illegal, decisions.c.action, decisions.c.stage)
    query = select(*columns).where(decisions.c.case_id == case_id).order_by(decisions.c.id)
    return list(connection.execute(query))


def _taken(history: list[StoredRow]) -> Iterator[tuple[datetime, str]]:
    for decision, later in zip_longest(history, history[1:]):
        if later is None or later.stage != State.SECOND_REVIEW.value:
            yield decision.at, decision.action


def _handled(row: StoredRow, history: list[StoredRow]) -> Handled:
    on_appeal = row.stage == State.APPEALED.value
    return Handled(
        case_id=row.case_id,
        decision_id=row.decision_id,
        key_kind=KeyKind(row.key_kind),
        created_at=row.created_at,
        received_at=row.received_at,
        decided_at=row.at,
        first_decided_at=history[0].at,
        due_at=row.due_at,
        url=row.url,
        language=row.language,
        category=row.category,
        order=row.order_notice,
        explanation=(row.notice or {}).get("explanation"),
        reported=row.notice is not None or row.reporter is not None,
        illegal=bool(row.illegal),
        ground=row.ground,
        action=row.action,
        copied=row.copied_from is not None,
        on_appeal=on_appeal,
        overturned=on_appeal and len(history) > 1 and history[-2].illegal != row.illegal,
        taken=tuple(_taken(history)),
    )
