"""Brings news to hooks: in order for each, again until it arrives, each hook for itself. One thread per worker.

A position is written down only after its message was accepted: who dies in between sends it again, under the same id.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import anyio
import httpx

from serving.bundle.errors import VigieError
from serving.review import Hook, Hooks, News
from serving.settings import Settings

from .addresses import Allowed, check_address, resolved
from .message import body_of, signed

log = logging.getLogger("vigie.hooks")

#: Seconds between two looks for news.
_IDLE = 2.0
#: Messages, and seconds, of one hook in a row; then the others have their turn.
_BATCH, _TURN = 50, 10.0
#: Seconds before a message is sent again, doubled each time up to the second.
_FIRST_WAIT, _LONGEST_WAIT = 5.0, 3_600.0
#: Seconds until an answer must have begun.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Terms:
    """How long to try, and where to.

    Attributes:
        give_up: a hook that has failed for so long is disabled.
        lease: how long a worker that dies keeps a hook from the others.
    """

    allowed: Allowed = field(default_factory=Allowed)
    give_up: timedelta = timedelta(days=5)
    lease: timedelta = timedelta(seconds=30)

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """What the deployment says."""
        return cls(Allowed(settings.hook_http, settings.hook_private), timedelta(days=settings.hook_days))


class Courier(threading.Thread):
    """Looks for news and delivers them, until stopped. Several, in several processes, share the hooks."""

    def __init__(self, hooks: Hooks, terms: Terms, count: Callable[[str], None] = lambda outcome: None) -> None:
        """``count`` is told each outcome: ``delivered``, ``failed`` or ``disabled``."""
        super().__init__(name="vigie-courier", daemon=True)
        self._hooks = hooks
        self._terms = terms
        self._count = count
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stop after the messages under way."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Work while there are news, then wait."""
        while not self._stopping.is_set():
            try:
                delivered = anyio.run(self.round)
            except Exception as error:  # a database out of reach, for instance: the thread goes on
                log.error("hooks not served", extra={"fields": {"why": _named(error)}})
                delivered = 0
            if not delivered:
                self._stopping.wait(_IDLE)

    async def round(self) -> int:
        """Serve every hook that is due, all at once so that a slow one delays nobody; messages delivered."""
        counts: list[int] = []

        async def served(hook: Hook) -> None:
            counts.append(await self._serve(hook))

        # The database is asked in this thread: nothing else waits for it.
        async with anyio.create_task_group() as group:
            for hook in self._hooks.due(_clock()):
                group.start_soon(served, hook)
        return sum(counts)

    async def _serve(self, hook: Hook) -> int:
        """Tell one hook its news, until it fails or its turn ends."""
        news = self._hooks.news(hook, _BATCH)
        if not news or not self._hooks.reserve(hook, _clock(), self._terms.lease):
            return 0
        end = _clock() + timedelta(seconds=_TURN)
        for number, one in enumerate(news, start=1):
            why_not = await self._deliver(hook, one)
            now = _clock()
            if why_not:
                self._failed(hook, number, why_not, now)
                return number - 1
            self._count("delivered")
            last = number == len(news) or now > end or self._stopping.is_set()
            self._hooks.told(hook.id, one.position, now if last else now + self._terms.lease)
            if last:
                return number
        return 0

    async def _deliver(self, hook: Hook, news: News) -> str | None:
        return await send(
            hook.url, self._hooks.secret_of(hook.id), f"{hook.id}-{news.position}", body_of(news), self._terms.allowed
        )

    def _failed(self, hook: Hook, number: int, why: str, now: datetime) -> None:
        """Wait longer each time, a little at random so that not all come back at once."""
        failures = hook.failures if number == 1 else 0
        wait = min(_FIRST_WAIT * 2.0 ** min(failures, 20), _LONGEST_WAIT)
        again = now + timedelta(seconds=random.uniform(wait / 2, wait))
        self._count("failed")
        fields = {"hook": hook.id, "why": why, "failures": failures + 1}
        if self._hooks.failed(hook.id, now, again, self._terms.give_up):
            self._count("disabled")
            log.warning("hook disabled", extra={"fields": fields | {"resume": f"vigie hook test {hook.id}"}})
        else:
            log.info("hook failed", extra={"fields": fields})


async def send(url: str, secret: str, message_id: str, body: bytes, allowed: Allowed) -> str | None:
    """Send one message; why it did not arrive, None when it was accepted (2xx)."""
    try:
        with anyio.fail_after(_PATIENCE):
            address = check_address(url, allowed)
            pinned = address.copy_with(host=await resolved(address, allowed))
            headers = signed(secret, message_id, body, _clock()) | {"host": address.netloc.decode()}
            return await _post(pinned, address.raw_host.decode(), headers, body)
    except TimeoutError:
        return f"no answer within {_PATIENCE:.0f} s"
    except VigieError as error:
        return error.detail
    except Exception as error:  # whatever an address makes a library raise: this hook has failed, the others go on
        return type(error).__name__


async def _post(url: httpx.URL, host: str, headers: dict[str, str], body: bytes) -> str | None:
    """The certificate is checked against ``host``; what is answered beyond the status is not read."""
    extensions = {"sni_hostname": host}
    async with (
        httpx.AsyncClient(verify=_authorities(), trust_env=False, timeout=_PATIENCE) as client,
        client.stream("POST", url, content=body, headers=headers, extensions=extensions) as answer,
    ):
        return None if answer.is_success else f"answered {answer.status_code}"


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed (SSL_CERT_FILE names others); read once, since that outlasts a message."""
    return httpx.create_ssl_context()


def try_once(hooks: Hooks, hook_id: str, allowed: Allowed) -> str | None:
    """Send a message that says nothing; why it did not arrive. A hook that accepts it is resumed.

    Raises:
        NotFound: there is no such hook.
    """
    hook, now = hooks.get(hook_id), _clock()
    body = f'{{"type":"vigie.test","timestamp":"{now.isoformat()}","data":{{}}}}'.encode()
    why_not = anyio.run(
        send, hook.url, hooks.secret_of(hook.id), f"{hook.id}-test-{now.timestamp():.0f}", body, allowed
    )
    if why_not is None:
        hooks.resume(hook.id, now)
    return why_not


def _named(error: Exception) -> str:
    """What an error is, in words of ours or by its class: other messages may quote what they were about."""
    if isinstance(error, ExceptionGroup):
        return _named(error.exceptions[0])
    return error.detail if isinstance(error, VigieError) else type(error).__name__


def _clock() -> datetime:
    return datetime.now(UTC)
