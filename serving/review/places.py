"""From a stored case to its place in the queue and back to columns. Pure; the rules are in ``serving.priority``."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serving.bundle.taxonomy import Taxonomy
from serving.bundle.verdict import Verdict
from serving.policy import Policy
from serving.priority import Facts, OrderFacts, Priority, Standing, prioritise

from .bodies import NewCase
from .records import Source
from .tables import StoredRow


@dataclass(frozen=True)
class Rules:
    """What the queue goes by.

    Attributes:
        draw: a uniform number in [0, 1); the system's randomness, so that nobody can foresee the audit draw.
    """

    policy: Policy
    taxonomy: Taxonomy
    secret: bytes = field(repr=False)
    draw: Callable[[], float] = random.SystemRandom().random


def facts_of_new(case: NewCase, source: Source, now: datetime, standing: Standing | None = None) -> Facts:
    """What a body says, as the priority reads it. An order cannot have been received in the future."""
    told = case.order
    order = OrderFacts(told.reference, min(told.received_at or now, now), told.kind, told.due_at) if told else None
    thread = tuple(post.text for post in case.thread)
    return Facts(case.text, now, source.kind, case.reach, case.category, order, standing=standing, thread=thread)


def facts_of_stored(
    row: StoredRow, *, reach: int | None = None, escalated_vital: bool = False, standing: Standing | None = None
) -> Facts:
    """The same from a row of table ``cases``."""
    order = row.order_notice and OrderFacts(
        row.order_notice["reference"],
        min(_moment(row.order_notice.get("received_at")) or row.created_at, row.created_at),
        row.order_notice.get("kind"),
        _moment(row.order_notice.get("due_at")),
    )
    return Facts(
        row.text or "",
        row.created_at,
        row.key_kind,
        row.reach if reach is None else reach,
        row.category,
        order,
        bool(row.escalated_vital) or escalated_vital,
        standing,
        tuple(post["text"] for post in row.thread or ()),
    )


def place(rules: Rules, facts: Facts, verdict: Verdict | None, levels: dict[str, str | None] | None) -> dict[str, Any]:
    """The columns of ``cases`` that order it."""
    priority = prioritise(facts, verdict, rules.policy, rules.taxonomy, levels)
    return _columns(priority) | {"escalated_vital": int(facts.escalated_vital)}


def place_scored(rules: Rules, facts: Facts, verdict: Verdict, levels: dict[str, str | None]) -> dict[str, Any]:
    """``place``, with the key by which the audit draw finds a case below the queue threshold."""
    priority = prioritise(facts, verdict, rules.policy, rules.taxonomy, levels)
    drawn = priority.below_threshold and not priority.vital
    return _columns(priority) | {"audit_key": rules.draw() if drawn else None}


def place_again(rules: Rules, row: StoredRow, facts: Facts) -> dict[str, Any]:
    """``place`` of a case whose facts have changed since it was stored."""
    return place(rules, facts, verdict_of(row), row.levels)


def verdict_of(row: StoredRow) -> Verdict | None:
    """The stored verdict."""
    return Verdict(**row.verdict) if row.verdict else None


def _columns(priority: Priority) -> dict[str, Any]:
    return {
        "lane": str(priority.lane),
        "vital": int(priority.vital),
        "due_at": priority.due_at,
        "target_at": priority.target_at,
        "harm": priority.harm,
        "minutes": priority.minutes,
        "rank": priority.rank,
        "reasons": list(priority.reasons),
        "topic": priority.topic,
        "level": priority.level,
        "grave": int(priority.grave),
    }


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
