"""Twice what the service can do: who is let in is answered in time, the others are told at once when to come back."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from pressure import Offered, capacity, offer
from running import SOAK_MINUTES, Running, rooms, start, stop, wait_for

#: Seconds that a request may wait before it starts; those let in then take what their own texts take.
WAIT = 1


@pytest.fixture
def service(tmp_path, root: Path):
    limits = {"VIGIE_TEXTS_PER_MINUTE": "0", "VIGIE_REQUESTS_PER_MINUTE": "0", "VIGIE_CONCURRENCY": "0"}
    embedded = root / "serving" / "embedded"
    process, url, log = start(tmp_path, embedded, VIGIE_MAX_WAIT=str(WAIT), VIGIE_REMEMBERED="1000", **limits)
    try:
        wait_for(process, url, "/readyz", 200, log)
        _, accounts = rooms(tmp_path, root)
        _, key = accounts.create_key("essai", "platform")
        yield Running(url, key, "", log, process)
    finally:
        stop(process)


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(15, id="short"),
        pytest.param(SOAK_MINUTES * 60, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
def test_at_twice_capacity_it_sheds_and_stays_fast_and_flat(service, seconds):
    able = capacity(service)
    found = offer(service, 2 * able, seconds)
    told(able, found)
    assert found.others == []
    assert found.refused
    for answer in found.refused:
        assert answer.json()["code"] == "overloaded"
        assert int(answer.headers["retry-after"]) >= 1
    # What waits is bounded by what the service refuses: a second of work, then the texts of the request itself.
    assert np.quantile(found.seconds, 0.95) <= 3 * WAIT + 8 / able
    assert len(found.seconds) >= 0.5 * able * seconds
    assert growth(found) <= 0.05 * statistics.median(found.memory) + 16


def growth(found: Offered) -> float:
    """MiB between the second quarter of the time, when all is warm, and the last."""
    quarter = max(1, len(found.memory) // 4)
    return statistics.median(found.memory[-quarter:]) - statistics.median(found.memory[quarter : 2 * quarter])


def told(able: float, found: Offered) -> None:
    p50, p95 = np.quantile(found.seconds, (0.5, 0.95))
    print(
        f"capacity {able:.1f} requests/s; {len(found.seconds)} let in (p50 {p50:.2f} s, p95 {p95:.2f} s), "
        f"{len(found.refused)} shed; memory {found.memory[0]:.0f} to {found.memory[-1]:.0f} MiB, {growth(found):+.0f}"
    )
