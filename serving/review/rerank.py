"""Places every open case again after the policy has changed: a batch at a time, and one link in a chain of its own.

The link is written first, with the digest of the policy: a run that is killed half-way shows, and is run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from serving.priority import Standing

from . import known, reporters
from .database import reading, writing
from .events import hash_of, link
from .keyed import GENESIS, canonical
from .places import Rules, facts_of_stored, place_again
from .records import WAITING_STATES, BadEvent, PolicyChange, State
from .tables import StoredRow, cases, policy_changes

#: The chain's name, where those of cases have the case's id.
CHAIN = "policy"
POLICY_CHANGED = "policy_changed"

_PLACED = ("lane", "vital", "due_at", "target_at", "harm", "minutes", "rank", "reasons", "topic", "level", "grave")
_OPEN = [state.value for state in (*WAITING_STATES, State.CLAIMED)]


def rerank(engine: Engine, rules: Rules, actor: str, now: datetime, batch: int) -> PolicyChange:
    """Place open cases by ``rules``; see ``Queue.rerank``."""
    with writing(engine) as connection:
        change = _note(connection, rules, actor, now)
    last = ""
    while ids := _after(engine, last, batch):
        with writing(engine) as connection:
            _place(connection, rules, ids, now)
        last = ids[-1]
    return change


def _note(connection: Connection, rules: Rules, actor: str, now: datetime) -> PolicyChange:
    last = connection.execute(
        select(policy_changes).order_by(policy_changes.c.number.desc()).limit(1).with_for_update()
    ).first()
    count = connection.scalar(select(func.count()).select_from(cases).where(cases.c.state.in_(_OPEN))) or 0
    body = {"policy": digest_of(rules), "version": rules.policy.version, "cases": count}
    event = link(
        rules.secret,
        case_id=CHAIN,
        number=last.number + 1 if last else 1,
        at=now,
        kind=POLICY_CHANGED,
        actor=actor,
        body=body,
        prev_hash=last.hash if last else GENESIS,
    )
    stored = {name: event[name] for name in policy_changes.c.keys()}  # noqa: SIM118 (columns, not a dictionary)
    connection.execute(insert(policy_changes).values(**stored))
    return PolicyChange(event["number"], now, actor, digest_of(rules), count)


def digest_of(rules: Rules) -> str:
    """SHA-256 of the policy's values."""
    return hashlib.sha256(canonical(rules.policy.model_dump(mode="json")).encode()).hexdigest()


def _after(engine: Engine, last: str, batch: int) -> Sequence[str]:
    query = select(cases.c.id).where(cases.c.id > last, cases.c.state.in_(_OPEN)).order_by(cases.c.id).limit(batch)
    with reading(engine) as connection:
        return list(connection.scalars(query))


def _place(connection: Connection, rules: Rules, ids: Sequence[str], now: datetime) -> None:
    """Write the new places of these cases; their chains are not touched: an order on a list is no fact about a case."""
    query = select(cases).where(cases.c.id.in_(ids), cases.c.state.in_(_OPEN)).with_for_update()
    rows = connection.execute(query).all()
    standings = reporters.of_stored(connection, rules, rows, now)
    changes = [_changes(rules, row, standings) for row in rows]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*_PLACED, "fingerprint")}
    if changes:
        connection.execute(update(cases).where(cases.c.id == bindparam("which")).values(**values), changes)


def _changes(rules: Rules, row: StoredRow, standings: dict[str, Standing]) -> dict[str, object]:
    placed = place_again(rules, row, facts_of_stored(row, standing=standings[row.id]))
    print_ = row.fingerprint or (known.fingerprint(rules.secret, row.text) if row.text else None)
    return {"which": row.id, "new_fingerprint": print_} | {f"new_{name}": placed[name] for name in _PLACED}


def verify(connection: Connection, secret: bytes) -> BadEvent | None:
    """The first link of the chain of policy changes that does not hold."""
    prev_hash = GENESIS
    for expected, row in enumerate(_links(connection), start=1):
        told = {"case_id": CHAIN, "number": expected, "at": row.at, "kind": POLICY_CHANGED}
        event = told | {"actor": row.actor, "body": row.body, "prev_hash": prev_hash}
        if row.number != expected or hash_of(secret, event) != row.hash:
            return BadEvent(CHAIN, expected, "the link of a policy change is missing or was changed")
        prev_hash = row.hash
    return None


def _links(connection: Connection) -> Iterator[StoredRow]:
    yield from connection.execute(select(policy_changes).order_by(policy_changes.c.number))
