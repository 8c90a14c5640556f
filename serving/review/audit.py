"""The audit draw: a case below the queue threshold, with the probability by which it was drawn.

Each such case has a key, uniform in [0, 1), given when it was scored. A draw throws a point on the circle [0, 1), takes
the W keys that follow it and picks one of these at random. Case i is drawn when the point falls on the arc between its
W-th predecessor and itself, then with chance 1/W: its probability is (key_i - key_(i-W)) / W, known exactly, close to
1/N, and found by two short index scans whatever N. Horvitz-Thompson weights (1952) are its inverse. Rejected: ORDER BY
random() and counting (both read every case), and the next key alone (its gap varies so much that weights explode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import ColumnElement, Connection, literal_column, select, true

from .tables import StoredRow, cases

AUDIT = "audit"
WINDOW = 64

_POOL = (cases.c.waiting == literal_column("1"), cases.c.audit_key.is_not(None))


def draw_audit(
    connection: Connection, draw: Callable[[], float], open_to: ColumnElement[bool] | None = None
) -> Iterator[tuple[StoredRow, float]]:
    """At most one case, locked, and its probability in this draw; none when the pool is empty or it was just taken.

    A case that is not ``open_to`` whoever draws is not handed out, so the probabilities of the others stay as stated.
    """
    following = _keys_from(connection, draw())
    if not following:
        return
    picked = following[int(draw() * len(following))]
    probability = 1 / len(following) if len(following) < WINDOW else _arc(connection, picked.audit_key) / WINDOW
    query = (
        select(cases)
        .where(cases.c.id == picked.id, *_POOL, true() if open_to is None else open_to)
        .with_for_update(skip_locked=True)
    )
    yield from ((case, probability) for case in connection.execute(query))


def _keys_from(connection: Connection, point: float) -> list[StoredRow]:
    """The next ``WINDOW`` cases on the circle from ``point`` on; all of them when there are fewer."""
    query = select(cases.c.id, cases.c.audit_key).where(*_POOL).order_by(cases.c.audit_key)
    found = list(connection.execute(query.where(cases.c.audit_key >= point).limit(WINDOW)))
    if len(found) < WINDOW:
        found += connection.execute(query.where(cases.c.audit_key < point).limit(WINDOW - len(found)))
    return found


def _arc(connection: Connection, key: float) -> float:
    """Length of the arc from the ``WINDOW``-th predecessor of ``key`` to ``key``; the circle when that is itself."""
    query = select(cases.c.audit_key).where(*_POOL).order_by(cases.c.audit_key.desc())
    before = list(connection.scalars(query.where(cases.c.audit_key < key).limit(WINDOW)))
    if len(before) < WINDOW:
        before += connection.scalars(query.where(cases.c.audit_key >= key).limit(WINDOW - len(before)))
    return (key - before[-1]) % 1.0 or 1.0
