"""The audit draw: a case below the queue threshold, with the probability by which it was drawn.

Each such case has a key, uniform in [0, 1), given when it was scored. A draw throws a point on the circle [0, 1), takes
the W keys that follow it and picks one of these at random. Case i is drawn when the point falls on the arc between its
W-th predecessor and itself, then with chance 1/W: its probability is (key_i - key_(i-W)) / W, known exactly, close to
1/N, and found by two short index scans whatever N. Horvitz-Thompson weights (1952) are its inverse. Rejected: ORDER BY
random() and counting (both read every case), and the next key alone (its gap varies so much that weights explode).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, literal_column, select

from .records import SENIORS, Account
from .steps import open_to
from .tables import StoredRow, cases

AUDIT = "audit"
WINDOW = 64

_POOL = (cases.c.waiting == literal_column("1"), cases.c.audit_key.is_not(None))
_AT: ColumnElement[float] = bindparam("at")
#: Keys alone, which the index holds: the cases themselves lie anywhere in a large table.
_KEYS = select(cases.c.audit_key).where(*_POOL).limit(bindparam("most"))
_UP = _KEYS.order_by(cases.c.audit_key)
_DOWN = _KEYS.order_by(cases.c.audit_key.desc())
#: The keys from a point on, then those that come when the circle closes.
_FOLLOWING = (_UP.where(cases.c.audit_key >= _AT), _UP.where(cases.c.audit_key < _AT))
_PRECEDING = (_DOWN.where(cases.c.audit_key < _AT), _DOWN.where(cases.c.audit_key >= _AT))


def draw_audit(
    connection: Connection, draw: Callable[[], float], analyst: Account
) -> Iterator[tuple[StoredRow, float]]:
    """At most one case, locked, and its probability in this draw; none when the pool is empty or it was just taken.

    A case that is not open to ``analyst`` is not handed out, so the probabilities of the others stay as stated.
    """
    following = _circle(connection, _FOLLOWING, draw())
    if not following:
        return
    key = following[int(draw() * len(following))]
    probability = 1 / len(following) if len(following) < WINDOW else _arc(connection, key) / WINDOW
    found = connection.execute(_case_at(analyst.role in SENIORS), {"at": key, "analyst": analyst.id})
    yield from ((case, probability) for case in found)


@cache
def _case_at(senior: bool) -> Select[Any]:
    """The case of a key, which is its own to 53 bits, if it is open to the parameter ``analyst``."""
    return select(cases).where(cases.c.audit_key == _AT, *_POOL, open_to(senior)).with_for_update(skip_locked=True)


def _circle(connection: Connection, ways: tuple[Select[Any], Select[Any]], point: float) -> list[float]:
    """The next ``WINDOW`` keys on the circle from ``point``; all of them when there are fewer."""
    found: list[float] = []
    for way in ways:
        if len(found) < WINDOW:
            found += connection.scalars(way, {"at": point, "most": WINDOW - len(found)})
    return found


def _arc(connection: Connection, key: float) -> float:
    """Length of the arc from the ``WINDOW``-th predecessor of ``key`` to ``key``; the circle when that is itself."""
    return (key - _circle(connection, _PRECEDING, key)[-1]) % 1.0 or 1.0
