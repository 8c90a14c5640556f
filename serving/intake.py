"""Receives the rows of a file as cases. A row that cannot be a case gets its error and the run goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .bundle import InputError, NotFound, VigieError
from .files import Row
from .review import Accounts, NewCase, Queue, Received, Source, parse_case

BATCH = 100

#: Fields that a flat file can only give as text.
_WHOLE_NUMBERS = ("reach",)


def import_rows(rows: Iterable[Row], queue: Queue, source: Source) -> Iterator[tuple[Row, Received | VigieError]]:
    """Each row with its receipt or its error, in order; durable batch by batch, so a run can be repeated."""
    stream = iter(rows)
    while part := list(islice(stream, BATCH)):
        cases = [_case(row) for row in part]
        receipts = iter(_receive([case for case in cases if isinstance(case, NewCase)], queue, source))
        for row, case in zip(part, cases, strict=True):
            yield row, case if isinstance(case, VigieError) else next(receipts)


def source_of(accounts: Accounts, key_id: str) -> Source:
    """The source behind the id of a key in force.

    Raises:
        NotFound: no such key, or a revoked one.
    """
    keys = [key for key in accounts.list_keys() if key.revoked_at is None]
    for key in keys:
        if key.id == key_id:
            return Source(key.id, key.kind)
    raise NotFound(f"--key {key_id!r}: no such key in force; `vigie key list` shows them", pointer="--key")


def _receive(cases: list[NewCase], queue: Queue, source: Source) -> list[Received | VigieError]:
    """One transaction for all; when one is refused, one for each, so that the others are kept."""
    try:
        return list(queue.receive(cases, source=source)) if cases else []
    except VigieError:
        return [_receive_one(case, queue, source) for case in cases]


def _receive_one(case: NewCase, queue: Queue, source: Source) -> Received | VigieError:
    try:
        return queue.receive([case], source=source)[0]
    except VigieError as error:
        return error


def _case(row: Row) -> NewCase | VigieError:
    if isinstance(row.text, InputError):
        return row.text
    body: dict[str, Any] = {key: value for key, value in row.fields.items() if value not in (None, "")}
    for field in _WHOLE_NUMBERS:
        if isinstance(body.get(field), str) and body[field].isdecimal():
            body[field] = int(body[field])
    try:
        return parse_case({"external_id": row.id, "text": row.text, **body})
    except InputError as error:
        return error
