"""Who is told of what became of cases, and how far each has been told. Knows positions of events; nothing of HTTP.

A hook's signing secret is derived from the deployment's, so that no copy of the database holds it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from serving.bundle.errors import NotFound

from .database import reading, writing
from .keyed import check_secret
from .records import EventKind, State
from .seals import Sealer
from .tables import StoredRow, cases, events, hooks

#: Events that concern those outside; how analysts work is their own affair.
_TOLD = (EventKind.DECIDED, EventKind.KNOWN, EventKind.UNDONE, EventKind.APPEALED, EventKind.ERASED)
#: First decisions that another reader has still to confirm are nobody's news.
_UNSETTLED = frozenset({"drawn", "disagreed"})
_STATES = {
    EventKind.KNOWN: State.DECIDED,
    EventKind.UNDONE: State.CLAIMED,
    EventKind.APPEALED: State.APPEALED,
    EventKind.ERASED: State.CLOSED,
}
#: Events looked through at a time.
_WINDOW = 1_000
_WELL = {"failures": 0, "failing_since": None, "disabled_at": None}


@dataclass(frozen=True)
class Hook:
    """An address that is told of decisions.

    Attributes:
        key_id: the key whose cases it hears of; None for everybody's.
        cursor: position of the last event it was told of, or that was not for it.
        next_at: not before.
        failures: in a row, ``failing_since`` the first of them; both end with a success.
        disabled_at: when it had failed for too long.
    """

    id: str
    url: str
    key_id: str | None
    created_at: datetime
    cursor: int
    next_at: datetime
    failures: int
    failing_since: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True)
class News:
    """What became of a case, from one event: ids, words of lists and times, never a text.

    Attributes:
        state: of the case after the event.
        finding: ``illegal``, ``ground``, ``action`` and ``known`` (from an equal text) of a decision, else None.
    """

    position: int
    kind: EventKind
    at: datetime
    case_id: str
    external_id: str
    key_id: str
    received_at: datetime
    state: State
    finding: dict[str, Any] | None


class Hooks:
    """The hooks of one database; safe to use from many processes."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        """``secret``: the deployment's, from which those of the hooks are derived."""
        self.engine = engine
        self._secret = check_secret(secret)

    def add(self, url: str, key_id: str | None, now: datetime) -> Hook:
        """A new hook, to be told of what happens from now on; ``secret_of`` gives what signs its messages."""
        Sealer(self.engine, self._secret).seal_all(now)
        with writing(self.engine) as connection:
            last = connection.scalar(select(func.max(events.c.position))) or 0
            hook = Hook(secrets.token_hex(8), url, key_id, now, last, now, 0, None, None)
            connection.execute(insert(hooks).values(**vars(hook)))
        return hook

    def listed(self) -> list[Hook]:
        """Every hook, oldest first."""
        with reading(self.engine) as connection:
            return [_hook(row) for row in connection.execute(select(hooks).order_by(hooks.c.created_at))]

    def get(self, hook_id: str) -> Hook:
        """One hook.

        Raises:
            NotFound: there is none of this id.
        """
        with reading(self.engine) as connection:
            row = connection.execute(select(hooks).where(hooks.c.id == hook_id)).first()
        if row is None:
            raise NotFound(f"no hook {hook_id[:64]!r}; `vigie hook list` shows them")
        return _hook(row)

    def remove(self, hook_id: str) -> None:
        """Forget a hook.

        Raises:
            NotFound: there is none of this id.
        """
        self.get(hook_id)
        with writing(self.engine) as connection:
            connection.execute(delete(hooks).where(hooks.c.id == hook_id))

    def secret_of(self, hook_id: str) -> str:
        """What signs the messages of a hook, as Standard Webhooks writes it: ``whsec_`` and 32 bytes in base 64."""
        key = hmac.new(self._secret, f"hook:{hook_id}".encode(), hashlib.sha256).digest()
        return f"whsec_{base64.b64encode(key).decode()}"

    def due(self, now: datetime) -> list[Hook]:
        """Hooks that may be told something now."""
        query = select(hooks).where(hooks.c.disabled_at.is_(None), hooks.c.next_at <= now)
        with reading(self.engine) as connection:
            return [_hook(row) for row in connection.execute(query)]

    def news(self, hook: Hook, limit: int) -> list[News]:
        """What ``hook`` has not been told, at most ``limit``, in order; a long calm is passed over for good."""
        cursor = hook.cursor
        while True:
            with reading(self.engine) as connection:
                found = _news(connection, hook.key_id, cursor)
                last = connection.scalar(select(func.max(events.c.position))) or 0
            if found or cursor + _WINDOW > last:
                return found[:limit]
            with writing(self.engine) as connection:
                behind = (hooks.c.id == hook.id, hooks.c.cursor == cursor)
                cursor += _WINDOW
                connection.execute(update(hooks).where(*behind).values(cursor=cursor))

    def reserve(self, hook: Hook, now: datetime, lease: timedelta) -> bool:
        """Keep other workers away for ``lease``; False when one was faster."""
        unchanged = (hooks.c.id == hook.id, hooks.c.next_at == hook.next_at)
        with writing(self.engine) as connection:
            done = connection.execute(update(hooks).where(*unchanged).values(next_at=now + lease))
        return done.rowcount == 1

    def told(self, hook_id: str, position: int, until: datetime) -> None:
        """The message about the event at ``position`` arrived; others stay away until ``until``."""
        with writing(self.engine) as connection:
            behind = (hooks.c.id == hook_id, hooks.c.cursor < position)
            connection.execute(update(hooks).where(*behind).values(cursor=position, next_at=until, **_WELL))

    def resume(self, hook_id: str, now: datetime) -> None:
        """A hook answers again: it is told what it missed."""
        with writing(self.engine) as connection:
            connection.execute(update(hooks).where(hooks.c.id == hook_id).values(next_at=now, **_WELL))

    def failed(self, hook_id: str, now: datetime, again: datetime, give_up: timedelta) -> bool:
        """A message did not arrive: not before ``again``; True when the hook is disabled, failing for ``give_up``."""
        with writing(self.engine) as connection:
            row = connection.execute(select(hooks).where(hooks.c.id == hook_id).with_for_update()).first()
            if row is None:
                return False
            since = row.failing_since or now
            given_up = now - since >= give_up
            values = {"failures": row.failures + 1, "failing_since": since, "next_at": again}
            connection.execute(
                update(hooks).where(hooks.c.id == hook_id).values(**values, disabled_at=now if given_up else None)
            )
        return given_up


