"""Which case is next, and for whom: the claim order as steps that one index each can answer.

Vital; then a legal deadline within the margin; then, with probability ``audit_share``, the audit draw; then
authorities, trusted flaggers and ordinary cases by rank, ordinary ones first with probability ``ordinary_share``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, literal_column, or_, select

from serving.bundle.errors import Conflict
from serving.priority import Lane

from . import exposure, golden, transitions
from .audit import AUDIT, draw_audit
from .places import Rules
from .records import JUDGED, SENIORS, Account
from .tables import StoredRow, cases, skips

#: A literal, not a parameter: only so do both databases see that the partial indexes apply.
ONE: ColumnElement[int] = literal_column("1")
WAITING = cases.c.waiting == ONE
_LAPSED_AT_ONCE = 50


@dataclass(frozen=True)
class Step:
    """One step of the claim order.

    Attributes:
        name: kept with the claim: vital, due, or a lane.
    """

    name: str
    where: ColumnElement[bool]
    order_by: ColumnElement[Any]


def steps(rules: Rules, now: datetime) -> tuple[Step, ...]:
    """The steps without chance in them, which is also the order of the list on screen."""
    by_rank = cases.c["rank"].desc()
    horizon = now + rules.policy.claims.due_margin
    distant = or_(cases.c.due_at.is_(None), cases.c.due_at > horizon)
    vital, other = cases.c.vital == ONE, cases.c.vital == literal_column("0")
    return (
        Step("vital", vital, by_rank),
        Step("due", and_(other, cases.c.due_at <= horizon), cases.c.due_at),
        *(Step(str(lane), and_(other, distant, cases.c.lane == str(lane)), by_rank) for lane in Lane),
    )


def claim(connection: Connection, rules: Rules, analyst: Account, now: datetime) -> str | None:
    """Hand the next case to ``analyst``; its id, or None when nothing waits for this analyst."""
    _return_lapsed(connection, rules, now)
    for name, case, probability in _candidates(connection, rules, analyst, now):
        until = now + rules.policy.claims.lease
        exposure.note_claim(connection, rules, analyst.id, bool(case.grave), now)
        transitions.claim(
            connection, rules.secret, case, analyst.id, now, until=until, through=name, probability=probability
        )
        return str(case.id)
    return None


def claim_named(connection: Connection, rules: Rules, analyst: Account, case_id: str, now: datetime) -> None:
    """Hand a named case to ``analyst``, who may have come to it by a search.

    Raises:
        Conflict: it does not wait, or not for this analyst.
    """
    case = transitions.lock(connection, case_id)
    if (
        not case.waiting
        or connection.execute(select(cases.c.id).where(cases.c.id == case_id, open_to(analyst))).first() is None
    ):
        why = f"it is {case.state}, or you have had a part in it"
        raise Conflict(f"case {case_id} does not wait for you: {why}; claim the next one", code="not_open_to_you")
    urgent = case.vital or (case.due_at is not None and case.due_at <= now + rules.policy.claims.due_margin)
    if case.grave and not urgent and exposure.wishes_of(connection, rules, analyst.id, now).mild_only:
        detail = f"case {case_id} is grave, and you have read enough of those today; leave it to others"
        raise Conflict(detail, code="enough_today")
    until = now + rules.policy.claims.lease
    exposure.note_claim(connection, rules, analyst.id, bool(case.grave), now)
    transitions.claim(connection, rules.secret, case, analyst.id, now, until=until, through="named", probability=None)


def check_part(connection: Connection, case: StoredRow, person: Account) -> None:
    """Whether ``person`` may be given a case by a supervisor; what they skipped, they may.

    Raises:
        Conflict: they decided it or have judged it, or it waits for a senior.
    """
    judged = select(skips.c.case_id).where(
        skips.c.case_id == case.id, skips.c.analyst == person.id, skips.c.reason == JUDGED
    )
    if case.not_by == person.id or connection.execute(judged).first() is not None:
        raise Conflict(f"{person.id} has already judged case {case.id}; choose somebody else", code="not_open_to_them")
    if case.senior_only and person.role not in SENIORS:
        raise Conflict(f"case {case.id} waits for a senior; choose one", code="not_open_to_them")


def _candidates(
    connection: Connection, rules: Rules, analyst: Account, now: datetime
) -> Iterator[tuple[str, StoredRow, float | None]]:
    """The best free case of each step, best step first; asked for one at a time."""
    vital, due, *lanes = steps(rules, now)
    share = rules.policy.claims
    wishes = exposure.wishes_of(connection, rules, analyst.id, now)
    for step in (vital, due):
        yield from _first_free(connection, _within(step, wishes), analyst)
    if (item := golden.draw(connection, rules, analyst.id, wishes, now)) is not None:
        yield str(item.lane), item, None
    if rules.draw() < share.audit_share:
        yield from (
            (AUDIT, case, share.audit_share * p) for case, p in draw_audit(connection, rules.draw, open_to(analyst))
        )
    if rules.draw() < share.ordinary_share:
        lanes.sort(key=lambda step: step.name != Lane.ORDINARY)
    if wishes.mild_first or wishes.mild_only:
        for step in lanes:
            yield from _best_free(connection, step, analyst, wishes.topics or exposure.TOPICS, (0,))
    if wishes.mild_only:
        return
    for step in lanes:
        if wishes.topics is None:
            yield from _first_free(connection, step, analyst)
        else:
            yield from _best_free(connection, step, analyst, wishes.topics, (0, 1))


def _within(step: Step, wishes: exposure.Wishes) -> Step:
    """The step without the topics this person opted out of; it has few cases, so the rest are passed over."""
    return step if wishes.topics is None else replace(step, where=and_(step.where, cases.c.topic.in_(wishes.topics)))


def _best_free(
    connection: Connection, step: Step, analyst: Account, topics: Sequence[str], graves: Sequence[int]
) -> Iterator[tuple[str, StoredRow, float | None]]:
    """The best free case of a lane among these topics: one probe of an index for each, whatever waits above it."""
    probes = [
        replace(step, where=and_(step.where, cases.c.topic == topic, cases.c.grave == literal_column(str(grave))))
        for topic in topics
        for grave in graves
    ]
    found = [case for probe in probes for case in connection.execute(next_free(probe, analyst))]
    if found:
        yield step.name, max(found, key=lambda case: case.rank), None


def _first_free(connection: Connection, step: Step, analyst: Account) -> Iterator[tuple[str, StoredRow, float | None]]:
    yield from ((step.name, case, None) for case in connection.execute(next_free(step, analyst)))


def next_free(step: Step, analyst: Account) -> Select[Any]:
    """The best case of a step that nobody holds; locked, passing over those that others are claiming right now."""
    return (
        select(cases)
        .where(WAITING, step.where, open_to(analyst))
        .order_by(step.order_by)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def open_to(analyst: Account) -> ColumnElement[bool]:
    """Not excluded by an earlier part in the case, not skipped, and senior enough."""
    skipped = select(skips.c.case_id).where(skips.c.case_id == cases.c.id, skips.c.analyst == analyst.id).exists()
    unconcerned = and_(or_(cases.c.not_by.is_(None), cases.c.not_by != analyst.id), ~skipped)
    return unconcerned if analyst.role in SENIORS else and_(unconcerned, cases.c.senior_only == literal_column("0"))


def _return_lapsed(connection: Connection, rules: Rules, now: datetime) -> None:
    """Cases whose lease has ended wait again. A few at a time, so that no claim pays for many."""
    query = (
        select(cases)
        .where(cases.c.lease_until < now)
        .order_by(cases.c.lease_until)
        .limit(_LAPSED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for case in connection.execute(query).all():
        transitions.expire(connection, rules.secret, case, now)


def in_claim_order(
    connection: Connection, rules: Rules, columns: list[Any], limit: int, offset: int, now: datetime
) -> list[StoredRow]:
    """Waiting cases as they would be claimed, chance left aside."""
    found: list[StoredRow] = []
    for step in steps(rules, now):
        missing = offset + limit - len(found)
        if missing <= 0:
            break
        query = select(*columns).where(WAITING, step.where).order_by(step.order_by).limit(missing)
        found += connection.execute(query).all()
    return found[offset : offset + limit]
