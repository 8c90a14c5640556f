"""A service that runs: `bentoml serve` in a process of its own, over real sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from serving.bundle import load_taxonomy
from serving.cli.service import SHELL
from serving.policy import load_policy
from serving.review import Accounts, Queue, open_database

PATIENCE = 90

#: How long the full form of a test under load lasts (`make soak`).
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))


@dataclass
class Running:
    """A running service and a way in."""

    url: str
    key: str
    session: str
    log: Path
    process: subprocess.Popen

    def client(self, bearer: str | None = None) -> httpx.Client:
        """Somebody with this key or session; nobody without."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def start(state: Path, bundle: Path, **variables: str) -> tuple[subprocess.Popen, str, Path]:
    """The process of a service on a free port, its address and its log; ``variables`` join its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "VIGIE_STATE": str(state),
        "VIGIE_BUNDLE": str(bundle),
        "VIGIE_SESSIONS": "1",
        "BENTOML_HOME": str(state / "bentoml"),
        **variables,
    }
    log = state / "log"
    command = [sys.executable, *SHELL, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    return process, f"http://127.0.0.1:{port}", log


def stop(process: subprocess.Popen) -> None:
    """SIGTERM, and wait."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def wait_for(process: subprocess.Popen, url: str, path: str, status: int, log: Path) -> httpx.Response:
    """The first answer of this status."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            answer = httpx.get(url + path, timeout=5)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == status:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"no {status} at {path}:\n{log.read_text()[-2000:]}")


def rooms(state: Path, root: Path) -> tuple[Queue, Accounts]:
    """The same database, opened from here."""
    secret = (state / "secret").read_bytes().strip()
    policy = load_policy(root / "configs" / "policy.toml")
    engine = open_database(f"sqlite:///{state / 'vigie.db'}")
    taxonomy = load_taxonomy(root / "configs" / "taxonomy.toml")
    return Queue(engine, policy, taxonomy, secret), Accounts(engine, secret, policy.sign_in)