def _hook(row: StoredRow) -> Hook:
    return Hook(**row._mapping)


def _news(connection: Connection, key_id: str | None, cursor: int) -> list[News]:
    """The news among the next events."""
    query = (
        select(events, cases.c.external_id, cases.c.key_id, cases.c.created_at)
        .join(cases, cases.c.id == events.c.case_id)
        .where(events.c.position > cursor, events.c.position <= cursor + _WINDOW, cases.c.golden.is_(None))
        .where(events.c.kind.in_([kind.value for kind in _TOLD]))
        .order_by(events.c.position)
    )
    if key_id is not None:
        query = query.where(cases.c.key_id == key_id)
    rows = ((row, json.loads(row.body)) for row in connection.execute(query))
    return [_said(row, body) for row, body in rows if body.get("review") not in _UNSETTLED]


def _said(row: StoredRow, body: dict[str, Any]) -> News:
    kind = EventKind(row.kind)
    decided = kind in (EventKind.DECIDED, EventKind.KNOWN)
    finding = {name: body[name] for name in ("illegal", "ground", "action")} if decided else None
    return News(
        position=row.position,
        kind=kind,
        at=row.at,
        case_id=row.case_id,
        external_id=row.external_id,
        key_id=row.key_id,
        received_at=row.created_at,
        state=_STATES.get(kind) or (State.CLOSED if body["stage"] == State.APPEALED else State.DECIDED),
        finding=None if finding is None else finding | {"known": kind is EventKind.KNOWN},
    )
