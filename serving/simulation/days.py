"""The discrete-event engine (SimPy): notices come, analysts work their shifts, each reads what the order hands out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from .orders import ReadingOrder
from .scenario import Scenario, Shift
from .world import Notice, World

#: Minutes after a decision at which it is applied to equal texts: the service does so within seconds of an undo's end.
_SETTLED = 2.0
#: Days after the last arrival in which what still waits is read.
_DRAIN_DAYS = 30


@dataclass(frozen=True)
class Reading:
    """One notice dealt with: begun and ended at these minutes.

    Attributes:
        acted: it was found illegal.
        read: by a person; else its text had been read before, and it took no time.
    """

    notice: Notice
    begun: float
    ended: float
    acted: bool
    read: bool = True


def run(world: World, order: ReadingOrder, scenario: Scenario) -> list[Reading]:
    """Every reading, in the order in which it ended, until all is dealt with."""
    day = _Days(world, order)
    for shift in scenario.shifts:
        for number in range(shift.analysts):
            day.env.process(day.analyst(f"{shift.name}-{number}", shift))
    day.env.process(day.arrivals())
    for notice in world.notices:
        day.env.process(day.tellings(notice, scenario.reach.told_after_hours))
    day.env.run(until=day.all_read)
    return day.readings


class _Days:
    """What the processes share."""

    def __init__(self, world: World, order: ReadingOrder) -> None:
        self.env = simpy.Environment()
        self.readings: list[Reading] = []
        self.all_read = self.env.event()
        self._world = world
        self._order = order
        self._arrived = self.env.event()

    def arrivals(self) -> Generator[simpy.Event, Any, None]:
        """Notices, each at its minute."""
        for notice in self._world.notices:
            yield self.env.timeout(notice.at - self.env.now)
            self._order.arrive(notice)
            self._settle()
            rung, self._arrived = self._arrived, self.env.event()
            rung.succeed()

    def tellings(self, notice: Notice, hours: tuple[float, ...]) -> Generator[simpy.Event, Any, None]:
        """The reach of a notice, told again."""
        yield self.env.timeout(notice.at)
        for after in hours:
            yield self.env.timeout(notice.at + 60 * after - self.env.now)
            self._order.seen(notice, self.env.now)

    def analyst(self, name: str, shift: Shift) -> Generator[simpy.Event, Any, None]:
        """Works the shift every day; a reading begun is finished. A night begins the evening before the first day."""
        for day in range(-1, round(self._world.end / 1440) + _DRAIN_DAYS):
            begin, end = 1440.0 * day + 60 * shift.from_hour, 1440.0 * day + 60 * shift.to_hour
            if end <= self.env.now:
                continue
            yield self.env.timeout(max(0.0, begin - self.env.now))
            yield from self._work(name, end)

    def _work(self, name: str, end: float) -> Generator[simpy.Event, Any, None]:
        while self.env.now < end:
            notice = self._order.next(name, self.env.now)
            if notice is None:
                yield self._arrived | self.env.timeout(end - self.env.now)
                continue
            yield from self._read(name, notice)

    def _read(self, name: str, notice: Notice) -> Generator[simpy.Event, Any, None]:
        begun = self.env.now
        done = begun + notice.minutes
        beat = self._order.beat_minutes
        while done - self.env.now > beat:
            yield self.env.timeout(beat)
            self._order.beat(notice, name, self.env.now)
        yield self.env.timeout(max(0.0, done - self.env.now))
        self._order.read(notice, name, self.env.now)
        self._note(Reading(notice, begun, self.env.now, notice.found_illegal))
        self.env.process(self._settle_later())

    def _settle_later(self) -> Generator[simpy.Event, Any, None]:
        yield self.env.timeout(_SETTLED)
        self._settle()

    def _settle(self) -> None:
        now = self.env.now
        for notice, acted in self._order.settle(now):
            self._note(Reading(notice, now, now, acted, read=False))

    def _note(self, reading: Reading) -> None:
        self.readings.append(reading)
        if len(self.readings) == len(self._world.notices):
            self.all_read.succeed()
