"""Remembers verdicts by content: what was read lately, or twice in one request, is not read again.

Keyed by bundle and by a keyed hash of the prepared text, so that memory holds no text and no verdict of another bundle;
bounded, the least recently asked for going first. Safe to call from many threads. Knows nothing of HTTP.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from .bundle import InputError, Verdict
from .classifier import checked

Found = Verdict | InputError


class Reader(Protocol):
    """What reads texts: a classifier, or what stands for one."""

    @property
    def bundle_id(self) -> str:
        """The bundle that reads."""

    def score(self, texts: Sequence[str]) -> list[Found]:
        """One verdict or error per text."""


class ContentCache:
    """At most ``capacity`` verdicts (about 2 KiB each), in the memory of one process; none with 0."""

    def __init__(
        self, secret: bytes, capacity: int, note: Callable[[str, int], None] = lambda outcome, texts: None
    ) -> None:
        """``secret`` keys the hashes; ``note`` is told how many texts were a ``hit``, a ``repeat`` or a ``miss``."""
        self._secret = secret
        self._capacity = capacity
        self._note = note
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._verdicts)

    def score(self, reader: Reader, texts: Sequence[str]) -> list[Found]:
        """What ``reader`` says of each text, in order: remembered where it can be, read once where it cannot."""
        bundle = reader.bundle_id
        keys = [self._key(bundle, text) for text in texts]
        known: dict[bytes, Found] = dict(self._recall(keys))
        unseen = {
            key: text for key, text in zip(keys, texts, strict=True) if isinstance(key, bytes) and key not in known
        }
        self._count(keys, known, unseen)
        fresh = dict(zip(unseen, reader.score(list(unseen.values())), strict=True)) if unseen else {}
        if reader.bundle_id == bundle:
            self._remember(fresh)
        known |= fresh
        return [known[key] if isinstance(key, bytes) else key for key in keys]

    def _key(self, bundle: str, text: str) -> bytes | InputError:
        """The key of a text that can be read, or why it cannot: such texts are neither read nor remembered."""
        prepared = checked(text)
        if isinstance(prepared, InputError):
            return prepared
        return hmac.digest(self._secret, f"content\0{bundle}\0{prepared}".encode(), "sha256")

    def _recall(self, keys: Sequence[bytes | InputError]) -> list[tuple[bytes, Verdict]]:
        with self._lock:
            found = [(key, self._verdicts[key]) for key in keys if isinstance(key, bytes) and key in self._verdicts]
            for key, _ in found:
                self._verdicts.move_to_end(key)
        return found

    def _remember(self, fresh: dict[bytes, Found]) -> None:
        with self._lock:
            self._verdicts.update((key, found) for key, found in fresh.items() if isinstance(found, Verdict))
            while len(self._verdicts) > self._capacity:
                self._verdicts.popitem(last=False)

    def _count(self, keys: Sequence[object], known: dict[bytes, Found], unseen: dict[bytes, str]) -> None:
        hits = sum(key in known for key in keys)
        repeats = sum(key in unseen for key in keys) - len(unseen)
        for outcome, texts in (("hit", hits), ("repeat", repeats), ("miss", len(unseen))):
            self._note(outcome, texts)
