"""Erases what the policy no longer allows to keep: texts, threads, notices and notes go; figures and the chain stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from . import feedback, transitions
from .places import Rules
from .records import State
from .steps import WAITING
from .tables import cases, decisions

_BATCH = 500


def erase_expired(connection: Connection, rules: Rules, now: datetime) -> int:
    """Erase up to a batch of cases and of suggestions whose time is over; returns how many."""
    erased = feedback.erase_expired(connection, rules, now)
    for case_id, why in _expired(connection, rules, now)[:_BATCH]:
        transitions.erase(connection, rules.secret, transitions.lock(connection, case_id), now, why)
        erased += 1
    return erased


def _expired(connection: Connection, rules: Rules, now: datetime) -> list[tuple[str, str]]:
    """Cases whose time is over, and why: of each rule a batch by its own date, so that none waits for another."""
    kept, removed = rules.policy.retention, _removed_terrorist(rules)

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    found = {
        "unreviewed": _unreviewed(before(kept.unreviewed_days)),
        "removed_terrorist": _decided(removed, before(kept.removed_terrorist_days)),
        "decided": _decided(~removed, before(kept.decided_days)),
    }
    return [(case_id, why) for why, query in found.items() for case_id in connection.scalars(query)]


def _unreviewed(limit: datetime) -> Select[Any]:
    """Cases nobody has decided. An appeal or second review has been read: it is not among them."""
    unread = cases.c.state.in_([State.RECEIVED.value, State.SCORED.value])
    # A copy of a golden item waits for nobody, and goes all the same; the item stays.
    passing = or_(WAITING, cases.c.golden != cases.c.id)
    query = select(cases.c.id).where(passing, unread, cases.c.created_at < limit)
    return query.order_by(cases.c.created_at).limit(_BATCH)


def _decided(which: ColumnElement[bool], limit: datetime) -> Select[Any]:
    """Cases whose last decision is one of these and older than ``limit``."""
    newer = decisions.alias()
    superseded = select(newer.c.id).where(newer.c.case_id == decisions.c.case_id, newer.c.id > decisions.c.id).exists()
    settled = cases.c.state.in_([State.DECIDED.value, State.CLOSED.value])
    query = select(cases.c.id).join(decisions, decisions.c.case_id == cases.c.id)
    query = query.where(settled, cases.c.text.is_not(None), ~superseded, which, decisions.c.at < limit)
    return query.order_by(decisions.c.at).limit(_BATCH)


def _removed_terrorist(rules: Rules) -> ColumnElement[bool]:
    """Decisions that removed a text on a ground of terrorism."""
    removing = [action.key for action in rules.policy.actions if action.removes]
    grounds = [ground.key for ground in rules.taxonomy.grounds if ground.family == "terrorisme"]
    # A decision without a ground is none of these, and not unknown to be one.
    return and_(decisions.c.action.in_(removing), func.coalesce(decisions.c.ground, "").in_(grounds))
