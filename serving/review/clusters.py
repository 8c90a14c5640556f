"""Near-duplicates as a person meets them: proposed beside a case, decided together, peeled off one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, select

from serving.bundle.errors import Conflict, InputError, NotFound

from . import claims, handling
from .bodies import DecisionForm
from .database import reading, writing
from .known import candidates, nearness, similarities
from .places import Rules
from .records import Account, Bulk, Likeness, State, no_case
from .tables import StoredRow, cases
from .views import held_by, row_of

_Claim = Callable[[Connection, Rules, Account, str, datetime], StoredRow]


def near_duplicates(connection: Connection, rules: Rules, case_id: str, limit: int) -> list[Likeness]:
    """Cases whose text is near this one's, nearest first, with what differs."""
    own = _case(connection, case_id)
    if own.text is None:
        return []
    rows = candidates(connection, case_id)
    found = similarities(own.text, (row.text for row in rows))
    alike = {row.id: likeness for row, likeness in zip(rows, found, strict=True)}
    near = [row for row in rows if alike[row.id] >= rules.policy.known.similarity]
    # Only what is shown is compared word by word.
    nearest = sorted(near, key=lambda row: (-alike[row.id], row.id))[:limit]
    told = [_likeness(own, row) for row in nearest]
    return sorted(told, key=lambda likeness: (-likeness.similarity, likeness.risky, likeness.row.id))


def cluster(connection: Connection, rules: Rules, case_id: str, limit: int) -> list[Likeness]:
    """Those near-duplicates that wait, and whose differences change nothing."""
    waiting = (State.RECEIVED, State.SCORED)
    near = near_duplicates(connection, rules, case_id, limit)
    return [likeness for likeness in near if not likeness.risky and likeness.row.state in waiting]


def decide_many(
    engine: Engine, rules: Rules, ids: Sequence[str], analyst: Account, form: DecisionForm, now: datetime
) -> Bulk:
    """Decide the first case and, alike, the others, a transaction each; see ``Queue.decide_many``."""
    if not ids:
        raise InputError("ids: expected at least one case", code="invalid_value", pointer="/ids")
    model, *others = dict.fromkeys(ids)
    _decide_alike(engine, rules, model, analyst, form, now, claims.claim_named)
    decided, peeled = [model], {}
    for case_id in others:
        try:
            with reading(engine) as connection:
                why = _why_apart(connection, rules, model, case_id)
            if why is None:
                _decide_alike(engine, rules, case_id, analyst, form, now, claims.claim_unread)
                decided.append(case_id)
            else:
                peeled[case_id] = why
        except (Conflict, NotFound) as error:
            peeled[case_id] = error.detail
    return Bulk(tuple(decided), peeled)


def _decide_alike(
    engine: Engine, rules: Rules, case_id: str, analyst: Account, form: DecisionForm, now: datetime, claim: _Claim
) -> None:
    """Claim, unless it is held already, and decide: both or neither."""
    with writing(engine) as connection:
        if case_id not in {row.id for row in held_by(connection, analyst.id)}:
            claim(connection, rules, analyst, case_id, now)
        handling.decide(connection, rules, case_id, analyst, form, now)


def _why_apart(connection: Connection, rules: Rules, model_id: str, case_id: str) -> str | None:
    """Why a case may not be decided together with the model, in words; None when it may."""
    model, case = _case(connection, model_id), _case(connection, case_id)
    if model.text is None or case.text is None:
        return "its text is erased"
    if (case.returns_to or case.state) in (State.SECOND_REVIEW, State.APPEALED):
        return "it is contested or to be read a second time, which somebody does by reading it"
    near = _likeness(model, case)
    if near.similarity < rules.policy.known.similarity:
        return "its text is not near enough"
    return "words that differ may change the meaning" if near.risky else None


def _likeness(own: StoredRow, row: StoredRow) -> Likeness:
    """Another thread or another target is another context: risky whatever the words."""
    found = nearness(own.text, row.text)
    context = [post["text"] for post in own.thread or ()] != [post["text"] for post in row.thread or ()]
    risky = found.risky or context or own.target != row.target
    return Likeness(row_of(row), found.similarity, found.differing_words, risky)


def _case(connection: Connection, case_id: str) -> StoredRow:
    row = connection.execute(select(cases).where(cases.c.id == case_id)).first()
    if row is None:
        raise no_case(case_id)
    return row
