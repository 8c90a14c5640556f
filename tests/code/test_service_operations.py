"""Two workers as they run: bundles swapped, a worker killed and a service stopped, all under load."""

from __future__ import annotations

import contextlib
import re
import select
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest
from pressure import memory
from running import PATIENCE, SOAK_MINUTES, Running, rooms, start, stop, wait_for
from tiny_bundle import make_tiny_bundle

from serving.bundle import open_bundle
from serving.review import Quota
from serving.swap import use

SCORE = {"items": [{"text": "une menace confidentielle"}, {"text": "une insulte"}], "include": ["receipt"]}


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("other") / "tiny", name="other")


@pytest.fixture(scope="module")
def link(tmp_path_factory, tiny_bundle) -> Path:
    path = tmp_path_factory.mktemp("links") / "current"
    use(path, tiny_bundle)
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory, link, tiny_bundle, root):
    state = tmp_path_factory.mktemp("state")
    process, url, log = start(state, link, VIGIE_WORKERS="2", VIGIE_SHADOW_BUNDLE=str(tiny_bundle))
    try:
        wait_for(process, url, "/readyz", 200, log)
        _, accounts = rooms(state, root)
        _, key = accounts.create_key("essai", "platform")
        _, small = accounts.create_key("petite", "platform", Quota(requests_per_minute=5))
        running = Running(url, key, small, log, process)
        until(lambda: figure(running, "vigie_bundle", role="champion", bundle=open_bundle(link).id) == 2)
        yield running
    finally:
        stop(process)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def figure(service: Running, name: str, **labels: str) -> float:
    """A figure of /metrics; 0 while it has none."""
    with service.client(service.key) as client:
        shown = client.get("/metrics").text
    for line in shown.splitlines():
        if line.startswith(f"{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rpartition(" ")[2])
    return 0.0


class Load:
    """Callers that score without pause until stopped; a connection that broke is opened again and counted."""

    def __init__(self, service: Running, callers: int = 3) -> None:
        self.service, self.answers, self.broken = service, [], 0
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(callers)
        self._callers = [self._pool.submit(self._call) for _ in range(callers)]

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.result()
        self._pool.shutdown()

    def _call(self) -> None:
        with self.service.client(self.service.key) as client:
            while not self._stop.is_set():
                try:
                    self.answers.append(client.post("/v1/score", json=SCORE))
                except httpx.TransportError:
                    self.broken += 1


def bundles_of(answer: httpx.Response) -> set[str]:
    """Every bundle that an answer names."""
    body = answer.json()
    return {body["bundle"], *(item["receipt"]["bundle"] for item in body["items"])}


def test_a_swap_under_load_loses_no_request_and_mixes_no_answer(service, link, tiny_bundle, other):
    first, second = open_bundle(tiny_bundle).id, open_bundle(other).id
    with Load(service) as load:
        for target, new in ((other, second), (tiny_bundle, first), (other, second)):
            use(link, target)
            until(lambda new=new: figure(service, "vigie_bundle", role="champion", bundle=new) == 2)
            seen = len(load.answers)
            until(lambda seen=seen: len(load.answers) > seen + 5)
    assert load.broken == 0
    assert {answer.status_code for answer in load.answers} == {200}
    named = [bundles_of(answer) for answer in load.answers]
    assert all(len(bundles) == 1 for bundles in named)
    assert {first, second} == set().union(*named)
    assert named[-1] == {second}


def test_an_idle_connection_outlasts_the_five_seconds_of_clients_pools(service):
    address = httpx.URL(service.url)
    with contextlib.closing(HTTPConnection(address.host, address.port, timeout=PATIENCE)) as line:
        line.request("GET", "/livez")
        line.getresponse().read()
        time.sleep(6)
        # Closed by the other side, it would be readable: the end of the stream waits.
        assert select.select([line.sock], [], [], 0) == ([], [], [])


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_swaps_under_load_for_a_long_time_lose_no_request(service, link, tiny_bundle, other):
    end, swaps, seen, sizes = time.monotonic() + SOAK_MINUTES * 60, 0, 0, []
    with Load(service) as load:
        while time.monotonic() < end or swaps < 6:
            target = (other, tiny_bundle)[swaps % 2]
            use(link, target)
            until(lambda new=open_bundle(target).id: figure(service, "vigie_bundle", role="champion", bundle=new) == 2)
            answers, load.answers = load.answers, []
            assert {answer.status_code for answer in answers} <= {200}
            assert all(len(bundles_of(answer)) == 1 for answer in answers)
            swaps, seen = swaps + 1, seen + len(answers)
            sizes.append(memory(service))
    assert load.broken == 0
    print(f"{swaps} swaps, {seen} requests answered, memory {sizes[1]:.0f} to {sizes[-1]:.0f} MiB")
    assert sizes[-1] <= 1.15 * sizes[len(sizes) // 4] + 16


def test_the_shadow_is_compared_in_every_worker_s_figures(service):
    with service.client(service.key) as client:
        client.post("/v1/score", json={"items": [{"text": "la haine et la menace, autrement dites"}]})
    until(lambda: figure(service, "vigie_shadow_labels_total", label="haine") >= 1)
    assert figure(service, "vigie_shadow_disagreements_total", label="haine", kind="flag") == 0


def test_a_key_s_own_quota_holds_to_within_the_number_of_workers(service):
    with service.client(service.session) as client:
        answers = [client.get("/v1/bundle") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(refused) <= 7
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)


def workers_of(service: Running) -> list[psutil.Process]:
    """Live processes that answer requests."""
    found = []
    for process in psutil.Process(service.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and any("_bentoml_impl.worker" in p for p in process.cmdline()):
                found.append(process)
    return found


def test_a_killed_worker_loses_its_connections_only_and_comes_back(service):
    serving = workers_of(service)
    assert len(serving) == 2
    with Load(service) as load:
        until(lambda: len(load.answers) > 3)
        serving[0].send_signal(signal.SIGKILL)
        seen = len(load.answers)
        until(lambda: len(set(workers_of(service)) - {serving[0]}) == 2 and len(load.answers) > seen + 5)
    assert {answer.status_code for answer in load.answers} <= {200, 503}
    assert all(len(bundles_of(answer)) == 1 for answer in load.answers if answer.status_code == 200)
    assert load.broken <= 3 * 2


def test_no_log_line_holds_a_text_a_query_or_a_key(service):
    text = service.log.read_text()
    assert text.count('"bundle in force"') >= 6
    for kept_out in ("confidentielle", "insulte", service.key, service.session, "Traceback"):
        assert kept_out not in text
    assert re.search(r'"route": "/v1/score", "status": 200', text)


def test_a_request_under_way_is_answered_before_the_service_ends(tmp_path, tiny_bundle, root):
    process, url, log = start(tmp_path, tiny_bundle)
    try:
        wait_for(process, url, "/readyz", 200, log)
        _, accounts = rooms(tmp_path, root)
        _, key = accounts.create_key("essai", "platform")
        begun = threading.Event()

        def slowly():
            yield b'{"items": [{"text": '
            begun.set()
            time.sleep(2)  # the rest is sent once SIGTERM has come
            yield b'"une menace"}]}'

        def ask() -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            return httpx.post(url + "/v1/score", headers=headers, content=slowly(), timeout=PATIENCE)

        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask)
            assert begun.wait(PATIENCE)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert answer.result().status_code == 200
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0
    assert '"event": "closed"' in log.read_text()
