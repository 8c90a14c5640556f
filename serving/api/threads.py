"""Calls to the database outside the event loop, which stays free for the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio.to_thread

from .traces import step

P = ParamSpec("P")
Answer = TypeVar("Answer")


async def in_thread(call: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """The answer of ``call``, run in a worker thread."""
    with step(getattr(call, "__qualname__", "call")):
        return await anyio.to_thread.run_sync(partial(call, *args, **kwargs))
