"""Admission on a clock moved by hand: who is let in follows from what waits and from the rate measured."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from serving.api.admission import Admission
from serving.api.meters import Meters
from serving.bundle.errors import Overloaded

TEXT = "x" * 80  # 100 units with what every text costs


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def let_in(admission: Admission) -> None:
    with admission.request():
        pass


def measured(clock: Clock, seconds_per_text: float, *, most: int = 8, longest: float = 2.0, **others) -> Admission:
    """An admission that has seen ten texts read at this speed."""
    admission = Admission(most, longest, clock=clock, **others)
    for _ in range(10):
        with admission.reading([TEXT]):
            clock.now += seconds_per_text
    return admission


def test_nothing_measured_lets_everybody_in_up_to_the_bound(clock):
    admission = Admission(2, 1.0, clock=clock)
    with admission.request(), admission.request(), pytest.raises(Overloaded, match="2 scoring requests"):
        let_in(admission)
    let_in(admission)


def test_one_cold_text_shuts_nobody_out(clock):
    admission = Admission(100, 1, clock=clock)
    with admission.request():
        with admission.reading(["a"]):
            clock.now += 0.4
        with admission.reading(["a" * 5_000]), admission.request():
            assert admission.expected_wait == 0


def test_the_wait_is_what_waits_over_the_rate(clock):
    admission = measured(clock, 0.5)
    with admission.reading([TEXT] * 3):
        assert admission.expected_wait == pytest.approx(1.5)
    assert admission.expected_wait == 0


def test_idle_time_does_not_slow_the_rate(clock):
    admission = measured(clock, 0.5)
    clock.now += 1_000
    with admission.reading([TEXT]):
        assert admission.expected_wait == pytest.approx(0.5)


def test_the_rate_follows_a_machine_that_slows_down(clock):
    admission = measured(clock, 0.01)
    for _ in range(20):
        with admission.reading([TEXT]):
            clock.now += 2.0
    with admission.reading([TEXT]):
        assert admission.expected_wait == pytest.approx(2.0, rel=0.1)


def test_a_newcomer_that_would_wait_too_long_is_told_when_to_come_back(clock):
    admission = measured(clock, 0.5)
    with admission.request(), admission.reading([TEXT] * 7), pytest.raises(Overloaded) as caught:
        let_in(admission)
    assert caught.value.retry_after == 4
    let_in(admission)


def test_a_lone_long_request_is_let_in_and_its_own_slices_shut_nobody_out_afterwards(clock):
    admission = measured(clock, 0.5)
    with admission.request():
        for _ in range(5):
            with admission.reading([TEXT] * 3), admission.request():
                clock.now += 1.5
    assert admission.expected_wait == 0


def test_readings_at_the_same_time_add_up(clock):
    admission = measured(clock, 0.5)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(admission.reading([TEXT]))
        assert admission.expected_wait == pytest.approx(1.5)


def test_a_reading_that_fails_leaves_nothing_waiting(clock):
    admission = measured(clock, 0.5)
    with pytest.raises(RuntimeError), admission.request(), admission.reading([TEXT] * 9):
        raise RuntimeError
    assert admission.expected_wait == 0
    let_in(admission)


def test_twice_the_capacity_is_half_refused_and_the_wait_of_the_others_is_bounded(clock):
    """A request of one text every 0.25 s where one takes 0.5 s: whoever is let in waits at most the bound."""
    admission = measured(clock, 0.5, most=1_000, longest=2.0)
    waiting: list[tuple[float, ExitStack]] = []
    waits, refused = [], 0
    start = clock.now
    for _ in range(800):
        clock.now += 0.25
        if waiting and (clock.now - start) % 0.5 == 0:
            since, stack = waiting.pop(0)
            waits.append(clock.now - since)
            stack.close()
        stack = ExitStack()
        try:
            stack.enter_context(admission.request())
        except Overloaded:
            refused += 1
            continue
        stack.enter_context(admission.reading([TEXT]))
        waiting.append((clock.now, stack))
    assert 350 <= refused <= 450
    assert max(waits) <= 2.0 + 1.0


def test_refusals_and_waits_are_counted(clock):
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    admission = measured(clock, 0.5, most=1, meters=Meters(registry))
    with admission.request(), pytest.raises(Overloaded), admission.request():
        pass
    shown = generate_latest(registry).decode()
    assert 'vigie_refused_total{reason="overloaded"} 1.0' in shown
    assert "vigie_scoring_under_way 0.0" in shown
