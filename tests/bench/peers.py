"""Vigie against other servers of the same model, end to end over HTTP: one checkpoint, the same requests, in turns.

python -m tests.bench peers
Every server has an environment of its own (var/bench, made at the first run); all of them stand ready at the same time,
idle but for the one that is asked. A request carries one text; Vigie's content cache is off. `bare` is what no server
can beat: a loop that tokenises and runs our ONNX file, one text a time, on as many threads as there are cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from .checkpoint import Checkpoint, checkpoint
from .classifier import lognormal_texts
from .servers import SERVERS, Server, standing

HERE = Path(__file__).parent
HOME = Path("var/bench")
CROWD = 32
#: Without the script's own folder on the path: the bench of the queue would stand for the standard library's module.
_ALONE = ("-P",)


@dataclass
class Measured:
    """What the rounds at one concurrency found, one entry a round: texts a second, seconds."""

    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)

    def add(self, texts: int, seconds: float, latencies: Sequence[float], client: float) -> None:
        """One round: how long it took, how long each answer took, the client's processor time."""
        self.rates.append(texts / seconds)
        self.p50.append(float(np.quantile(latencies, 0.5)))
        self.p95.append(float(np.quantile(latencies, 0.95)))
        self.client.append(client)


#: Sends texts at a concurrency and tells seconds, latencies, the client's processor seconds.
Asker = Callable[[Sequence[str], int], tuple[float, list[float], float]]
Found = dict[int, dict[str, Measured]]


def run(arguments: argparse.Namespace) -> None:
    """Print what each server does at concurrency 32 and at 1, against Vigie."""
    made = checkpoint(HOME / "camembert")
    with ExitStack() as stack:
        askers = {name: stack.enter_context(asking(server, made)) for name, server in SERVERS.items()}
        askers["bare"] = bare(made)
        print("all stand ready", flush=True)
        found = in_turns(askers, lognormal_texts(arguments.texts, seed=0), arguments.rounds)
    for concurrency, rows in found.items():
        Console(width=120).print(table_of("CamemBERT-base shape over HTTP", concurrency, rows))


def in_turns(askers: dict[str, Asker], texts: Sequence[str], rounds: int) -> Found:
    """Everybody gets the same texts, one after the other, so that a busy neighbour slows all."""
    for ask in askers.values():
        ask(texts[:8], 8)
    found: Found = {CROWD: {name: Measured() for name in askers}, 1: {name: Measured() for name in askers}}
    for _ in range(rounds):
        for concurrency, rows in found.items():
            for name, ask in askers.items():
                rows[name].add(len(texts), *ask(texts, concurrency))
                print(f"{name}, concurrency {concurrency}: {rows[name].rates[-1]:.1f} texts/s", file=sys.stderr)
    return found


@contextmanager
def asking(server: Server, made: Checkpoint, batch: int = 1) -> Iterator[Asker]:
    """A running server and the way to ask it, ``batch`` texts a request: a client in a process of its own."""
    with standing(server, made, HOME) as (port, headers):

        def ask(texts: Sequence[str], concurrency: int) -> tuple[float, list[float], float]:
            bodies = [server.body(texts[first : first + batch]) for first in range(0, len(texts), batch)]
            plan = {"port": port, "path": server.path, "headers": headers, "bodies": bodies, "concurrency": concurrency}
            command = [sys.executable, *_ALONE, str(HERE / "client.py")]
            told = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, check=True)
            outcome = json.loads(told.stdout)
            refused = {status for status, _ in outcome["answers"] if status != 200}
            if refused:
                raise RuntimeError(f"{server.path} answered {refused}; see the log in {HOME}")
            return outcome["seconds"], [seconds for _, seconds in outcome["answers"]], outcome["client_cpu"]

        yield ask


def bare(made: Checkpoint) -> Asker:
    """The loop in a process of its own (see bare.py)."""

    def ask(texts: Sequence[str], concurrency: int) -> tuple[float, list[float], float]:
        command = [sys.executable, *_ALONE, str(HERE / "bare.py"), str(made.bundle), str(concurrency)]
        told = subprocess.run(command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True)
        outcome = json.loads(told.stdout)
        return outcome["seconds"], outcome["latencies"], 0.0

    return ask


def table_of(title: str, concurrency: int, rows: dict[str, Measured]) -> Table:
    """A row each: medians over the rounds; ratios within a round."""
    columns = ("server", "texts/s", "vigie / it", "(range)", "p50 ms", "p95 ms", "client CPU s")
    table = Table(*columns, title=f"{title}, concurrency {concurrency}")
    ours = rows["vigie"].rates
    for name, found in rows.items():
        ratios = [a / b for a, b in zip(ours, found.rates, strict=True)]
        figures = (statistics.median(values) for values in (found.rates, ratios, found.p50, found.p95, found.client))
        rate, ratio, p50, p95, client = figures
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        table.add_row(
            name, f"{rate:.1f}", f"{ratio:.2f}", spread, f"{p50 * 1e3:.1f}", f"{p95 * 1e3:.1f}", f"{client:.2f}"
        )
    return table
