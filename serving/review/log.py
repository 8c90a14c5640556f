"""Verifies the whole log: chains of cases, rows of decisions, seals, policy changes, and what an anchor knows of it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from . import anchors, decision_rows, events, rerank, seals
from .records import Anchor, BadEvent, ChainReport
from .tables import events as stored


def verify(connection: Connection, secret: bytes, case_id: str | None, expected: Anchor | None) -> ChainReport:
    """Verify the events of one case, or of all with everything that stands over them; see ``Queue.verify_chain``."""
    cases, links, bad = events.verify(connection, secret, case_id)
    bad = bad or decision_rows.verify(connection, secret, case_id)
    if bad is None and case_id is None:
        bad = _first_over_cases(connection, secret, expected)
    unsealed = connection.scalar(select(func.count()).select_from(stored).where(stored.c.position.is_(None))) or 0
    return ChainReport(cases, links, unsealed, bad, anchors.present(connection))


def _first_over_cases(connection: Connection, secret: bytes, expected: Anchor | None) -> BadEvent | None:
    bad = seals.verify(connection, secret) or rerank.verify(connection, secret)
    return bad or (anchors.missing(connection, expected) if expected else None)
