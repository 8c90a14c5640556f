"""The bundle that scores, replaceable while it does. Knows nothing of HTTP, queues or of where bundles come from.

``Champion`` stands where a ``Classifier`` is wanted. Whoever asks it twice (for scores, then for the bundle's id) does
so inside ``pinned()``, and is answered by one and the same bundle; a bundle that was replaced is closed once the last
of those who hold it lets go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from .bundle import InputError, Manifest, Verdict
from .classifier import Classifier

#: Told what was read, by which bundle, and what was found.
Observer = Callable[[Manifest, Sequence[str], Sequence[Verdict | InputError]], None]


@dataclass(eq=False)
class _Seat:
    """A classifier, and how many hold it."""

    classifier: Classifier
    holders: int = 0
    #: Set once nobody will hold it any more.
    left: threading.Event = field(default_factory=threading.Event)


_pin: ContextVar[tuple[Champion, _Seat] | None] = ContextVar("vigie_pin", default=None)


class Champion:
    """The classifier in force, under the interface of ``Classifier``. Safe to use from many threads at once."""

    def __init__(self, classifier: Classifier, observer: Observer | None = None) -> None:
        """``observer`` is told of every score; it must return at once."""
        self._seat = _Seat(classifier)
        self._lock = threading.Lock()
        self.observer = observer

    def __getattr__(self, name: str) -> Any:
        """Whatever else a classifier has, of the one pinned here, else of the one in force."""
        return getattr(self._classifier, name)

    @property
    def bundle_id(self) -> str:
        """The id of the bundle that scores."""
        return self._classifier.bundle_id

    @property
    def manifest(self) -> Manifest:
        """What that bundle says of itself."""
        return self._classifier.manifest

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """Judge each text; see ``Classifier.score``."""
        with self.pinned():
            classifier = self._classifier
            found = classifier.score(texts)
        if self.observer:
            self.observer(classifier.manifest, texts, found)
        return found

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """One and the same bundle for everything asked inside, in this task and the threads it calls."""
        if self._pinned_seat():
            yield
            return
        seat = self._hold()
        token = _pin.set((self, seat))
        try:
            yield
        finally:
            _pin.reset(token)
            self._let_go(seat)

    def replace(self, classifier: Classifier) -> None:
        """Put ``classifier`` in force from the next request on; returns once the former one is idle, and closed."""
        with self._lock:
            former, self._seat = self._seat, _Seat(classifier)
            if not former.holders:
                former.left.set()
        former.left.wait()
        former.classifier.close()

    def close(self) -> None:
        """Wait for running windows and free the threads."""
        self._seat.classifier.close()

    @property
    def _classifier(self) -> Classifier:
        return (self._pinned_seat() or self._seat).classifier

    def _pinned_seat(self) -> _Seat | None:
        pin = _pin.get()
        return pin[1] if pin and pin[0] is self else None

    def _hold(self) -> _Seat:
        with self._lock:
            self._seat.holders += 1
            return self._seat

    def _let_go(self, seat: _Seat) -> None:
        with self._lock:
            seat.holders -= 1
            if not seat.holders and seat is not self._seat:
                seat.left.set()
