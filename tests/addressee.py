"""An address that webhooks are sent to: keeps what comes, answers as told."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Addressee:
    """What came, as (headers, body); ``answers`` are given first, then 204.

    Attributes:
        before: called with the number of messages so far, before each answer.
    """

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before: Callable[[int], object] = lambda number: None

    @property
    def ids(self) -> list[str]:
        """Of the messages, in the order in which they came."""
        return [headers["webhook-id"] for headers, _ in self.got]

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Keep a message; the status to answer."""
        self.got.append((headers, body))
        self.before(len(self.got))
        return self.answers.pop(0) if self.answers else 204


@contextmanager
def addressee(secure: ssl.SSLContext | None = None) -> Iterator[Addressee]:
    """Somebody who listens on this machine, over plain http unless ``secure`` says with which certificate."""
    found = Addressee()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(found.take(headers, self.rfile.read(int(headers["content-length"]))))
            self.send_header("Location", "/ailleurs")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/vigie"
    if secure:
        server.socket = secure.wrap_socket(server.socket, server_side=True)
        found.url = f"https://localhost:{server.server_port}/vigie"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
