"""What one person has done, for that person's own eyes: decisions by day, and readings these spared others.

Writes nothing, compares nobody. Answers to golden items count like any other: a count that stood still would name them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, func, select

from .database import reading
from .queue import Queue
from .tables import decisions


@dataclass(frozen=True)
class Work:
    """One day of the policy's time zone: decisions taken, and how many of these found something illegal."""

    day: date
    decided: int
    illegal: int


@dataclass(frozen=True)
class Done:
    """The work of some days, oldest first, days without any included.

    Attributes:
        spared: equal texts that got one of this person's decisions in these days, and that nobody had to read.
    """

    days: tuple[Work, ...]
    spared: int


def done_by(queue: Queue, account_id: str, days: int, now: datetime) -> Done:
    """What ``account_id`` has decided in the last ``days``, today included."""
    zone = queue.rules.policy.zone
    today = now.astimezone(zone).date()
    listed = [today - timedelta(days=back) for back in reversed(range(days))]
    since = datetime.combine(listed[0], time(), zone)
    query = select(decisions.c.at, decisions.c.illegal).where(
        decisions.c.at >= since, decisions.c.analyst == account_id
    )
    with reading(queue.engine) as connection:
        taken = [(row.at.astimezone(zone).date(), row.illegal) for row in connection.execute(query)]
        spared = _spared(connection, account_id, since)
    decided = Counter(day for day, _ in taken)
    illegal = Counter(day for day, found in taken if found)
    return Done(tuple(Work(day, decided[day], illegal[day]) for day in listed), spared)


def _spared(connection: Connection, account_id: str, since: datetime) -> int:
    original = decisions.alias()
    query = (
        select(func.count(decisions.c.id.distinct()))
        .join(original, original.c.case_id == decisions.c.copied_from)
        .where(decisions.c.at >= since, original.c.analyst == account_id)
    )
    return connection.scalar(query) or 0
