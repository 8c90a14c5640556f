"""A second bundle that reads what the first one reads, and is only compared with it. It never answers anybody.

Off the hot path: texts are handed over without waiting, in a queue that is bounded in code points and drops what does
not fit; they are read by one thread at the lowest priority of the machine, on one session. Texts live in that queue
only, and never leave the process. Knows nothing of HTTP or of the review queue.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from .bundle import InputError, Manifest, Verdict
from .bundle.verdict import at_least, level_of
from .classifier import Classifier

log = logging.getLogger("vigie.shadow")

#: Code points that may wait to be read.
ROOM = 1_000_000
_LOWEST = 19


@dataclass(frozen=True)
class Difference:
    """What two bundles say of one label of one text."""

    label: str
    gap: float
    #: Another level.
    level: bool
    #: The other side of `probable`: flagged by one bundle only.
    flag: bool


class Sink(Protocol):
    """Where comparisons are counted."""

    def shadow_texts(self, outcome: str, number: int) -> None:
        """``number`` texts were compared, dropped or failed."""

    def shadow_difference(self, found: Difference) -> None:
        """One label of one text was compared."""


def differences(manifest: Manifest, verdict: Verdict, other: Manifest, second: Verdict) -> Iterator[Difference]:
    """Label by label, for those that both bundles score; each verdict under the thresholds of its own bundle."""
    theirs = {label.key: label for label in other.labels}
    for label in manifest.labels:
        score, opposite = verdict.scores[label.key], second.scores[label.key]
        if label.key not in theirs or score is None or opposite is None:
            continue
        levels = level_of(label, score), level_of(theirs[label.key], opposite)
        flags = [at_least(level, "probable") for level in levels]
        yield Difference(label.key, abs(score - opposite), levels[0] != levels[1], flags[0] != flags[1])


@dataclass(frozen=True)
class _Offer:
    manifest: Manifest
    texts: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def size(self) -> int:
        return sum(len(text) for text in self.texts)


class Shadow(threading.Thread):
    """The thread that reads behind the champion, until stopped."""

    def __init__(self, classifier: Classifier, sink: Sink, room: int = ROOM) -> None:
        """Compare with ``classifier``, which this thread closes at its end; at most ``room`` code points wait."""
        super().__init__(name="vigie-shadow", daemon=True)
        self.classifier = classifier
        self._sink = sink
        self._room = room
        self._waiting: deque[_Offer] = deque()
        self._size = 0
        self._stopping = False
        self._changed = threading.Condition()

    def offer(self, manifest: Manifest, texts: Sequence[str], found: Sequence[Verdict | InputError]) -> None:
        """Hand over what the champion found; returns at once. What does not fit is dropped and counted."""
        pairs = [(text, verdict) for text, verdict in zip(texts, found, strict=True) if isinstance(verdict, Verdict)]
        if not pairs:
            return
        offer = _Offer(manifest, *zip(*pairs, strict=True))
        with self._changed:
            fits = not self._stopping and self._size + offer.size <= self._room
            if fits:
                self._waiting.append(offer)
                self._size += offer.size
                self._changed.notify()
        if not fits:
            self._sink.shadow_texts("dropped", len(pairs))

    def stop(self) -> None:
        """Stop after the texts under way; those that wait are not read."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.join()

    def run(self) -> None:
        """Read what is offered."""
        _yield_to_others()
        while offer := self._next():
            try:
                self._compare(offer)
            except Exception as error:  # a shadow that fails must disturb nobody; its message may quote a text
                self._sink.shadow_texts("failed", len(offer.texts))
                log.error("the shadow bundle failed", extra={"fields": {"error": type(error).__name__}})
        self.classifier.close()

    def _next(self) -> _Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            if self._stopping:
                return None
            offer = self._waiting.popleft()
            self._size -= offer.size
            return offer

    def _compare(self, offer: _Offer) -> None:
        for text, verdict in zip(offer.texts, offer.verdicts, strict=True):
            (second,) = self.classifier.score([text])
            if isinstance(second, Verdict):
                for found in differences(offer.manifest, verdict, self.classifier.manifest, second):
                    self._sink.shadow_difference(found)
            self._sink.shadow_texts("compared" if isinstance(second, Verdict) else "failed", 1)


def _yield_to_others() -> None:
    """Lowest priority for this thread and those it starts; Linux counts priorities per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
