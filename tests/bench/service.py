"""The service on the embedded bundle: time to a claimable queue, resident memory, requests per second."""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

TEXT = "Bonjour à tous, je voulais savoir si la réunion de demain est maintenue."


def run(arguments: argparse.Namespace) -> None:
    """Print what a fresh `vigie serve --demo` costs."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as state, serving(Path(state)) as (address, key, process):
        wait_for_queue(address, key)
        claimable = time.perf_counter() - started
        single = [timed(address, key, [TEXT]) for _ in range(arguments.rounds * 20)]
        batch = [timed(address, key, [f"{TEXT} {i}" for i in range(200)]) for _ in range(arguments.rounds)]
        resident = resident_mib(process)
    table = Table("measure", "value", title="Service, embedded bundle")
    table.add_row("vigie serve --demo to a scored queue", f"{claimable:.1f} s")
    table.add_row("one text, end to end, median", f"{statistics.median(single) * 1e3:.2f} ms")
    table.add_row("batches of 200, median", f"{200 / statistics.median(batch):.0f} texts/s")
    for name, value in resident.items():
        table.add_row(f"resident, {name}", f"{value:.0f} MiB")
    Console().print(table)


@contextmanager
def serving(state: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """A demo service on a free port, with its address and a key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.cli", "serve", "--demo", "--port", str(port)],
        env=os.environ | {"VIGIE_STATE": str(state), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        key = next(found[1] for line in process.stdout if (found := re.search(r"API key\s+(\S+)", line)))
        address = f"http://127.0.0.1:{port}"
        _until_ready(address)
        yield address, key, process
    finally:
        process.terminate()
        process.wait(30)


def _until_ready(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the service did not become ready")


def wait_for_queue(address: str, key: str) -> None:
    """Until a case received after the demo's is scored: those before it are too."""
    case = call(address, key, "/v1/cases", {"external_id": "bench", "text": TEXT})["id"]
    for _ in range(1800):
        if call(address, key, f"/v1/cases/{case}")["state"] == "scored":
            return
        time.sleep(0.1)
    raise TimeoutError("the demo queue was not scored")


def call(address: str, key: str, path: str, body: Any = None) -> Any:
    """One authenticated JSON request."""
    request = urllib.request.Request(
        address + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def timed(address: str, key: str, texts: list[str]) -> float:
    """Seconds of one scoring request."""
    body = {"items": [{"id": str(i), "text": text} for i, text in enumerate(texts)]}
    started = time.perf_counter()
    call(address, key, "/v1/score", body)
    return time.perf_counter() - started


def resident_mib(process: subprocess.Popen[str]) -> dict[str, float]:
    """Resident memory of the process and of each of its descendants, MiB."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        pid, parent = int(fields["Pid"]), int(fields["PPid"])
        if process.pid in (pid, parent) and "VmRSS" in fields:
            found[f"pid {'main' if pid == process.pid else 'worker'} {pid}"] = int(fields["VmRSS"].split()[0]) / 1024
    return found
