"""The servers of the comparison: how each is installed, started and asked."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checkpoint import Checkpoint

PEERS = Path(__file__).resolve().parent / "peer"
_PATIENCE = 600


@dataclass(frozen=True)
class Server:
    """One server.

    Attributes:
        environment: its pinned requirements, ``peer/NAME.txt``; None: the environment that runs the bench.
        command: after the interpreter, from the checkpoint and a free port.
        body: the request that carries these texts; peers take one.
    """

    environment: str | None
    command: Callable[[Checkpoint, int], Sequence[str]]
    path: str = "/predict"
    body: Callable[[Sequence[str]], dict[str, Any]] = lambda texts: {"text": texts[0]}
    variables: Callable[[Checkpoint], dict[str, str]] = lambda made: {}


VIGIE = Server(
    None,
    lambda made, port: ("-m", "serving.cli", "serve", "--port", str(port)),
    "/v1/score",
    lambda texts: {"items": [{"text": text} for text in texts]},
    lambda made: {"VIGIE_BUNDLE": str(made.bundle), "VIGIE_REMEMBERED": "0"},
)
SERVERS = {
    "vigie": VIGIE,
    "pipeline behind FastAPI": Server(
        "pipeline", lambda made, port: (str(PEERS / "pipeline_fastapi.py"), str(made.torch), str(port))
    ),
    "LitServe, torch": Server(
        "litserve", lambda made, port: (str(PEERS / "litserve_torch.py"), str(made.torch), str(port))
    ),
    "LitServe, our int8": Server(
        "litserve", lambda made, port: (str(PEERS / "litserve_onnx.py"), str(made.bundle), str(port))
    ),
    "@bentoml.api, torch": Server(
        "bentoml",
        lambda made, port: ("-m", "bentoml", "serve", "bentoml_torch:Classifier", "--port", str(port)),
        variables=lambda made: {"BENCH_MODEL": str(made.torch), "PYTHONPATH": str(PEERS)},
    ),
}


@contextmanager
def standing(server: Server, made: Checkpoint, home: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The server, once it answers: its port and the headers it wants."""
    port, state = free_port(), home / "state" / f"{server.environment}-{os.getpid()}-{time.monotonic_ns()}"
    state.mkdir(parents=True)
    environment = os.environ | {"VIGIE_STATE": str(state), "BENTOML_HOME": str(state), **server.variables(made)}
    headers = {"Authorization": f"Bearer {_key(environment)}"} if server.environment is None else {}
    command = [str(_python(server.environment, home)), *server.command(made, port)]
    with (state / "log").open("wb") as log:
        # A group of its own: some servers leave their workers behind.
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
    try:
        _until_ready(process, port, state / "log")
        yield port, headers
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _python(environment: str | None, home: Path) -> Path:
    """The interpreter of an environment, which is made when its requirements are new."""
    if environment is None:
        return Path(sys.executable)
    wanted, folder = PEERS / f"{environment}.txt", home / environment
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "-q", "-r", str(wanted)], check=True)
        stamp.write_bytes(wanted.read_bytes())
    return (folder / "bin" / "python").absolute()


def _key(environment: dict[str, str]) -> str:
    """A key of the service that will start with this environment."""
    command = [sys.executable, "-m", "serving.cli", "key", "create", "bench"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return told.stdout.split()[-1]


def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers anything but 503, at a path that all have or refuse."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"a server did not become ready:\n{log.read_text()[-2000:]}")
