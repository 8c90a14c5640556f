"""Tokens against forged posts: derived from the session, so that nothing is stored. Knows nothing of HTTP."""

from __future__ import annotations

import hashlib
import hmac

#: Where a form, or a script that uses the session cookie, sends the token.
FIELD = "csrf"
HEADER = "x-csrf-token"


def csrf_token(secret: bytes, session: str) -> str:
    """The token of ``session`` (for the sign-in page, of its own short-lived cookie): 64 hexadecimal digits."""
    return hmac.new(secret, b"csrf\0" + session.encode(), hashlib.sha256).hexdigest()


def csrf_matches(secret: bytes, session: str, given: str | None) -> bool:
    """Whether ``given`` is the token of ``session``, in constant time."""
    return given is not None and hmac.compare_digest(
        csrf_token(secret, session).encode(), given.encode("utf-8", "replace")
    )
