"""Who stands before the queue: people who sign in, keys, and the source of a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .words import KeyKind, Role


@dataclass(frozen=True)
class Account:
    """A person who signs in; ``id`` is the pseudonym that logs and events carry."""

    id: str
    name: str
    role: Role
    must_change_password: bool = False


@dataclass(frozen=True)
class Session:
    """A signed-in person; ``token`` is given once, the database keeps a keyed hash."""

    token: str
    account: Account
    expires_at: datetime


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
