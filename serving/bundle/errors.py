"""The error tree of Vigie: what a person or a client can be told.

Every message names the field or key, the value (never the text to be scored) and what was expected, and says what to
do. Doors (command line, HTTP, console) translate these; nothing else is ever shown to a user.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VigieError(Exception):
    """Root of the tree.

    Attributes:
        detail: one sentence for the reader.
        code: stable machine name, snake case.
        pointer: JSON pointer (RFC 6901) or file key of the culprit, when there is one.
    """

    default_code = "error"

    def __init__(self, detail: str, *, code: str | None = None, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.pointer = pointer

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.detail, self.code, self.pointer))


def _rebuild(kind: type[VigieError], detail: str, code: str, pointer: str | None) -> VigieError:
    return kind(detail, code=code, pointer=pointer)


class InputError(VigieError):
    """A text, body, row or file that cannot be used as it is."""

    default_code = "invalid_input"


class ConfigError(VigieError):
    """A configuration, card or recipe that does not say what it must."""

    default_code = "invalid_config"


class BundleError(VigieError):
    """A bundle that is incomplete, altered, or newer than this program."""

    default_code = "invalid_bundle"


class NotFound(VigieError):
    """The thing named does not exist, or not for this reader."""

    default_code = "not_found"


class Conflict(VigieError):
    """The state has moved, or the same identifier carries another content."""

    default_code = "conflict"


class Forbidden(VigieError):
    """Known caller, not allowed to do this."""

    default_code = "forbidden"


class Unavailable(VigieError):
    """A resource Vigie needs cannot be reached now (network, database, disk)."""

    default_code = "unavailable"


class Overloaded(Unavailable):
    """Vigie does as much as it can, and refuses rather than let everybody wait.

    Attributes:
        retry_after: seconds after which it has probably caught up.
    """

    default_code = "overloaded"

    def __init__(
        self, detail: str, *, code: str | None = None, pointer: str | None = None, retry_after: int = 1
    ) -> None:
        super().__init__(detail, code=code, pointer=pointer)
        self.retry_after = retry_after


class TooMany(VigieError):
    """The caller has used what it may use for now.

    Attributes:
        retry_after: seconds after which there is some again.
    """

    default_code = "too_many_requests"

    def __init__(
        self, detail: str, *, code: str | None = None, pointer: str | None = None, retry_after: int = 1
    ) -> None:
        super().__init__(detail, code=code, pointer=pointer)
        self.retry_after = retry_after


class MissingExtra(VigieError):
    """A part of Vigie whose optional dependencies are not installed."""

    default_code = "missing_extra"

    @classmethod
    def of(cls, extra: str, module: str) -> MissingExtra:
        """Name the pip line that brings ``module``."""
        return cls(f"the module {module!r} is missing; install it with: pip install 'vigie[{extra}]'")


def nearest(key: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known key nearest to ``key``, else an empty string."""
    found = difflib.get_close_matches(key, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
