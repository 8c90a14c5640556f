"""One answer, one bundle: whoever is under way keeps theirs, the former bundle is closed once it is idle."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import anyio
import anyio.to_thread
import pytest

from serving.champion import Champion


class Named:
    """A classifier that answers its own name."""

    def __init__(self, name: str) -> None:
        self.bundle_id = name
        self.manifest = SimpleNamespace(name=name)
        self.closed = threading.Event()

    def score(self, texts):
        assert not self.closed.is_set(), "asked after it was closed"
        return [self.bundle_id for _ in texts]

    def logits(self, texts):
        return [self.bundle_id for _ in texts]

    def close(self):
        self.closed.set()


@pytest.fixture
def first():
    return Named("first")


@pytest.fixture
def champion(first):
    return Champion(first)


def test_it_stands_where_a_classifier_is_wanted(champion, first):
    assert (champion.bundle_id, champion.manifest.name) == ("first", "first")
    assert champion.score(["a", "b"]) == ["first", "first"]
    assert champion.logits(["a"]) == ["first"]
    champion.close()
    assert first.closed.is_set()


def test_an_idle_bundle_is_replaced_and_closed_at_once(champion, first):
    champion.replace(Named("second"))
    assert first.closed.is_set()
    assert (champion.bundle_id, champion.score(["a"])) == ("second", ["second"])


def test_what_is_pinned_stays_the_same_through_a_replacement(champion, first):
    with ThreadPoolExecutor(1) as pool:
        with champion.pinned():
            swap = pool.submit(champion.replace, Named("second"))
            while champion.__dict__["_seat"].classifier is first:
                pass  # the other thread moves the pointer; pytest's timeout ends a wait without end
            with champion.pinned():
                assert (champion.score(["a"]), champion.bundle_id) == (["first"], "first")
            assert not first.closed.is_set()
        swap.result()
    assert first.closed.is_set()
    assert champion.bundle_id == "second"


def test_threads_and_tasks_of_a_request_see_its_bundle_and_other_requests_the_new_one(champion, first):
    async def request(go_on: anyio.Event, started: anyio.Event) -> tuple[str, str]:
        with champion.pinned():
            started.set()
            await go_on.wait()
            (found,) = await anyio.to_thread.run_sync(champion.score, ["a"])
            return found, champion.bundle_id

    seen = []

    async def main():
        go_on, started = anyio.Event(), anyio.Event()

        async def long() -> None:
            seen.append(await request(go_on, started))

        async with anyio.create_task_group() as group:
            group.start_soon(long)
            await started.wait()
            group.start_soon(anyio.to_thread.run_sync, champion.replace, Named("second"))
            while champion.bundle_id == "first":
                await anyio.sleep(0)
            assert await request(go_on_now(), anyio.Event()) == ("second", "second")
            assert not first.closed.is_set()
            go_on.set()
        assert first.closed.is_set()

    def go_on_now() -> anyio.Event:
        event = anyio.Event()
        event.set()
        return event

    anyio.run(main)
    assert seen == [("first", "first")]


def test_many_threads_and_many_swaps_never_meet_a_closed_bundle(champion):
    stop = threading.Event()

    def ask() -> int:
        asked = 0
        while not stop.is_set():
            with champion.pinned():
                before = champion.bundle_id
                assert champion.score(["a"]) == [before] == [champion.bundle_id]
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for number in range(50):
            champion.replace(Named(str(number)))
        stop.set()
        assert all(future.result() for future in asking)


def test_an_observer_is_told_what_was_found_and_by_whom(first):
    told = []
    champion = Champion(first, lambda manifest, texts, found: told.append((manifest.name, list(texts), found)))
    champion.score(["a"])
    champion.replace(Named("second"))
    champion.score(["b"])
    assert told == [("first", ["a"], ["first"]), ("second", ["b"], ["second"])]
