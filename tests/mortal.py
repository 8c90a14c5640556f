"""Processes that kill themselves (SIGKILL) just before or after a commit, and what must hold of a queue afterwards."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event, select

from serving.review import EventKind
from serving.review.database import WRITES, reading
from serving.review.tables import decisions, events

FORK = multiprocessing.get_context("fork")


def at_commits(engine: Engine, told: Callable[[int, str], None]) -> None:
    """Call ``told`` with the number of each commit that writes, "before" and "after" it."""
    begun: dict[Any, int] = {}
    numbers = iter(range(1, 1_000_000_000))

    @event.listens_for(engine, "commit")
    def before(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            begun[connection.connection.dbapi_connection] = number = next(numbers)
            told(number, "before")

    @event.listens_for(engine, "checkin")
    def after(connection: object, _record: object) -> None:
        if number := begun.pop(connection, 0):
            told(number, "after")


def die_at(engine: Engine, number: int, moment: str) -> None:
    """End this process at the commit of this number, without a word."""

    def end(*reached: object) -> None:
        if reached == (number, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    at_commits(engine, end)


def killed(act: Callable[..., object], *given: object) -> None:
    """Run ``act`` in a process that does not survive it. No connection of ours may be open: none crosses a fork."""
    process = FORK.Process(target=act, args=given)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def decided_once(engine: Engine) -> bool:
    """Whether every decision is one that an event tells and no undo took back."""
    signs = {EventKind.DECIDED: 1, EventKind.KNOWN: 1, EventKind.UNDONE: -1}
    with reading(engine) as connection:
        rows = Counter(connection.scalars(select(decisions.c.case_id)))
        told: Counter[str] = Counter()
        for case_id, kind in connection.execute(select(events.c.case_id, events.c.kind)):
            told[case_id] += signs.get(EventKind(kind), 0)
    return rows == +told
