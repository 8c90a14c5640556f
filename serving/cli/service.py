"""``vigie serve``: the service on one address, with a demo queue on request."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from serving.bundle import ConfigError, Unavailable, open_bundle
from serving.settings import Settings

from .terminal import show

if TYPE_CHECKING:  # as in deployment.py
    from serving.demo import Demo

#: Seconds that an idle connection stays open: longer than clients and proxies keep theirs (httpx 5, nginx and most load
#: balancers 60). The side that closes first must be the one that sends, or a request meets a connection just closed.
_KEEP_ALIVE = 75
#: What Python runs to serve; the address follows.
SHELL = ("-m", "bentoml", "serve", "serving.service:VigieService", "--timeout-keep-alive", str(_KEEP_ALIVE))


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Fill a demo queue; print a password and a key.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: VIGIE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (default: VIGIE_PORT).")] = None,
) -> None:
    """Serve the API and the console (BentoML)."""
    settings = _overridden(Settings.from_env(), host, port)
    open_bundle(settings.bundle)
    _refuse_taken_port(settings)
    if demo:
        from serving.demo import prepare_demo

        _announce(prepare_demo(settings), settings)
    environment = os.environ | {
        "BENTOML_DO_NOT_TRACK": "true",
        "VIGIE_HOST": settings.host,
        "VIGIE_PORT": str(settings.port),
        "VIGIE_DATABASE_URL": settings.database_url,
    }
    address = ["--host", settings.host, "--port", str(settings.port)]
    os.execve(sys.executable, [sys.executable, *SHELL, *address], environment)  # noqa: S606 (our own program)


def _overridden(settings: Settings, host: str | None, port: int | None) -> Settings:
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"--port {port}: expected a whole number from 1 to 65535", pointer="--port")
    return replace(settings, host=host or settings.host, port=port or settings.port)


def _refuse_taken_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                f"VIGIE_HOST {settings.host}, VIGIE_PORT {settings.port}: {error.strerror}; choose another with --port",
                pointer="VIGIE_PORT",
            ) from None


def _announce(demo: Demo, settings: Settings) -> None:
    """Print what a newcomer needs to try the demo."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("console", f"http://{settings.host}:{settings.port}/console")
    table.add_row("user", demo.user)
    table.add_row("one-time password", demo.password)
    table.add_row("API key", demo.key)
    table.add_row("queue", f"{demo.cases} cases from {demo.source}")
    show(table)
