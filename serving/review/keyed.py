"""Keyed hashes: what the queue keeps of names, bodies and secrets instead of them.

Each purpose has its own key, so that hashes made for one purpose never match those of another.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from serving.bundle.errors import ConfigError

_SHORTEST_SECRET = 16
#: What the first link of a chain continues.
GENESIS = "0" * 64


def check_secret(secret: bytes) -> bytes:
    """``secret`` itself when it is long enough to keep hashes secret.

    Raises:
        ConfigError: it is shorter than 16 bytes.
    """
    if len(secret) < _SHORTEST_SECRET:
        raise ConfigError(
            f"the secret has {len(secret)} bytes; expected at least {_SHORTEST_SECRET} (VIGIE_SECRET_FILE)"
        )
    return secret


def keyed(secret: bytes, purpose: str, value: str) -> str:
    """HMAC-SHA256 of ``value`` for ``purpose``, 64 hexadecimal characters."""
    key = hmac.digest(secret, purpose.encode(), hashlib.sha256)
    return hmac.digest(key, value.encode(), hashlib.sha256).hex()


def keyed_or_none(secret: bytes, purpose: str, value: str | None) -> str | None:
    """``keyed``, with None for None."""
    return None if value is None else keyed(secret, purpose, value)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: the same value always gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
