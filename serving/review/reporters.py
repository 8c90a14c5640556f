"""What became of a reporter's earlier reports, and whether a report belongs to a campaign. Known by keyed hash only.

A campaign is many reports by one reporter, or against one author, in a short time, of which hardly any is confirmed.
Against an author, not a target: the victim of a raid is aimed at by many texts that many people rightly report.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Integer, cast, func, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.priority import Standing

from .database import is_postgresql
from .places import Rules
from .tables import StoredRow, cases, decisions, reporters


def learn(connection: Connection, case: StoredRow, illegal: bool, now: datetime, *, sign: int = 1) -> None:
    """Count a decided report for its reporter; ``sign`` -1 takes it back. Golden items teach nothing."""
    if case.reporter is None or case.golden is not None:
        return
    counted = {"confirmed": float(sign * illegal), "refuted": float(sign * (not illegal))}
    make = (postgresql.insert if is_postgresql(connection) else sqlite.insert)(reporters)
    more = {name: reporters.c[name] + value for name, value in counted.items()} | {"at": now}
    connection.execute(
        make.values(reporter=case.reporter, at=now, **counted).on_conflict_do_update(
            index_elements=["reporter"], set_=more
        )
    )


def standings(
    connection: Connection, rules: Rules, people: Iterable[tuple[str | None, str | None]], now: datetime
) -> dict[tuple[str | None, str | None], Standing]:
    """The standing of each pair of a reporter and an author, by a few queries whatever their number."""
    pairs = set(people)
    known = {reporter for reporter, _ in pairs if reporter}
    query = select(reporters).where(reporters.c.reporter.in_(known))
    past = {row.reporter: row for row in connection.execute(query)} if known else {}
    by_reporter = _campaigns(connection, rules, cases.c.reporter, known, now)
    by_author = _campaigns(connection, rules, cases.c.author, {author for _, author in pairs if author}, now)

    def standing(reporter: str | None, author: str | None) -> Standing:
        row = past.get(reporter)
        campaign = by_reporter.get(reporter) or by_author.get(author)
        return Standing(row.confirmed, row.refuted, campaign) if row else Standing(campaign=campaign)

    return {pair: standing(*pair) for pair in pairs}


def of_stored(connection: Connection, rules: Rules, rows: Iterable[StoredRow], now: datetime) -> dict[str, Standing]:
    """The standing of the report of each stored case, by its id."""
    stored = list(rows)
    found = standings(connection, rules, ((row.reporter, row.author) for row in stored), now)
    return {row.id: found[row.reporter, row.author] for row in stored}


def damped(connection: Connection, rules: Rules, now: datetime) -> dict[str, list[int]]:
    """How many reports each campaign of the moment has, by ``reporter`` and by ``author``; nobody is named."""
    return {
        "reporter": list(_campaigns(connection, rules, cases.c.reporter, None, now).values()),
        "author": list(_campaigns(connection, rules, cases.c.author, None, now).values()),
    }


def _campaigns(
    connection: Connection, rules: Rules, column: Column[str], people: set[str] | None, now: datetime
) -> dict[str | None, int]:
    """Of these (None: of all), those with many reports in the window and hardly any confirmed; how many reports."""
    if people is not None and not people:
        return {}
    limits = rules.policy.reliability
    among = column.is_not(None) if people is None else column.in_(people)
    recent = (among, cases.c.created_at >= now - timedelta(hours=limits.mass_hours))
    many = select(column, func.count()).where(*recent).group_by(column).having(func.count() >= limits.mass_reports)
    counts = {row[0]: row[1] for row in connection.execute(many)}
    if not counts:
        return {}
    judged = (
        select(column, func.count(), func.sum(cast(decisions.c.illegal, Integer)))
        .join(decisions, decisions.c.case_id == cases.c.id)
        .where(column.in_(counts), cases.c.created_at >= now - timedelta(hours=limits.mass_hours))
        .group_by(column)
    )
    return {
        who: counts[who]
        for who, decided, confirmed in connection.execute(judged)
        if decided >= limits.mass_decided and confirmed < limits.mass_confirmed * decided
    }
