"""Erases what the policy no longer allows to keep: texts, threads, notices and notes go; figures and the chain stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, select

from serving.bundle.taxonomy import Taxonomy

from . import feedback, transitions
from .places import Rules
from .records import State
from .steps import WAITING
from .tables import StoredRow, cases, decisions

_BATCH = 500


def erase_expired(connection: Connection, rules: Rules, now: datetime) -> int:
    """Erase up to a batch of cases and of suggestions whose time is over; returns how many."""
    erased = feedback.erase_expired(connection, rules, now)
    for case_id, why in [*_unreviewed(connection, rules, now), *_decided(connection, rules, now)][:_BATCH]:
        transitions.erase(connection, rules.secret, transitions.lock(connection, case_id), now, why)
        erased += 1
    return erased


def _unreviewed(connection: Connection, rules: Rules, now: datetime) -> Iterator[tuple[str, str]]:
    """Cases nobody has decided. An appeal or second review has been read: it is not among them."""
    limit = now - timedelta(days=rules.policy.retention.unreviewed_days)
    unread = cases.c.state.in_([State.RECEIVED.value, State.SCORED.value])
    # A copy of a golden item waits for nobody, and goes all the same; the item stays.
    passing = or_(WAITING, cases.c.golden != cases.c.id)
    query = select(cases.c.id).where(passing, unread, cases.c.created_at < limit).limit(_BATCH)
    yield from ((case_id, "unreviewed") for case_id in connection.scalars(query))


def _decided(connection: Connection, rules: Rules, now: datetime) -> Iterator[tuple[str, str]]:
    """Cases whose last decision is old enough for its kind."""
    newer = decisions.alias()
    superseded = select(newer.c.id).where(newer.c.case_id == decisions.c.case_id, newer.c.id > decisions.c.id).exists()
    soonest = min(rules.policy.retention.decided_days, rules.policy.retention.removed_terrorist_days)
    query = (
        select(decisions)
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(
            cases.c.state.in_([State.DECIDED.value, State.CLOSED.value]),
            cases.c.text.is_not(None),
            ~superseded,
            decisions.c.at < now - timedelta(days=soonest),
        )
        .limit(_BATCH)
    )
    for row in connection.execute(query):
        why, days = _rule(row, rules)
        if row.at < now - timedelta(days=days):
            yield row.case_id, why


def _rule(decision: StoredRow, rules: Rules) -> tuple[str, int]:
    action = next((action for action in rules.policy.actions if action.key == decision.action), None)
    if action is not None and action.removes and _terrorist(decision.ground, rules.taxonomy):
        return "removed_terrorist", rules.policy.retention.removed_terrorist_days
    return "decided", rules.policy.retention.decided_days


def _terrorist(ground: str | None, taxonomy: Taxonomy) -> bool:
    found = taxonomy.ground(ground) if ground else None
    return found is not None and found.family == "terrorisme"
