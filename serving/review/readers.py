"""What the queue needs to know of people: whether they read cases, and what they would rather not be handed."""

from __future__ import annotations

from sqlalchemy import Connection, select

from serving.bundle.errors import NotFound

from .records import READERS, Account, Role
from .tables import people


def reader(connection: Connection, account_id: str) -> Account:
    """The person of this id, when their role reads cases.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(people).where(people.c.id == account_id)).first()
    if row is None or Role(row.role) not in READERS:
        raise NotFound(f"nobody who reads cases has the id {account_id[:64]!r}; `vigie user list` shows the ids")
    return Account(row.id, row.name, Role(row.role))
