"""Sends requests as fast as they are answered, and tells how long each took. Its own process, standard library only.

python tests/bench/client.py < plan.json > outcome.json
Its processor time is part of the outcome: on a small machine the client takes what the server could have used. So it
writes and reads HTTP by hand: http.client alone takes 0.4 ms a request, most of it for headers that nobody looks at.
"""

from __future__ import annotations

import json
import queue
import re
import resource
import socket
import sys
import threading
import time
from typing import Any

_LENGTH = re.compile(rb"content-length: *(\d+)\r\n", re.IGNORECASE)


def main() -> None:
    """Read a plan (port, path, headers, bodies, concurrency), follow it, write the outcome."""
    plan = json.load(sys.stdin)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in plan["bodies"]:
        waiting.put(json.dumps(body, ensure_ascii=False).encode())
    answers: list[tuple[int, float]] = []
    senders = [threading.Thread(target=send, args=(plan, waiting, answers)) for _ in range(plan["concurrency"])]
    started, used = time.perf_counter(), processor_seconds()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    outcome = {
        "seconds": time.perf_counter() - started,
        "client_cpu": processor_seconds() - used,
        "answers": answers,
    }
    json.dump(outcome, sys.stdout)


def send(plan: dict[str, Any], waiting: queue.SimpleQueue[bytes], answers: list[tuple[int, float]]) -> None:
    """Over one connection, the next body as soon as the last one was answered: its status and seconds."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", **plan["headers"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", plan["port"]), timeout=300) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                body = waiting.get_nowait()
            except queue.Empty:
                return
            request = f"POST {plan['path']} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            started = time.perf_counter()
            connection.sendall(request)
            answers.append((answer(connection), time.perf_counter() - started))


def answer(connection: socket.socket) -> int:
    """The status of the next answer, read to its end; all of these servers say its length."""
    read = b""
    while (end := read.find(b"\r\n\r\n")) < 0:
        read += received(connection)
    length = _LENGTH.search(read, 0, end + 2)
    if length is None:
        raise RuntimeError("an answer without Content-Length")
    missing = int(length[1]) - (len(read) - end - 4)
    while missing > 0:
        missing -= len(received(connection))
    return int(read[9:12])


def received(connection: socket.socket) -> bytes:
    """What came; an end of the connection is an error."""
    chunk = connection.recv(65_536)
    if not chunk:
        raise ConnectionError("the server hung up in the middle of an answer")
    return chunk


def processor_seconds() -> float:
    """What this process used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
