"""The claim order as SQL: steps that one index each can answer, and one statement that tries them in turn.

Statements are made once for each sort of analyst and take moments and names as parameters: making one costs more than
running it. Vital; then a legal deadline within the margin; then the lanes: authorities, trusted flaggers, ordinary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from serving.priority import Lane

from .places import Rules
from .records import SENIORS, Account
from .tables import StoredRow, cases, skips

#: Literals, not parameters: only so do both databases see that the partial indexes apply.
ONE: ColumnElement[int] = literal_column("1")
ZERO: ColumnElement[int] = literal_column("0")
WAITING = cases.c.waiting == ONE
BY_RANK = cases.c["rank"].desc()

#: What a claim looks at in a case before it takes it.
_SEEN = ("id", "state", "lane", "grave", "rank", "golden", "audit_probability", "event_count", "head")
_HORIZON: ColumnElement[Any] = bindparam("horizon")
_WHO: ColumnElement[str] = bindparam("analyst", type_=String)


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the claim order.

    Attributes:
        name: kept with the claim: vital, due, or a lane.
        probes: conditions, each answered in order by one index; the best case of the step is the best of theirs.
    """

    name: str
    probes: tuple[ColumnElement[bool], ...]
    order_by: ColumnElement[Any] = BY_RANK


_OTHER, _FAR = cases.c.vital == ZERO, or_(cases.c.due_at.is_(None), cases.c.due_at > _HORIZON)
VITAL = Step("vital", (cases.c.vital == ONE,))
DUE = Step("due", (and_(_OTHER, cases.c.due_at <= _HORIZON),), cases.c.due_at)
LANES = tuple(Step(str(lane), (and_(_OTHER, _FAR, cases.c.lane == str(lane)),)) for lane in Lane)


def horizon(rules: Rules, now: datetime) -> dict[str, datetime]:
    """The parameter of the steps: until when a deadline is near."""
    return {"horizon": now + rules.policy.claims.due_margin}


def first_free(
    connection: Connection, steps: Sequence[Step], analyst: Account, until: dict[str, datetime]
) -> tuple[str, StoredRow] | None:
    """The best free case of the first of these steps that has one, locked, and the name of its step."""
    statement = free_case(tuple(steps), analyst.role in SENIORS)
    found = connection.execute(statement, {"analyst": analyst.id, **until}).first()
    return (found.step, found) if found is not None else None


@cache
def free_case(steps: tuple[Step, ...], senior: bool) -> Select[Any]:
    """The statement of ``first_free``: both databases read its parts in order, and none after the first that answers.

    Rows that others are claiming right now are passed over.
    """
    parts = [_best(step, f"step_{number}", senior) for number, step in enumerate(steps)]
    return (select(parts[0]) if len(parts) == 1 else select(union_all(*map(select, parts)).subquery())).limit(1)


def _best(step: Step, name: str, senior: bool) -> Any:
    """The best of a step's probes."""
    probes = [_probe(step, where, senior).cte(f"{name}_{number}") for number, where in enumerate(step.probes)]
    if len(probes) == 1:
        return probes[0]
    together = union_all(*map(select, probes)).subquery()
    return select(together).order_by(together.c["rank"].desc()).limit(1).subquery()


def _probe(step: Step, where: ColumnElement[bool], senior: bool) -> Select[Any]:
    """Made a CTE, since inside a union neither database takes a limit, nor PostgreSQL a lock."""
    named = literal_column(f"'{step.name}'", String).label("step")
    return (
        select(named, *(cases.c[name] for name in _SEEN))
        .where(WAITING, where, open_to(senior))
        .order_by(step.order_by)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


@cache
def within(step: Step, topics: tuple[str, ...]) -> Step:
    """The step without other topics, in one probe: for a step that has few cases."""
    (where,) = step.probes
    return replace(step, probes=(and_(where, cases.c.topic.in_(topics)),))


@cache
def narrowed(step: Step, topics: tuple[str, ...], graves: tuple[int, ...]) -> Step:
    """The step among these topics, grave or mild ones: a probe of one index for each, whatever waits above them."""
    (where,) = step.probes
    kinds = product(topics, graves)
    kind = [and_(cases.c.topic == topic, cases.c.grave == literal_column(str(grave))) for topic, grave in kinds]
    return replace(step, probes=tuple(and_(where, each) for each in kind))


def open_to(senior: bool) -> ColumnElement[bool]:
    """Not excluded by an earlier part in the case, not skipped, and senior enough; of the parameter ``analyst``."""
    skipped = select(skips.c.case_id).where(skips.c.case_id == cases.c.id, skips.c.analyst == _WHO).exists()
    unconcerned = and_(or_(cases.c.not_by.is_(None), cases.c.not_by != _WHO), ~skipped)
    return unconcerned if senior else and_(unconcerned, cases.c.senior_only == ZERO)


def in_claim_order(
    connection: Connection, columns: Iterable[Any], limit: int, offset: int, until: dict[str, datetime]
) -> list[StoredRow]:
    """Waiting cases as they would be claimed, chance left aside."""
    found: list[StoredRow] = []
    for step in (VITAL, DUE, *LANES):
        here = (WAITING, *step.probes)
        if offset:
            # Counted, not read: a row is wide, and a page far down has thousands above it.
            above = select(cases.c.id).where(*here).limit(offset).subquery()
            passed = connection.scalar(select(func.count()).select_from(above), until) or 0
            if passed < offset:
                offset -= passed
                continue
        query = select(*columns).where(*here).order_by(step.order_by).offset(offset).limit(limit - len(found))
        found += connection.execute(query, until).all()
        offset = 0
        if len(found) == limit:
            break
    return found
