"""Wires the rooms into one service; BentoML is the shell: workers, health, metrics, packaging.

    bentoml serve serving.service:VigieService        (or: vigie serve)

Knows who is connected to whom. Each worker opens the database at once, loads the bundle in the background (readiness is
503 meanwhile), then keeps threads that score received cases, seal new events, deliver webhooks, watch for other bundles
and read along for the shadow. At SIGTERM requests under way are answered first, then these threads stop.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import bentoml
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from serving.api import create_app
from serving.api.auth import Doors, Gate
from serving.api.journal import Journal, start_logging
from serving.api.limits import BodyLimit, Deadline, Limits
from serving.api.meters import Meters, forget_ended_processes, forget_this_process
from serving.api.problems import note_unexpected, problem_of
from serving.api.quotas import Quotas, Turnstile
from serving.api.traces import Traced, open_traces
from serving.bundle import Taxonomy, load_taxonomy
from serving.bundle.errors import ConfigError, Unavailable, VigieError
from serving.champion import Champion
from serving.classifier import Classifier
from serving.console import Desk, Words, create_console
from serving.facades import Facades, load_facades
from serving.lineup import Lineup
from serving.policy import Policy, load_policy
from serving.review import Accounts, Hooks, Queue, Quota, open_database
from serving.settings import Settings
from serving.webhooks import Courier, Terms

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

# BentoML reads it when it starts to serve, after this import: nothing is reported to anybody.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")

log = logging.getLogger("vigie.service")

#: Seconds until a request must have an answer, and a little before that until ours says so in the words of the route
#: asked. BentoML keeps half a KiB of every request for as long.
_TIMEOUT = 120
_PATIENCE = _TIMEOUT - 5
#: Seconds after which a thread that computes in Python lets the others go on. A model's thread that has finished its
#: window waits as long before it can take the next: at Python's own 5 ms, a tenth of the machine.
_TURN = 0.0005
#: Seconds between two looks at the queue when nobody says that a case came.
_IDLE = 2.0
#: Seconds between two erasures of what retention ends.
_ERASE_EVERY = 3600.0


@dataclass(frozen=True)
class Rooms:
    """What a worker has opened before any model is loaded."""

    settings: Settings
    taxonomy: Taxonomy
    policy: Policy
    facades: Facades
    secret: bytes
    queue: Queue
    accounts: Accounts

    @classmethod
    def open(cls, settings: Settings) -> Rooms:
        """Open the database and read the authored files.

        Raises:
            VigieError: which file or address, and what was expected.
        """
        taxonomy, policy = load_taxonomy(settings.taxonomy_path), load_policy(settings.policy_path)
        facades = load_facades(settings.facades_path)
        secret = settings.secret()
        engine = open_database(settings.database_url)
        queue = Queue(engine, policy, taxonomy, secret)
        accounts = Accounts(engine, secret, policy.sign_in)
        return cls(settings, taxonomy, policy, facades, secret, queue, accounts)


def assemble(rooms: Rooms, champion: Champion, meters: Meters, pump: Pump) -> FastAPI:
    """The whole application: ``/v1`` and ``/console``. It must run behind the gate, with the champion pinned."""
    app = create_app(
        cast(Classifier, champion),  # it has the interface of one
        rooms.queue,
        rooms.secret,
        meters=meters,
        facades=rooms.facades,
        limits=Limits.of(rooms.settings),
        on_received=pump.wake,
    )
    words = Words(rooms.taxonomy, rooms.policy)
    desk = Desk(rooms.queue, rooms.accounts, words, rooms.secret, meters, reader=champion)
    app.mount("/console", create_console(desk))
    app.add_route("/", _to_console, include_in_schema=False)
    return app


async def _to_console(request: Request) -> RedirectResponse:
    return RedirectResponse("/console/", 303)


class Pump(threading.Thread):
    """Scores received cases and seals new events, until stopped. One per worker; the queue keeps them apart."""

    def __init__(self, queue: Queue, champion: Champion, meters: Meters) -> None:
        super().__init__(name="vigie-pump", daemon=True)
        self._queue = queue
        self._champion = champion
        self._meters = meters
        self._awake = threading.Event()
        self._stopping = False
        self._erased_at = -_ERASE_EVERY

    def wake(self) -> None:
        """Say that cases were received."""
        self._awake.set()

    def stop(self) -> None:
        """Stop after the batch under way."""
        self._stopping = True
        self._awake.set()
        self.join()

    def run(self) -> None:
        """Work while there is any, then wait to be woken."""
        while not self._stopping:
            if not self._work():
                self._awake.wait(_IDLE)
            self._awake.clear()

    def _work(self) -> int:
        """Cases scored; a failure is logged and tried again later."""
        try:
            with self._champion.pinned():
                handled = self._queue.score_pending(self._champion)
            self._meters.scored.inc(handled)
            self._erase()  # before sealing, which a log that lost its seals refuses
            self._queue.seal()
        except Exception as error:  # whatever happens to one batch, the thread goes on
            note_unexpected(error, None)
            return 0
        return handled

    def _erase(self) -> None:
        """Once an hour, erase what the policy no longer allows to keep."""
        if time.monotonic() - self._erased_at > _ERASE_EVERY:
            while self._queue.erase_expired():
                pass
            self._erased_at = time.monotonic()


class Worker:
    """One process of the service: nothing until started, then starting, ready or failed, then closed."""

    def __init__(self) -> None:
        self.failure: VigieError | None = None
        self._rooms: Rooms | None = None
        self._app: FastAPI | None = None
        self._lineup: Lineup | None = None
        self._pump: Pump | None = None
        self._courier: Courier | None = None
        self._meters: Meters | None = None
        self._quotas: Quotas | None = None
        self._traces: TracerProvider | None = None
        self._loading: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether it scores."""
        return self._app is not None

    def doors(self) -> Doors | None:
        """What the gate checks callers with; None until the database is open."""
        return Doors(self._rooms.accounts, self._rooms.secret) if self._rooms else None

    def instruments(self) -> Meters | None:
        """What counts; None until the database is open."""
        return self._meters

    def quotas(self) -> Quotas | None:
        """What keys may use; None until the database is open."""
        return self._quotas

    def traces(self) -> TracerProvider | None:
        """What makes spans; None where nobody collects them."""
        return self._traces

    def longest_body(self) -> int:
        """Bytes that a request may carry."""
        return self._rooms.settings.max_body if self._rooms else Limits.body

    def start(self) -> None:
        """Begin to load, and return at once."""
        self._loading = threading.Thread(target=self._load, name="vigie-load", daemon=True)
        self._loading.start()

    def _load(self) -> None:
        try:
            self._open(Settings.from_env())
        except VigieError as error:
            self.failure = error
            log.error("cannot start", extra={"fields": {"code": error.code, "detail": error.detail}})
        except Exception as error:  # said once, in the log and by /livez; nothing else can be done
            self.failure = Unavailable("an unexpected error at the start; see the log")
            note_unexpected(error, None)

    def _open(self, settings: Settings) -> None:
        self._traces = open_traces(settings.traces) if settings.traces else None
        rooms = Rooms.open(settings)
        forget_ended_processes()
        self._meters = meters = Meters()
        self._quotas = Quotas(_default_quota(settings), settings.quota_store, meters)
        self._rooms = rooms
        self._lineup = lineup = Lineup(settings, meters)
        self._pump = pump = Pump(rooms.queue, lineup.champion, meters)
        self._app = assemble(rooms, lineup.champion, meters, pump)
        pump.start()
        self._courier = Courier(Hooks(rooms.queue.engine, rooms.secret), Terms.of(settings), meters.hook)
        self._courier.start()
        lineup.start()
        log.info("ready", extra={"fields": {"bundle": lineup.champion.bundle_id, "shadow": lineup.shadow_id}})

    def close(self) -> None:
        """Finish the batch under way and let go of the database; requests were answered before."""
        if self._loading:
            self._loading.join()
        self._app = None
        if self._pump:
            self._pump.stop()
        if self._courier:
            self._courier.stop()
        if self._lineup:
            self._lineup.close()
        if self._rooms:
            self._rooms.queue.engine.dispose()
        if self._traces:
            self._traces.shutdown()
        forget_this_process()
        log.info("closed")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as soon as everything is loaded; 503 until then."""
        if scope["type"] != "http":
            return None
        app, lineup = self._app, self._lineup
        if app is None or lineup is None:
            return await problem_of(self._why_not()).response(scope)(scope, receive, send)
        # One bundle for the whole of an answer, whatever happens to its link meanwhile.
        with lineup.champion.pinned():
            return await app(scope, receive, send)

    def _why_not(self) -> Unavailable:
        if self.failure:
            return Unavailable("the service could not start; its log says why", code="start_failed")
        return Unavailable("the bundle is being loaded; try again shortly", code="starting")


def _default_quota(settings: Settings) -> Quota:
    return Quota(settings.requests_per_minute, settings.texts_per_minute, settings.concurrency)


def _workers() -> int:
    """How many processes share the port; a setting that cannot be read is told by the one that then starts."""
    try:
        return Settings.from_env().workers
    except ConfigError:
        return 1


def _end_with(supervisor: int) -> None:
    """End once the process that started this one is gone: a worker left behind would hold the port for ever."""
    while os.getppid() == supervisor:
        time.sleep(_IDLE)
    os.kill(os.getpid(), signal.SIGTERM)


worker = Worker()


@bentoml.asgi_app(worker, path="/", name="vigie")
class _Shell:
    """The service BentoML runs."""

    def __init__(self) -> None:
        start_logging()
        sys.setswitchinterval(_TURN)
        threading.Thread(target=_end_with, args=(os.getppid(),), name="vigie-orphan", daemon=True).start()
        worker.start()

    def __is_ready__(self) -> bool:
        return worker.ready

    def __is_alive__(self) -> bool:
        return worker.failure is None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def shut(self) -> None:
        """Stop the background work."""
        worker.close()


VigieService = bentoml.service(
    name="vigie",
    workers=_workers(),
    traffic={"timeout": _TIMEOUT},
    # Our own journal and instruments instead: see serving.api.journal.
    logging={"access": {"enabled": False}},
    # Ours again: its spans, which nobody collects, cost 0.2 ms a request and 4 KiB each until the timeout.
    tracing={"excluded_urls": ".*"},
    metrics={"enabled": False},
)(_Shell)

# Outermost first; around BentoML's own routes as well.
VigieService.add_asgi_middleware(Journal, meters=worker.instruments)
VigieService.add_asgi_middleware(Deadline, seconds=_PATIENCE)
VigieService.add_asgi_middleware(Traced, provider=worker.traces)
VigieService.add_asgi_middleware(Gate, doors=worker.doors)
VigieService.add_asgi_middleware(Turnstile, quotas=worker.quotas)
VigieService.add_asgi_middleware(BodyLimit, limit=worker.longest_body)
