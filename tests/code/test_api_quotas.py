"""Quotas: 429 with an exact Retry-After, charged to the right key, never to the others."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import anyio
import pytest
from house import open_house
from prometheus_client import generate_latest

from serving.api.quotas import Quotas, spend
from serving.bundle import ConfigError, InputError
from serving.bundle.errors import TooMany
from serving.review import Key, KeyKind, Quota

TEXT = {"items": [{"text": "une menace"}]}


@pytest.fixture
def opened(tmp_path, tiny_bundle):
    closers = []

    def make(quota: Quota, **others):
        house, close = open_house(tmp_path, tiny_bundle, quota=quota, **others)
        closers.append(close)
        return house

    yield make
    for close in closers:
        close()


def a_key(name: str = "a", quota: Quota = Quota()) -> Key:
    return Key(name, name, KeyKind.PLATFORM, datetime(2026, 3, 2, tzinfo=UTC), None, quota)


def refused(answer, code: str) -> int:
    """Seconds to wait, as the refusal says."""
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    return int(answer.headers["retry-after"])


def test_requests_beyond_a_minute_s_are_429_and_other_keys_go_on(opened):
    house = opened(Quota(requests_per_minute=3))
    key, other = house.key(), house.key(KeyKind.AUTHORITY)
    assert [key.get("/v1/bundle").status_code for _ in range(3)] == [200] * 3
    answer = key.get("/v1/bundle")
    assert 1 <= refused(answer, "too_many_requests") <= 60
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert other.get("/v1/bundle").status_code == 200
    assert 'vigie_refused_total{reason="requests"} 1.0' in generate_latest(house.registry).decode()


def test_figures_health_and_people_are_not_counted(opened):
    house = opened(Quota(requests_per_minute=1))
    key, person = house.key(), house.person()
    assert [key.get("/metrics").status_code for _ in range(3)] == [200] * 3
    assert [person.get("/v1/stats").status_code for _ in range(3)] == [200] * 3
    assert key.get("/v1/bundle").status_code == 200


def test_texts_are_charged_whether_scored_or_sent_as_cases(opened):
    key = opened(Quota(texts_per_minute=4)).key()
    assert key.post("/v1/score", json={"items": [{"text": "a"}, {"text": "b"}]}).status_code == 200
    cases = [{"external_id": str(number), "text": "a"} for number in range(2)]
    assert key.post("/v1/cases", json={"cases": cases}).status_code == 202
    refused(key.post("/v1/score", json=TEXT), "too_many_texts")
    refused(key.post("/v1/cases", json={"external_id": "3", "text": "a"}), "too_many_texts")
    assert key.post("/v1/cases", json={"external_id": "0", "text": "a"}).status_code == 429


def test_a_text_that_is_remembered_is_charged_like_any_other(opened):
    """Else a quota would tell a key whether somebody else sent the same text lately."""
    house = opened(Quota(texts_per_minute=4))
    key, other = house.key(), house.key(KeyKind.AUTHORITY)
    assert other.post("/v1/score", json=TEXT).status_code == 200
    assert key.post("/v1/score", json={"items": TEXT["items"] * 3}).status_code == 200
    assert key.post("/v1/score", json=TEXT).status_code == 200
    figures = generate_latest(house.registry).decode()
    assert 'vigie_content_total{how="hit"} 4.0' in figures
    refused(key.post("/v1/score", json=TEXT), "too_many_texts")


def test_a_refused_large_request_leaves_the_quota_to_small_ones(opened):
    key = opened(Quota(texts_per_minute=4)).key()
    three = {"items": [{"text": "a"}] * 3}
    assert key.post("/v1/score", json=three).status_code == 200
    refused(key.post("/v1/score", json=three), "too_many_texts")
    assert key.post("/v1/score", json=TEXT).status_code == 200


def test_more_texts_than_a_minute_s_are_422_since_waiting_would_not_help(opened):
    answer = opened(Quota(texts_per_minute=2)).key().post("/v1/score", json={"items": [{"text": "a"}] * 3})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_items")
    assert "2 a minute" in answer.json()["detail"]


def test_a_key_s_own_numbers_win_and_zero_is_no_limit(opened):
    house = opened(Quota(requests_per_minute=1))
    _, plain = house.accounts.create_key("sans borne", "platform", Quota(requests_per_minute=0))
    free = house.client(Authorization=f"Bearer {plain}")
    assert [free.get("/v1/bundle").status_code for _ in range(5)] == [200] * 5


def test_a_facade_says_it_in_its_own_shape(opened):
    key = opened(Quota(requests_per_minute=1)).key()
    key.get("/v1/bundle")
    answer = key.post("/v1/moderations", json={"input": "une menace"})
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert int(answer.headers["retry-after"]) >= 1


def test_words_that_no_minute_pays_for_are_refused_before_any_is_read(opened):
    """Else a client that comes back as told would read, and pay, half of them for ever."""
    key = opened(Quota(texts_per_minute=30)).key()
    several = {"items": [{"text": "une menace de plus dans la rue"}] * 5}
    answer = key.post("/v1/explain", json=several)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_items")
    assert "40" in answer.json()["detail"]
    assert key.post("/v1/score", json={"items": [{"text": "a"}] * 25}).status_code == 200


def test_requests_at_once_are_bounded_and_given_back(opened):
    begun, go_on = Event(), Event()

    class Held:
        def __init__(self, inner):
            self.bundle_id, self.manifest, self._inner = inner.bundle_id, inner.manifest, inner

        def score(self, texts):
            begun.set()
            assert go_on.wait(60)
            return self._inner.score(texts)

    house = opened(Quota(concurrency=1), wrap=Held)
    key = house.key()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(key.post, "/v1/score", json=TEXT)
        assert begun.wait(60)
        refused(key.get("/v1/bundle"), "too_many_at_once")
        go_on.set()
        assert first.result().status_code == 200
    assert key.get("/v1/bundle").status_code == 200


def test_nothing_is_charged_outside_a_request():
    anyio.run(spend, 10)


def test_a_request_that_fails_gives_its_place_back():
    quotas, key = Quotas(Quota(concurrency=1, requests_per_minute=2)), a_key()

    async def fail():
        async with quotas.request(key):
            raise RuntimeError

    async def enter():
        async with quotas.request(key):
            pass

    with pytest.raises(RuntimeError):
        anyio.run(fail)
    anyio.run(enter)
    for _ in range(2):
        with pytest.raises(TooMany, match="2 requests a minute"):
            anyio.run(enter)


def test_what_never_fits_is_an_input_error():
    with pytest.raises(InputError, match="holds 5 texts"):
        anyio.run(Quotas(Quota()).charge, a_key(quota=Quota(texts_per_minute=4)), "texts", 5)


def test_an_unknown_store_is_named():
    with pytest.raises(ConfigError, match="VIGIE_QUOTA_STORE nowhere"):
        Quotas(Quota(), "nowhere://host")


def test_workers_on_one_store_share_what_a_key_may_use():
    pytest.importorskip("redis", reason="no Redis client; the quotas of one worker are tested above")
    url = os.environ.get("VIGIE_TEST_REDIS_URL") or pytest.skip("no Redis server: set VIGIE_TEST_REDIS_URL")
    first, second = (Quotas(Quota(texts_per_minute=10), url) for _ in range(2))
    key = a_key(uuid.uuid4().hex)

    async def charge():
        await first.charge(key, "texts", 6)
        with pytest.raises(TooMany):
            await second.charge(key, "texts", 6)
        await second.charge(key, "texts", 4)

    anyio.run(charge)


def test_a_server_out_of_reach_limits_nobody():
    pytest.importorskip("redis", reason="no Redis client; the same with a store of our own below")
    quotas = Quotas(Quota(requests_per_minute=1), "redis://127.0.0.1:9")

    async def charge():
        for _ in range(3):
            await quotas.charge(a_key(), "requests", 1)

    anyio.run(charge)


def test_a_store_out_of_reach_limits_nobody(monkeypatch):
    from limits.errors import StorageError

    quotas = Quotas(Quota(requests_per_minute=1))

    async def down(*_args):
        raise StorageError(ConnectionError("nobody there"))

    monkeypatch.setattr(quotas, "_take", down)
    for _ in range(3):
        anyio.run(quotas.charge, a_key(), "requests", 1)
