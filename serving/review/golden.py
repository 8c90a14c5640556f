"""Golden items: cases whose right decision is known, handed out among the real ones and never counted as real work.

The item itself never waits. Whoever is to answer it gets a copy that looks like any other case: own id, the key and
the moments of a recent real case of its lane, the same events, the claim's step named after its lane.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, String, bindparam, exists, insert, or_, select, update

from serving.bundle.errors import Forbidden

from . import intake, transitions
from .bodies import DecisionForm, NewCase, check_decision
from .events import link
from .exposure import Wishes
from .keyed import GENESIS, keyed
from .places import Rules, facts_of_stored, place_again
from .records import Account, EventKind, GoldenReport, KeyKind, Received, Role, Source, State
from .tables import StoredRow, cases, decisions, events, golden_items, skips

_SOURCE = Source("golden", KeyKind.PLATFORM)
#: Items considered at a draw; a team has tens.
_OFFERED = 500
#: Real cases among which one of the same lane is looked for.
_RECENT = 500
_JUDGED = [EventKind.SCORED.value, EventKind.SCORE_FAILED.value]
#: What the model said last of the parameter ``item``.
_JUDGEMENT = (
    select(events.c.kind, events.c.body)
    .where(events.c.case_id == bindparam("item", type_=String), events.c.kind.in_(_JUDGED))
    .order_by(events.c.number.desc())
    .limit(1)
)


def add(
    connection: Connection, rules: Rules, new: NewCase, expected: DecisionForm, by: Account, now: datetime
) -> Received:
    """Keep an item; see ``Queue.add_golden``."""
    if by.role != Role.SUPERVISOR:
        raise Forbidden(f"the role {by.role} does not choose golden items; ask a supervisor")
    check_decision(expected, rules.policy, rules.taxonomy)
    (receipt,) = intake.receive(connection, rules, [new], _SOURCE, now)
    if receipt.created:
        made = {"illegal": int(expected.illegal), "ground": expected.ground, "action": expected.action}
        connection.execute(insert(golden_items).values(case_id=receipt.id, added_by=by.id, at=now, **made))
        connection.execute(update(cases).where(cases.c.id == receipt.id).values(golden=receipt.id, waiting=0))
    return receipt


def draw(connection: Connection, rules: Rules, analyst: str, wishes: Wishes, now: datetime) -> StoredRow | None:
    """A fresh copy of an item that this analyst has not had; None when there is none."""
    statement = _offered(wishes.topics, mild=wishes.mild_first or wishes.mild_only)
    offered = list(connection.scalars(statement, {"analyst": analyst}))
    return _copy(connection, rules, offered[int(rules.draw() * len(offered))], now) if offered else None


@cache
def _offered(topics: tuple[str, ...] | None, mild: bool) -> Select[Any]:
    """Items that the parameter ``analyst`` has not had, of these topics."""
    copy, analyst = cases.alias(), bindparam("analyst", type_=String)
    skipped = exists().where(skips.c.case_id == copy.c.id, skips.c.analyst == analyst)
    had = exists().where(
        copy.c.golden == golden_items.c.case_id,
        or_(copy.c.claimed_by == analyst, copy.c.not_by == analyst, skipped),
    )
    query = select(golden_items.c.case_id).join(cases, cases.c.id == golden_items.c.case_id)
    query = query.where(golden_items.c.retired_at.is_(None), ~had)
    if topics is not None:
        query = query.where(cases.c.topic.in_(topics))
    return (query.where(cases.c.grave == 0) if mild else query).limit(_OFFERED)


def _copy(connection: Connection, rules: Rules, item_id: str, now: datetime) -> StoredRow:
    """The item as if it had come and been judged when a recent real case of its lane was."""
    item = connection.execute(select(cases).where(cases.c.id == item_id)).one()
    judgement = connection.execute(_JUDGEMENT, {"item": item_id}).first()
    real = _recent(connection, item.lane, judgement is not None)
    created, judged = (real.created_at, real.at) if real else (now, now)
    values = _values(rules, item, real or item, created)
    event = values.pop("first_event")
    connection.execute(insert(cases).values(**values))
    connection.execute(insert(events).values(**event))
    copy = transitions.lock(connection, values["id"])
    if judgement is None:
        return copy
    if judgement.kind == EventKind.SCORED:
        # The rest of what it said is in the row already, copied from the item's.
        said = {name: values[name] for name in ("bundle", "lane", "vital", "harm", "rank")}
        return transitions.score(connection, rules.secret, copy, judged, said)
    bundle = json.loads(judgement.body)["bundle"]
    return transitions.note_failure(connection, rules.secret, copy, judged, bundle, item.score_error)


def _recent(connection: Connection, lane: str, judged: bool) -> StoredRow | None:
    """The latest real case, of this lane if there is one: its key, and when it came and was judged."""
    seen = (cases.c.id, cases.c.key_id, cases.c.key_kind, cases.c.lane, cases.c.created_at)
    real = select(*seen).where(cases.c.golden.is_(None)).order_by(cases.c.created_at.desc()).limit(_RECENT).subquery()
    query = select(real.c.key_id, real.c.key_kind, real.c.created_at, events.c.at)
    query = query.join(events, events.c.case_id == real.c.id)
    query = query.where(events.c.kind.in_(_JUDGED if judged else [EventKind.RECEIVED.value]))
    nearest = query.order_by(real.c.lane != lane, real.c.created_at.desc(), events.c.number)
    return connection.execute(nearest.limit(1)).first()


def _values(rules: Rules, item: StoredRow, like: StoredRow, created: datetime) -> dict[str, Any]:
    """The columns of a copy that the model has yet to judge, and its first event."""
    case_id = intake.new_id(created)
    text = keyed(rules.secret, "text", item.text)
    event = link(
        rules.secret,
        case_id=case_id,
        number=1,
        at=created,
        kind=EventKind.RECEIVED,
        actor=like.key_id,
        body={"digest": item.body_digest, "text": text, "key_kind": like.key_kind},
        prev_hash=GENESIS,
    )
    own = {"id": case_id, "external_id": secrets.token_hex(8), "key_id": like.key_id, "key_kind": like.key_kind}
    fresh = {"created_at": created, "state": State.RECEIVED.value, "pending": 0, "waiting": 0, "golden": item.id}
    chain = {"event_count": 1, "head": event["hash"], "first_event": event}
    placed = place_again(rules, item, replace(facts_of_stored(item), created_at=created))
    return {column.name: getattr(item, column.name) for column in cases.c} | own | fresh | chain | placed


def report(connection: Connection, account_id: str | None) -> GoldenReport:
    """How the items were answered; by everybody, or by one person."""
    query = (
        select(decisions.c.illegal, decisions.c.ground, decisions.c.action)
        .add_columns(golden_items.c.illegal, golden_items.c.ground, golden_items.c.action)
        .join(cases, cases.c.id == decisions.c.case_id)
        .join(golden_items, golden_items.c.case_id == cases.c.golden)
        .where(decisions.c.stage != State.APPEALED)
    )
    rows = list(connection.execute(query if account_id is None else query.where(decisions.c.analyst == account_id)))
    findings = [row for row in rows if row[0] == row[3]]
    grounds = [row for row in findings if row[1] == row[4]]
    return GoldenReport(len(rows), len(findings), len(grounds), sum(row[2] == row[5] for row in grounds))
