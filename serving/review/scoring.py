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

from . import known, reporters, transitions
from .database import reading, writing
from .places import Rules, facts_of_stored, place_scored
from .records import EventKind
from .tables import StoredRow, cases

RESERVATION = timedelta(minutes=2)
_CLOSED_AT_ONCE = 100


class Scorer(Protocol):
    """What the queue asks of a classifier."""

    @property
    def bundle_id(self) -> str:
        """The bundle that judges."""

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """One verdict, or the reason why there is none, per text."""


def score_pending(engine: Engine, rules: Rules, classifier: Scorer, limit: int, now: datetime) -> int:
    """Score up to ``limit`` cases, oldest first; see ``Queue.score_pending``."""
    _close_known(engine, rules, now)
    reserved = _reserve(engine, limit, now)
    if not reserved:
        return 0
    results = classifier.score([row.text for row in reserved])
    sketches = [known.bands_of(rules.secret, row.text) for row in reserved]
    with writing(engine) as connection:
        for row, result, bands in zip(reserved, results, sketches, strict=True):
            case = transitions.lock(connection, row.id)
            if case.pending:
                known.remember(connection, case.id, bands)
                _store(connection, rules, case, classifier, result, now)
    _close_reserved(engine, rules, [row.id for row in reserved], now)
    return len(reserved)


def _close_known(engine: Engine, rules: Rules, now: datetime) -> None:
    """Waiting cases that equal one decided lately get its decision."""
    with reading(engine) as connection:
        twins = known.equals_of_fresh(connection, rules, now, _CLOSED_AT_ONCE)
    _close_reserved(engine, rules, twins, now)


def _close_reserved(engine: Engine, rules: Rules, ids: Sequence[str], now: datetime) -> None:
    """Of these cases, close those whose text a person has judged before; judged by the model first, for the figures."""
    if not ids:
        return
    with writing(engine) as connection:
        for case_id in ids:
            case = transitions.lock(connection, case_id)
            if case.state in transitions.STARTS[EventKind.KNOWN] and (
                source := known.source_of(connection, rules, case, now)
            ):
                transitions.close_known(connection, rules.secret, case, source, now)


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
    standing = reporters.of_stored(connection, rules, [case], now)[case.id]
    changes = judged | place_scored(rules, facts_of_stored(case, standing=standing), result, levels)
    transitions.score(connection, rules.secret, case, now, changes | {"pending": 0, "scoring_until": None})
