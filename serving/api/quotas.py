"""What each key may use: requests and texts a minute, requests at the same time. Answers 429 beyond.

Knows keys and counts; nothing of texts or of models. The counting is the library ``limits``: fixed windows of a minute,
so that Retry-After is exact. In memory it is per worker process; ``VIGIE_QUOTA_STORE=redis://...`` shares it among all
workers and machines. Requests at the same time are always counted per worker.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.bundle.errors import ConfigError, InputError, TooMany
from serving.review import Key, Quota

from .meters import Meters
from .problems import problem_of

log = logging.getLogger("vigie.quotas")

#: Seconds after which a client that runs too many requests at once may look again: one of them may have ended.
_SOON = 1


@dataclass(frozen=True)
class _Spender:
    quotas: Quotas
    key: Key


#: The key behind the request under way; texts are charged to it wherever in the request they are found.
_spender: ContextVar[_Spender | None] = ContextVar("vigie_spender", default=None)


async def spend(texts: int) -> None:
    """Charge ``texts`` to the key behind the request under way; nothing where no key is (a person, a command).

    Raises:
        TooMany: not now.
        InputError: never in one request: it holds more than the key may send in a whole minute.
    """
    if (spender := _spender.get()) and texts:
        await spender.quotas.charge(spender.key, "texts", texts)


class Quotas:
    """The counters of one worker, or of all of them where the store is shared."""

    def __init__(self, defaults: Quota, store: str = "memory://", meters: Meters | None = None) -> None:
        """``defaults`` hold for keys without a number of their own; 0 or None there is no limit.

        Raises:
            ConfigError: no such kind of store, or its client library is not installed.
        """
        self._defaults = defaults
        self._meters = meters
        self._under_way: Counter[str] = Counter()
        try:
            # The asynchronous half of the library: the other one starts a thread for nearly every request it counts.
            storage = storage_from_string(f"async+{store}", wrap_exceptions=True, implementation="redispy")
        except ConfigurationError as error:
            scheme = store.partition("://")[0]
            expected = "expected memory://, or redis://host:port with its client (pip install redis)"
            detail = f"VIGIE_QUOTA_STORE {scheme}://...: {error}; {expected}"
            raise ConfigError(detail, pointer="VIGIE_QUOTA_STORE") from None
        self._limiter = FixedWindowRateLimiter(storage)

    def of(self, key: Key) -> Quota:
        """What ``key`` may use, the deployment's defaults filled in; 0 is no limit."""
        own, default = key.quota, self._defaults
        return Quota(
            _first(own.requests_per_minute, default.requests_per_minute),
            _first(own.texts_per_minute, default.texts_per_minute),
            _first(own.concurrency, default.concurrency),
        )

    @asynccontextmanager
    async def request(self, key: Key) -> AsyncIterator[None]:
        """One request of ``key`` under way; texts found in it are charged to the key.

        Raises:
            TooMany: too many at once, or in this minute.
        """
        most = self.of(key).concurrency
        if most and self._under_way[key.id] >= most:
            self._count("concurrency")
            detail = f"this key may run {most} requests at once; wait for one to end"
            raise TooMany(detail, code="too_many_at_once", retry_after=_SOON)
        self._under_way[key.id] += 1
        token = _spender.set(_Spender(self, key))
        try:
            await self.charge(key, "requests", 1)
            yield
        finally:
            _spender.reset(token)
            self._under_way[key.id] -= 1
            if not self._under_way[key.id]:
                del self._under_way[key.id]

    async def charge(self, key: Key, unit: str, cost: int) -> None:
        """Take ``cost`` of ``unit`` (requests or texts) from what ``key`` may use this minute.

        Raises:
            TooMany: not now.
            InputError: ``cost`` is more than a whole minute's.
        """
        quota = self.of(key)
        most = quota.requests_per_minute if unit == "requests" else quota.texts_per_minute
        if not most:
            return
        if cost > most:
            detail = f"the request holds {cost} {unit}; this key may send {most} a minute: send several requests"
            raise InputError(detail, code="too_many_items")
        wait = await self._wait(RateLimitItemPerMinute(most, 1, unit), key.id, cost)
        if wait:
            self._count(unit)
            detail = f"this key may send {most} {unit} a minute; come back in {wait} s"
            raise TooMany(detail, code=f"too_many_{unit}", retry_after=wait)

    async def _wait(self, item: RateLimitItemPerMinute, key_id: str, cost: int) -> int:
        """Seconds to wait before ``cost`` may be taken; 0 when it was. A store that is down limits nobody."""
        try:
            return await self._take(item, key_id, cost)
        except StorageError as error:
            if self._meters:
                self._meters.quota_store_failures.inc()
            log.error("quota store unreachable", extra={"fields": {"error": type(error.storage_error).__name__}})
            return 0

    async def _take(self, item: RateLimitItemPerMinute, key_id: str, cost: int) -> int:
        # Tested first: the library counts refused hits as well, and one large request would shut out small ones.
        if await self._limiter.test(item, key_id, cost=cost) and await self._limiter.hit(item, key_id, cost=cost):
            return 0
        reset = (await self._limiter.get_window_stats(item, key_id)).reset_time
        return max(1, math.ceil(reset - time.time()))

    def _count(self, reason: str) -> None:
        if self._meters:
            self._meters.refused.labels(reason).inc()


class Turnstile:
    """Pure ASGI, behind the gate: lets a key's requests to the interface through while its quota lasts."""

    def __init__(self, app: ASGIApp, quotas: Callable[[], Quotas | None]) -> None:
        """``quotas`` gives None while the service starts."""
        self.app = app
        self.quotas = quotas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application within the caller's quota, or answer 429."""
        key = _key_behind(scope)
        quotas = self.quotas()
        if key is None or quotas is None:
            return await self.app(scope, receive, send)
        try:
            async with quotas.request(key):
                return await self.app(scope, receive, send)
        except TooMany as error:
            # Routes word their own refusals: only the turnstile's come as far as here, before anything was sent.
            return await problem_of(error).response(scope)(scope, receive, send)


def _key_behind(scope: Scope) -> Key | None:
    """The key that asks for a route of ``/v1``; None for people, and for figures and health."""
    if scope["type"] != "http" or not scope["path"].startswith("/v1"):
        return None
    return getattr(scope.get("state", {}).get("caller"), "key", None)


def _first(own: int | None, default: int | None) -> int:
    return (default or 0) if own is None else own
