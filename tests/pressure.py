"""Offers a running service more than it can do, at a steady rate whatever it answers, and watches its memory."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import httpx
import psutil
from running import Running

#: Texts a request, words a text: enough work that the one who asks is not what limits.
TEXTS, WORDS = 16, 50
_WORDS = (
    "bonjour",
    "à",
    "tous",
    "la",
    "réunion",
    "de",
    "demain",
    "est",
    "maintenue",
    "avec",
    "vos",
    "collègues",
    "du",
    "quartier",
)


@dataclass
class Offered:
    """What became of the requests.

    Attributes:
        seconds: to answer, of each request that was let in.
        refused: the refusals.
        memory: MiB of the service's processes, sampled each second.
    """

    seconds: list[float] = field(default_factory=list)
    refused: list[httpx.Response] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def body(draw: random.Random) -> dict:
    """A request of texts that were never seen before."""
    return {"items": [{"text": " ".join(draw.choices(_WORDS, k=WORDS))} for _ in range(TEXTS)]}


def capacity(service: Running, callers: int = 4, requests: int = 32) -> float:
    """Requests a second that ``callers``, each waiting for its answer, get through."""

    async def call(client: httpx.AsyncClient, draw: random.Random) -> None:
        for _ in range(requests // callers):
            (await client.post("/v1/score", json=body(draw))).raise_for_status()

    async def all_of_them() -> float:
        async with _client(service) as client:
            await call(client, random.Random(-1))
            started = time.perf_counter()
            await asyncio.gather(*(call(client, random.Random(number)) for number in range(callers)))
            return requests / (time.perf_counter() - started)

    return asyncio.run(all_of_them())


def offer(service: Running, rate: float, seconds: float) -> Offered:
    """Send ``rate`` requests a second for so long, then wait for what is under way."""
    return asyncio.run(_offer(service, rate, seconds))


async def _offer(service: Running, rate: float, seconds: float) -> Offered:
    found, draw, under_way = Offered(), random.Random(0), set()
    async with _client(service) as client:
        watch = asyncio.create_task(_watch(service, found))
        started, sent = time.monotonic(), 0
        while (now := time.monotonic() - started) < seconds:
            if sent < now * rate:
                task = asyncio.create_task(_send(client, body(draw), found))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                sent += 1
            else:
                await asyncio.sleep(0.5 / rate)
        await asyncio.gather(*under_way)
        watch.cancel()
    return found


async def _send(client: httpx.AsyncClient, content: dict, found: Offered) -> None:
    started = time.perf_counter()
    try:
        answer = await client.post("/v1/score", json=content)
    except httpx.TransportError as error:
        found.others.append(repr(error))
        return
    if answer.status_code == 200:
        found.seconds.append(time.perf_counter() - started)
    elif answer.status_code == 503:
        found.refused.append(answer)
    else:
        found.others.append(f"{answer.status_code} {answer.text[:200]}")


async def _watch(service: Running, found: Offered) -> None:
    while True:
        found.memory.append(memory(service))
        await asyncio.sleep(1)


def memory(service: Running) -> float:
    """Resident MiB of the service and of its workers."""
    first = psutil.Process(service.process.pid)
    return sum(process.memory_info().rss for process in (first, *first.children(recursive=True))) / 2**20


def _client(service: Running) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
    headers = {"Authorization": f"Bearer {service.key}"}
    return httpx.AsyncClient(base_url=service.url, headers=headers, timeout=120, limits=limits)
