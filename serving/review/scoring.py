"""Has waiting cases judged: reserves some, lets the classifier read them outside any transaction, stores the verdicts.

A reservation ends by itself, so a process killed half-way delays its cases and loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Engine, literal_column, or_, select, update

from serving.bundle.errors import InputError
from serving.bundle.verdict import Verdict
from serving.priority import all_levels

from . import transitions
from .database import writing
from .places import Rules, facts_of_stored, place_scored
from .tables import StoredRow, cases

RESERVATION = timedelta(minutes=2)


class Scorer(Protocol):
    """What the queue asks of a classifier."""

    @property
    def bundle_id(self) -> str:
        """The bundle that judges."""

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """One verdict, or the reason why there is none, per text."""


def score_pending(engine: Engine, rules: Rules, classifier: Scorer, limit: int, now: datetime) -> int:
    """Score up to ``limit`` cases, oldest first; see ``Queue.score_pending``."""
    reserved = _reserve(engine, limit, now)
    if not reserved:
        return 0
    results = classifier.score([row.text for row in reserved])
    with writing(engine) as connection:
        for row, result in zip(reserved, results, strict=True):
            case = transitions.lock(connection, row.id)
            if case.pending:
                _store(connection, rules, case, classifier, result, now)
    return len(reserved)


def _reserve(engine: Engine, limit: int, now: datetime) -> Sequence[StoredRow]:
    free = or_(cases.c.scoring_until.is_(None), cases.c.scoring_until < now)
    query = (
        select(cases.c.id, cases.c.text)
        .where(cases.c.pending == literal_column("1"), free)
        .order_by(cases.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with writing(engine) as connection:
        rows = connection.execute(query).all()
        ours = cases.c.id.in_([row.id for row in rows])
        if rows:
            connection.execute(update(cases).where(ours).values(scoring_until=now + RESERVATION))
        return rows


def _store(
    connection: Any, rules: Rules, case: StoredRow, classifier: Scorer, result: Verdict | InputError, now: datetime
) -> None:
    if isinstance(result, InputError):
        error = {"code": result.code, "detail": result.detail}
        transitions.note_failure(connection, rules.secret, case, now, classifier.bundle_id, error)
        return
    manifest = getattr(classifier, "manifest", None)
    levels = all_levels(manifest, result) if manifest else dict(result.levels)
    judged = {"bundle": classifier.bundle_id, "verdict": asdict(result), "levels": levels}
    changes = judged | place_scored(rules, facts_of_stored(case), result, levels)
    transitions.score(connection, rules.secret, case, now, changes | {"pending": 0, "scoring_until": None})
