"""Digests that name a content: of files, of lists of digests, of values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(digests: Iterable[str]) -> str:
    """One digest for several, in their order; a single one stands for itself."""
    every = list(digests)
    return every[0] if len(every) == 1 else hashlib.sha256("\n".join(every).encode()).hexdigest()


def value_sha256(value: object) -> str:
    """Digest of a JSON-able value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def unit_interval(text: str) -> float:
    """A number in [0, 1) drawn from ``text`` alone: the same on every machine, for ever."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56
