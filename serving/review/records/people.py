"""Who stands before the queue: people who sign in, keys, and the source of a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .words import KeyKind, Opening, Role


@dataclass(frozen=True)
class Display:
    """How somebody wants the console.

    Attributes:
        warned: a text that is grave to read waits until it is asked for, whatever ``opening`` says.
        shortcuts: single keys act; some people's tools type them by accident (WCAG 2.1.4).
    """

    opening: Opening = Opening.MASKED
    warned: bool = True
    shortcuts: bool = True

    def opens(self, grave: bool) -> Opening:
        """What becomes of a text."""
        return Opening.MASKED if grave and self.warned else self.opening


@dataclass(frozen=True)
class Account:
    """A person who signs in; ``id`` is the pseudonym that logs and events carry.

    Attributes:
        second_factor: a code is asked for after the password.
        must_enrol: the policy asks this role for a second factor, and there is none yet.
    """

    id: str
    name: str
    role: Role
    must_change_password: bool = False
    second_factor: bool = False
    must_enrol: bool = False
    display: Display = Display()

    @property
    def settled(self) -> bool:
        """Nothing is left to do before working."""
        return not self.must_change_password and not self.must_enrol


@dataclass(frozen=True)
class Session:
    """A signed-in person; ``token`` is given once, the database keeps a keyed hash."""

    token: str
    account: Account
    expires_at: datetime


@dataclass(frozen=True)
class Challenge:
    """The password was right and a code is still wanted; ``token`` proves the first for five minutes."""

    token: str


@dataclass(frozen=True)
class OpenSession:
    """A session of somebody, as they see it; ``current`` is the one they look from."""

    opened_at: datetime
    expires_at: datetime
    current: bool


@dataclass(frozen=True)
class Source:
    """The key by which cases come."""

    key_id: str
    kind: KeyKind


@dataclass(frozen=True)
class Quota:
    """What a key may use; None is the deployment's default, 0 no limit."""

    requests_per_minute: int | None = None
    texts_per_minute: int | None = None
    #: Requests under way at the same time.
    concurrency: int | None = None


@dataclass(frozen=True)
class Key:
    """An API key; its secret was shown once."""

    id: str
    name: str
    kind: KeyKind
    created_at: datetime
    revoked_at: datetime | None = None
    quota: Quota = Quota()

    @property
    def source(self) -> Source:
        """The source of what this key submits."""
        return Source(self.id, self.kind)
