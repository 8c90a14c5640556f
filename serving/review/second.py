"""What a decision leads to: done, a blind second reading, or a senior when two analysts disagree. And how they agree.

A second analyst must not see the first decision (anchoring): ``views`` hides it while ``cases.blind`` is set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from . import judges
from .bodies import DecisionForm
from .places import Rules
from .records import Agreement, State
from .tables import StoredRow, cases, decisions

_RESAMPLES = 1000


@dataclass(frozen=True)
class Outcome:
    """Where a decided case goes, what that changes in it, and what the event says of it."""

    state: State = State.DECIDED
    changes: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)


def outcome_of(
    connection: Connection, rules: Rules, case: StoredRow, form: DecisionForm, analyst: str, now: datetime
) -> Outcome:
    """What this decision on ``case``, which ``analyst`` holds, leads to."""
    if case.returns_to == State.APPEALED:
        return Outcome(State.CLOSED)
    if case.golden is not None:
        return Outcome()
    if case.returns_to == State.SECOND_REVIEW:
        return _after_second(connection, case, form, analyst, now) if case.blind else Outcome()
    return _drawn(rules, case)


def _drawn(rules: Rules, case: StoredRow) -> Outcome:
    """By chance, recorded; never where waiting for a second reader would cost a deadline or a life."""
    share = rules.policy.second_review.share_of(case.level)
    if case.vital or case.due_at is not None or rules.draw() >= share:
        return Outcome()
    changes = {"blind": 1, "review_probability": share}
    return Outcome(State.SECOND_REVIEW, changes, {"review": "drawn", "probability": share})


def _after_second(connection: Connection, case: StoredRow, form: DecisionForm, analyst: str, now: datetime) -> Outcome:
    """Equal finding, ground and action: decided. Else a senior settles it, and neither of the two."""
    first = last_decision(connection, case.id)
    if (bool(first.illegal), first.ground, first.action) == (form.illegal, form.ground, form.action):
        return Outcome(told={"review": "agreed"})
    judges.exclude(connection, case.id, [first.analyst], now)
    return Outcome(State.SECOND_REVIEW, {"senior_only": 1}, {"review": "disagreed"})


def last_decision(connection: Connection, case_id: str) -> StoredRow:
    """The newest decision on a case, or None."""
    query = select(decisions).where(decisions.c.case_id == case_id).order_by(decisions.c.id.desc()).limit(1)
    return connection.execute(query).first()


def agreement(connection: Connection, since: datetime) -> Agreement:
    """How analysts agree on the cases read twice blindly whose second decision was taken since ``since``."""
    query = (
        select(decisions.c.case_id, decisions.c.illegal, decisions.c.ground, decisions.c.at)
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(cases.c.review_probability.is_not(None), cases.c.golden.is_(None), decisions.c.stage != State.APPEALED)
        .where(cases.c.blind == 0)
        .order_by(decisions.c.case_id, decisions.c.id)
    )
    readings: dict[str, list[StoredRow]] = {}
    for row in connection.execute(query):
        readings.setdefault(row.case_id, []).append(row)
    pairs = [
        (_finding(found[0]), _finding(found[1]))
        for found in readings.values()
        if len(found) > 1 and found[1].at >= since
    ]
    low, high = _interval(pairs)
    return Agreement(alpha(pairs), len(pairs), low, high)


def _finding(row: StoredRow) -> str:
    """The nominal value on which two readings agree or not: legal, or the ground."""
    return str(row.ground) if row.illegal else "legal"


def alpha(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Krippendorff's alpha for nominal values and two readings a case; None when it is not defined.

    alpha = 1 - (n - 1) sum of o_ck (c != k) / sum of n_c n_k (c != k), over the n values of all pairs (Krippendorff,
    Computing Krippendorff's Alpha-Reliability, 2011, section C). Own lines: for two complete readings it is this
    formula, and the ``krippendorff`` package would bring numpy's whole reliability matrix for it.
    """
    totals = Counter(value for pair in pairs for value in pair)
    n = sum(totals.values())
    expected = n * n - sum(count * count for count in totals.values())
    if not expected:
        return None
    observed = 2 * sum(one != other for one, other in pairs)
    return 1 - (n - 1) * observed / expected


def _interval(pairs: Sequence[tuple[str, str]]) -> tuple[float | None, float | None]:
    """95 % percentile bootstrap over cases, with a fixed seed: the same data give the same figure.

    Cases are drawn by kind of pair (multinomial): the same resamples as one by one, whatever the number of cases.
    """
    kinds = Counter(pairs)
    values = sorted({value for pair in kinds for value in pair})
    if len(values) < 2:
        return None, None
    held = np.array([[pair.count(value) for value in values] for pair in kinds])
    differs = np.array([one != other for one, other in kinds])
    shares = np.array(list(kinds.values())) / len(pairs)
    drawn = np.random.default_rng(0).multinomial(len(pairs), shares, _RESAMPLES)
    n = 2 * len(pairs)
    expected = n * n - ((drawn @ held) ** 2).sum(axis=1)
    found = 1 - (n - 1) * 2 * (drawn @ differs)[expected > 0] / expected[expected > 0]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
