"""Sends requests as fast as they are answered, and tells how long each took. Its own process, standard library only.

python tests/bench/client.py < plan.json > outcome.json
Its processor time is part of the outcome: on a small machine the client takes what the server could have used.
"""

from __future__ import annotations

import http.client
import json
import queue
import resource
import sys
import threading
import time
from typing import Any


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
    connection = http.client.HTTPConnection("127.0.0.1", plan["port"], timeout=300)
    headers = {"Content-Type": "application/json", **plan["headers"]}
    while True:
        try:
            body = waiting.get_nowait()
        except queue.Empty:
            return connection.close()
        started = time.perf_counter()
        connection.request("POST", plan["path"], body, headers)
        answer = connection.getresponse()
        answer.read()
        answers.append((answer.status, time.perf_counter() - started))


def processor_seconds() -> float:
    """What this process used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
