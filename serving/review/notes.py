"""What analysts write for each other about a case. Erased with its text; in events only as a keyed hash."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from .records import Note
from .tables import notes


def add(connection: Connection, case_id: str, analyst: str, text: str, now: datetime) -> Note:
    """Keep a note; see ``Queue.add_note``."""
    values = {"case_id": case_id, "analyst": analyst, "at": now, "text": text}
    row = connection.execute(insert(notes).values(**values).returning(notes.c.id)).one()
    return Note(row.id, analyst, now, text)


def of_case(connection: Connection, case_id: str, but_of: str | None = None) -> list[Note]:
    """The notes of a case, oldest first; without those of the person ``but_of``."""
    query = select(notes).where(notes.c.case_id == case_id).order_by(notes.c.id)
    if but_of is not None:
        query = query.where(notes.c.analyst != but_of)
    return [Note(row.id, row.analyst, row.at, row.text) for row in connection.execute(query)]


def erase(connection: Connection, case_id: str) -> None:
    """Forget the notes of a case."""
    connection.execute(delete(notes).where(notes.c.case_id == case_id))
