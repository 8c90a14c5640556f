"""Counts failures to sign in, and closes an account for a while after too many. Knows no password and no code."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, select, update

from serving.policy import SignIn

from .tables import StoredRow, people


def lock(connection: Connection, whom: ColumnElement[bool]) -> StoredRow | None:
    """The person, whom nobody else counts until the transaction ends."""
    return connection.execute(select(people).where(whom).with_for_update()).first()


def count(connection: Connection, rules: SignIn, person: StoredRow, now: datetime) -> bool:
    """Count an attempt of this locked person as a failure; False, and nothing counted, while the account is closed.

    Counted before it is judged, so that guesses in parallel count.
    """
    if person.locked_until is not None and person.locked_until > now:
        return False
    # After a lock-out the count starts again.
    failures = 1 if person.locked_until is not None else person.failures + 1
    until = now + timedelta(minutes=rules.lock_minutes) if failures >= rules.failures else None
    _set(connection, person.id, failures=failures, locked_until=until)
    return True


def clear(connection: Connection, person_id: str) -> None:
    """Forget the failures."""
    _set(connection, person_id, failures=0, locked_until=None)


def excuse(connection: Connection, rules: SignIn, person_id: str) -> None:
    """Take back one failure, and it alone: a right password must not wipe out guesses of the code that follows it."""
    left = case((people.c.failures > 0, people.c.failures - 1), else_=0)
    _set(connection, person_id, failures=left, locked_until=case((left >= rules.failures, people.c.locked_until)))


def _set(connection: Connection, person_id: str, **values: object) -> None:
    connection.execute(update(people).where(people.c.id == person_id).values(**values))
