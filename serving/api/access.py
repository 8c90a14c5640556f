"""Which cases a caller may reach: a key its own, a person who reads cases all. Knows callers; no rule of the queue."""

from __future__ import annotations

from fastapi import Request

from serving.review import READERS, Account, Case, Queue, Role, Source, no_case

from .auth import caller_of, person
from .threads import in_thread

#: Figures of the queue without any case.
WATCHERS = READERS | {Role.RESEARCHER, Role.ADMIN}


def reader(request: Request) -> Account:
    """The person asking, who reads cases.

    Raises:
        Forbidden: a key is asking, or somebody whose role reads none.
    """
    return person(caller_of(request), READERS)


def scope_of(request: Request) -> str | None:
    """The key to which a listing is confined; None for people who read cases."""
    key = caller_of(request).key
    if key is None:
        reader(request)
    return key.id if key else None


async def readable(queue: Queue, request: Request, case_id: str) -> Case:
    """The case, when the caller may read it. Another key's case does not exist for this one."""
    key_id = scope_of(request)
    case = await in_thread(queue.get, case_id)
    if key_id is not None and case.row.key_id != key_id:
        raise no_case(case_id)
    return case


def actor(request: Request) -> Account | Source:
    """Who moves a case, for its events."""
    key = caller_of(request).key
    return key.source if key else reader(request)
