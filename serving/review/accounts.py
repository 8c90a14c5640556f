"""Who may come in: API keys and people. Keeps keyed hashes of keys and session tokens, argon2 of passwords.

Knows nothing of routes: what a role may do is decided by the doors, and by the queue for reading cases.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, delete, insert, select, update

from serving.bundle.errors import Conflict, Forbidden, InputError, NotFound, nearest
from serving.policy import SignIn

from . import lockout, second_factor
from .changes import Changes
from .database import reading, writing
from .keyed import check_secret, keyed
from .records import Account, Challenge, Display, Key, KeyKind, Opening, OpenSession, Quota, Role, Session
from .tables import StoredRow, api_keys, people, sessions

_TOKEN_BYTES = 32
#: Keys remembered between two commits to the database.
_REMEMBERED_KEYS = 10_000
_LONGEST_PASSWORD = 1_000


class Accounts:
    """Keys, people and sessions of one database."""

    def __init__(self, engine: Engine, secret: bytes, sign_in: SignIn, *, hasher: PasswordHasher | None = None) -> None:
        """Work on ``engine``; ``secret`` keys the hashes, ``sign_in`` is the policy's section.

        Args:
            hasher: argon2id with other costs than the library's (RFC 9106, low memory).
        """
        self.engine = engine
        self._secret = check_secret(secret)
        self._rules = sign_in
        self._hasher = hasher or PasswordHasher()
        # Verified for unknown names, so that they take as long as known ones.
        self._decoy = self._hasher.hash(secrets.token_urlsafe(_TOKEN_BYTES))
        self._changes = Changes(engine)
        self._keys: tuple[int | None, dict[str, Key]] = (None, {})

    def create_key(self, name: str, kind: KeyKind | str, quota: Quota = Quota()) -> tuple[Key, str]:
        """A new API key; its secret is given this once."""
        plain = f"vigie_{secrets.token_urlsafe(_TOKEN_BYTES)}"
        key = Key(secrets.token_hex(8), _named(name), _member(KeyKind, "kind", kind), _clock(), None, quota)
        values = {"id": key.id, "name": key.name, "kind": key.kind.value, "created_at": key.created_at, **asdict(quota)}
        with writing(self.engine) as connection:
            connection.execute(insert(api_keys).values(**values, digest=self._digest("key", plain)))
        return key, plain

    def list_keys(self) -> list[Key]:
        """All keys, revoked ones included, oldest first."""
        with reading(self.engine) as connection:
            return [_key(row) for row in connection.execute(select(api_keys).order_by(api_keys.c.created_at))]

    def revoke_key(self, key_id: str) -> Key:
        """Shut a key out from now on; what it submitted stays.

        Raises:
            NotFound: no such key.
        """
        live = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with writing(self.engine) as connection:
            connection.execute(update(api_keys).where(*live).values(revoked_at=_clock()))
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
        return _key_of(row, key_id)

    def set_quota(self, key_id: str, quota: Quota) -> Key:
        """Replace what a key may use, from its next request on.

        Raises:
            NotFound: no such key.
        """
        with writing(self.engine) as connection:
            connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(**asdict(quota)))
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
        return _key_of(row, key_id)

    def authenticate_key(self, plain: str) -> Key | None:
        """The live key that ``plain`` is the secret of."""
        digest = self._digest("key", plain)
        mark = self._changes.mark()  # before the look-up: a commit in between makes what is remembered void
        ours = (api_keys.c.digest == digest, api_keys.c.revoked_at.is_(None))
        with reading(self.engine) as connection:
            row = connection.execute(select(api_keys).where(*ours)).first()
        key = _key(row) if row else None
        if key and mark is not None:
            self._remember(mark, digest, key)
        return key

    def recall_key(self, plain: str) -> Key | None:
        """The key of an earlier look-up, while nothing at all was committed to the database since; reads no table.

        A key that was revoked, by whatever process, is never recalled. None says nothing: ask ``authenticate_key``.
        """
        mark, known = self._keys
        return known.get(self._digest("key", plain)) if mark is not None and mark == self._changes.mark() else None

    def _remember(self, mark: int, digest: str, key: Key) -> None:
        then, known = self._keys
        kept = known if then == mark and len(known) < _REMEMBERED_KEYS else {}
        # Replaced whole: a thread that reads meanwhile sees one mark with its own keys.
        self._keys = (mark, {**kept, digest: key})

    def create_user(self, name: str, role: Role | str, password: str | None = None) -> tuple[Account, str | None]:
        """A new person; without a password, a one-time one is returned, to be changed at the first sign-in.

        Raises:
            Conflict: the name is taken.
            InputError: unknown role, or a password too short.
        """
        once = None if password is not None else secrets.token_urlsafe(12)
        values = {
            "id": secrets.token_hex(8),
            "name": _named(name),
            "role": _member(Role, "role", role).value,
            "password_hash": self._hashed(once or password or ""),
            "must_change_password": int(once is not None),
            "created_at": _clock(),
            "failures": 0,
        }
        with writing(self.engine) as connection:
            if connection.scalar(select(people.c.id).where(people.c.name == values["name"])):
                raise Conflict(f"the name {values['name']!r} is taken; choose another", code="name_taken")
            connection.execute(insert(people).values(**values))
            row = connection.execute(select(people).where(people.c.id == values["id"])).one()
        return self._account(row), once

    def list_users(self) -> list[Account]:
        """Everybody, by name."""
        with reading(self.engine) as connection:
            return [self._account(row) for row in connection.execute(select(people).order_by(people.c.name))]

    def set_display(self, account_id: str, display: Display) -> None:
        """How somebody wants the console, from the next page on."""
        with writing(self.engine) as connection:
            connection.execute(update(people).where(people.c.id == account_id).values(settings=asdict(display)))

    def change_password(self, account_id: str, old: str, new: str) -> Session:
        """Replace a password; every session of this person ends, and a fresh one begins.

        Raises:
            Forbidden: ``old`` is not the password, or the account is locked.
            InputError: ``new`` is too short, or is ``old``: a one-time password would serve for ever.
        """
        if new == old:
            raise InputError("the new password is the old one; choose another", code="same_password", pointer="/new")
        hashed = self._hashed(new)
        with reading(self.engine) as connection:
            row = connection.execute(select(people).where(people.c.id == account_id)).first()
        if row is None or self._attempt(row.name, old, _clock()) is None:
            raise Forbidden("the old password is not right, or the account is locked", code="wrong_password")
        with writing(self.engine) as connection:
            changes = {"password_hash": hashed, "must_change_password": 0}
            connection.execute(update(people).where(people.c.id == account_id).values(**changes))
            connection.execute(delete(sessions).where(sessions.c.person_id == account_id))
        return self._opened(account_id, _clock())

    def sign_in(self, name: str, password: str, now: datetime | None = None) -> Session | Challenge | None:
        """Open a session, or ask for a code where there is a second factor.

        None when the name or password is wrong, and while the account is locked out.
        """
        now = now or _clock()
        row = self._attempt(name, password, now)
        if row is None:
            return None
        return self._opened(row.id, now) if row.totp_secret is None else second_factor.challenge(self._secret, row, now)

    def answer(self, token: str, code: str, now: datetime | None = None) -> Session | None:
        """Open the session of a challenge.

        None when the code is wrong or has served, which counts as a failure, and when the challenge is too old.
        """
        now = now or _clock()
        with writing(self.engine) as connection:
            row = lockout.lock(connection, people.c.id == second_factor.whom(token))
            if row is None or not second_factor.proves(self._secret, row, token, now):
                return None
            if not self._passes(connection, row, code, now):
                return None
        return self._opened(row.id, now)

    def propose_second_factor(self, account: Account, seed: str = "") -> second_factor.Enrolment:
        """A key for an authenticator, that of ``seed`` again; nothing changes until ``confirm_second_factor``."""
        return second_factor.propose(self._secret, account.id, account.name, seed)

    def confirm_second_factor(
        self, account: Account, seed: str, code: str, now: datetime | None = None
    ) -> tuple[str, ...]:
        """Ask for codes from now on; returns the recovery codes, shown this once.

        Raises:
            Conflict: there is a second factor already.
            InputError: the code is not that of the proposed key.
        """
        with writing(self.engine) as connection:
            row = lockout.lock(connection, people.c.id == account.id)
            if row is None or row.totp_secret is not None:
                raise Conflict("there is a second factor already; remove it first", code="already_enrolled")
            fresh = second_factor.enrol(connection, self._secret, account.id, seed, code, now or _clock())
        if fresh is None:
            raise InputError("the code is not right; type the one shown now", code="wrong_code", pointer="/code")
        return fresh

    def drop_second_factor(self, account: Account, password: str, code: str, now: datetime | None = None) -> None:
        """Ask for no code any more; where the policy wants one, another must be enrolled.

        Raises:
            Forbidden: the password or the code is not right, or the account is locked.
        """
        now = now or _clock()
        if self._attempt(account.name, password, now) is None:
            raise Forbidden("the password is not right, or the account is locked", code="wrong_password")
        with writing(self.engine) as connection:
            row = lockout.lock(connection, people.c.id == account.id)
            passed = row is not None and self._passes(connection, row, code, now)
            if passed:
                second_factor.drop(connection, account.id)
        if not passed:
            raise Forbidden("the code is not right, or the account is locked", code="wrong_code")

    def reset_second_factor(self, name: str) -> Account:
        """Take the second factor of somebody who has lost it, and end their sessions.

        Raises:
            NotFound: nobody has this name.
        """
        with writing(self.engine) as connection:
            row = lockout.lock(connection, people.c.name == name)
            if row is None:
                raise NotFound(f"nobody is called {name[:64]!r}; `vigie user list` shows the names")
            second_factor.drop(connection, row.id)
            connection.execute(delete(sessions).where(sessions.c.person_id == row.id))
            return self._account(connection.execute(select(people).where(people.c.id == row.id)).one())

    def session(self, token: str, now: datetime | None = None) -> Account | None:
        """Who holds ``token``, while its session lasts."""
        ours = (sessions.c.digest == self._digest("session", token), sessions.c.expires_at > (now or _clock()))
        query = select(people).join(sessions, sessions.c.person_id == people.c.id).where(*ours)
        with reading(self.engine) as connection:
            row = connection.execute(query).first()
        return self._account(row) if row else None

    def open_sessions(self, account_id: str, token: str, now: datetime | None = None) -> list[OpenSession]:
        """The sessions of one person, newest first; ``token`` tells the current one."""
        ours = (sessions.c.person_id == account_id, sessions.c.expires_at > (now or _clock()))
        current = self._digest("session", token)
        with reading(self.engine) as connection:
            rows = connection.execute(select(sessions).where(*ours).order_by(sessions.c.created_at.desc()))
            return [OpenSession(row.created_at, row.expires_at, row.digest == current) for row in rows]

    def sign_out(self, token: str) -> None:
        """End a session."""
        with writing(self.engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == self._digest("session", token)))

    def sign_out_everywhere(self, account_id: str, *, but: str = "") -> None:
        """End every session of one person, except that of the token ``but``."""
        others = (sessions.c.person_id == account_id, sessions.c.digest != self._digest("session", but))
        with writing(self.engine) as connection:
            connection.execute(delete(sessions).where(*others))

    def _opened(self, person_id: str, now: datetime) -> Session:
        token, until = secrets.token_urlsafe(_TOKEN_BYTES), now + timedelta(hours=self._rules.session_hours)
        values = {"person_id": person_id, "created_at": now, "expires_at": until}
        with writing(self.engine) as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at < now))
            connection.execute(insert(sessions).values(digest=self._digest("session", token), **values))
            row = connection.execute(select(people).where(people.c.id == person_id)).one()
        return Session(token, self._account(row), until)

    def _passes(self, connection: Connection, row: StoredRow, code: str, now: datetime) -> bool:
        """Whether ``code`` is right; a wrong one counts as a failure, a right one clears them."""
        if not lockout.count(connection, self._rules, row, now):
            return False
        passed = second_factor.accepts(connection, self._secret, row, code, now)
        if passed:
            lockout.clear(connection, row.id)
        return passed

    def _attempt(self, name: str, password: str, now: datetime) -> StoredRow | None:
        """The person, when the password is right. Counted as a failure first, so that guesses in parallel count."""
        with writing(self.engine) as connection:
            row = lockout.lock(connection, people.c.name == name)
            if row is not None and not lockout.count(connection, self._rules, row, now):
                row = None
        if not self._matches(row.password_hash if row else self._decoy, password) or row is None:
            return None
        with writing(self.engine) as connection:
            if row.totp_secret is None:
                lockout.clear(connection, row.id)
            else:
                lockout.excuse(connection, self._rules, row.id)
        return row

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return len(password) <= _LONGEST_PASSWORD and self._hasher.verify(
                hashed, password.encode("utf-8", "replace")
            )
        except (VerificationError, InvalidHashError):
            return False

    def _hashed(self, password: str) -> str:
        shortest = self._rules.shortest_password
        if not shortest <= len(password) <= _LONGEST_PASSWORD:
            detail = f"the password has {len(password)} characters; expected {shortest} to {_LONGEST_PASSWORD}"
            raise InputError(detail, code="bad_password", pointer="/password")
        return self._hasher.hash(password)

    def _digest(self, purpose: str, secret: str) -> str:
        return keyed(self._secret, purpose, secret.encode("utf-8", "replace").decode())

    def _account(self, row: StoredRow) -> Account:
        return Account(
            row.id,
            row.name,
            Role(row.role),
            must_change_password=bool(row.must_change_password),
            second_factor=row.totp_secret is not None,
            must_enrol=row.totp_secret is None and row.role in self._rules.second_factor_roles,
            display=_display(row.settings),
        )


def _key(row: StoredRow) -> Key:
    quota = Quota(row.requests_per_minute, row.texts_per_minute, row.concurrency)
    return Key(row.id, row.name, KeyKind(row.kind), row.created_at, row.revoked_at, quota)


def _key_of(row: StoredRow | None, key_id: str) -> Key:
    if row is None:
        raise NotFound(f"no key {key_id[:64]!r}; `vigie key list` shows the ids")
    return _key(row)


def _display(stored: dict[str, Any] | None) -> Display:
    return Display(**{**stored, "opening": Opening(stored["opening"])}) if stored else Display()


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        raise InputError("name must have 1 to 200 printable characters", code="bad_name", pointer="/name")
    return name.strip()


def _member(kind: Any, what: str, value: Any) -> Any:
    known = [str(member) for member in kind]
    if str(value) not in known:
        detail = (
            f"{what} {str(value)[:64]!r} is unknown{nearest(str(value), known)}; expected one of {', '.join(known)}"
        )
        raise InputError(detail, code=f"unknown_{what}", pointer=f"/{what}")
    return kind(str(value))


def _clock() -> datetime:
    return datetime.now(UTC)
