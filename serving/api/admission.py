"""Which scoring requests may start: refuses the others at once, so that those let in are answered in time.

Knows how much text waits and how fast texts were read lately; nothing of HTTP or of models. Per worker process.

By Little's law what waits, divided by the rate, is the wait of a newcomer. A long request lets the others in between
its slices, so what a newcomer waits for is one slice of each request under way, not the whole of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from serving.bundle.errors import Overloaded

from .meters import Meters

#: Seconds after which a measurement counts half: the rate follows the machine and the mix of texts.
_HALF_LIFE = 10.0
#: Seconds of reading from which the rate is believed: one cold text says nothing of those that follow.
_LEAST = 0.5
#: Code points that reading a text costs whatever its length, and those beyond which it is cut anyway.
_FIXED, _LONGEST = 20, 10_000


class Admission:
    """The queue in front of the model. Used from the event loop only."""

    def __init__(
        self,
        most: int,
        longest_wait: float,
        meters: Meters | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most ``most`` requests under way, none let in that would wait more than ``longest_wait`` seconds."""
        self._most = most
        self._longest_wait = longest_wait
        self._meters = meters
        self._clock = clock
        self._under_way = 0
        self._pending = 0
        self._busy = 0.0
        self._read = 0.0
        self._mark = clock()

    @property
    def expected_wait(self) -> float:
        """Seconds until a newcomer's first text is read; 0 while too little was measured to tell."""
        return self._pending * self._busy / self._read if self._read and self._busy >= _LEAST else 0.0

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request under way.

        Raises:
            Overloaded: it would wait too long, or too many are under way.
        """
        self._refuse_if_late()
        self._under_way += 1
        self._show()
        try:
            yield
        finally:
            self._under_way -= 1
            self._show()

    @contextmanager
    def reading(self, texts: Sequence[str]) -> Iterator[None]:
        """``texts`` wait and are read; what that took is measured."""
        cost = sum(_FIXED + min(len(text), _LONGEST) for text in texts)
        self._tick()
        self._pending += cost
        read = 0
        try:
            yield
            read = cost
        finally:
            self._tick(read)
            self._pending -= cost

    def _tick(self, read: int = 0) -> None:
        """Count the time since the last tick as busy, if anything waited, and ``read`` as done in it."""
        now = self._clock()
        elapsed, self._mark = now - self._mark, now
        if self._pending:
            fading = 0.5 ** (elapsed / _HALF_LIFE)
            self._busy = self._busy * fading + elapsed
            self._read = self._read * fading + read

    def _refuse_if_late(self) -> None:
        wait = self.expected_wait
        if self._under_way >= self._most:
            why = f"{self._under_way} scoring requests are under way already"
        elif self._under_way and wait > self._longest_wait:
            why = f"a new request would wait {wait:.0f} s"
        else:
            return
        if self._meters:
            self._meters.refused.labels("overloaded").inc()
        again = max(1, math.ceil(wait))
        raise Overloaded(f"{why}; come back in {again} s, or add workers or machines", retry_after=again)

    def _show(self) -> None:
        if self._meters:
            self._meters.under_way.set(self._under_way)
            self._meters.expected_wait.set(self.expected_wait)
