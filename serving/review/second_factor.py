"""The second factor: challenges, time-based codes (RFC 6238), recovery codes. Knows one person at a time, no session.

The database keeps a seed; the authenticator's key is derived from it with the deployment's secret, so that a stolen
database alone gives no code. No code serves twice.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import Connection, delete, insert, update

from .keyed import keyed
from .records import Challenge
from .tables import StoredRow, people, recovery_codes

#: Seconds a code lasts, and how many steps before and after the present one are accepted: clocks differ.
STEP, DRIFT = 30, 1
RECOVERY_CODES = 10
#: What an authenticator shows over its codes.
ISSUER = "Vigie"
_SEED = re.compile(r"[0-9a-f]{32}")
#: RFC 4226 recommends 160 bits.
_KEY_BYTES = 20
_RECOVERY_BYTES = 10
_CHALLENGE_SECONDS = 300


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator is given: ``uri`` as a QR code, or ``key`` by hand; ``seed`` comes back with a code."""

    seed: str
    key: str
    uri: str


def challenge(secret: bytes, person: StoredRow, now: datetime) -> Challenge:
    """What proves for five minutes that the password was right; void once the password or the factor changes."""
    signed = f"{person.id}.{int(now.timestamp()) + _CHALLENGE_SECONDS}"
    return Challenge(f"{signed}.{_proof(secret, person, signed)}")


def whom(token: str) -> str:
    """The id of the person whom a challenge says that it is for."""
    return token.partition(".")[0]


def proves(secret: bytes, person: StoredRow, token: str, now: datetime) -> bool:
    """Whether ``token`` is a challenge of ours to this person, and still young."""
    signed, _, proof = token.rpartition(".")
    ours = hmac.compare_digest(_proof(secret, person, signed).encode(), proof.encode("utf-8", "replace"))
    return ours and int(signed.partition(".")[2]) > now.timestamp()


def _proof(secret: bytes, person: StoredRow, signed: str) -> str:
    bound = f"{signed}:{person.password_hash}:{person.totp_secret}"
    return keyed(secret, "challenge", bound.encode("utf-8", "replace").decode())


def propose(secret: bytes, person_id: str, name: str, seed: str) -> Enrolment:
    """A new key for an authenticator; nothing is stored until a code proves that it was taken.

    ``seed`` is that of an earlier proposal, for whoever mistyped the first code.
    """
    seed = seed if _SEED.fullmatch(seed) else secrets.token_hex(16)
    key = _key(secret, person_id, seed)
    return Enrolment(seed, key, pyotp.TOTP(key, interval=STEP).provisioning_uri(name=name, issuer_name=ISSUER))


def enrol(
    connection: Connection, secret: bytes, person_id: str, seed: str, code: str, now: datetime
) -> tuple[str, ...] | None:
    """Store the factor and return fresh recovery codes, shown this once; None when seed or code are not right."""
    step = _step(_key(secret, person_id, seed), _plain(code), now) if _SEED.fullmatch(seed) else None
    if step is None:
        return None
    connection.execute(update(people).where(people.c.id == person_id).values(totp_secret=seed, totp_at=step))
    fresh = tuple(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES))
    rows = [{"digest": _digest(secret, person_id, one), "person_id": person_id} for one in fresh]
    connection.execute(insert(recovery_codes), rows)
    return fresh


def drop(connection: Connection, person_id: str) -> None:
    """Forget the factor and its recovery codes."""
    connection.execute(update(people).where(people.c.id == person_id).values(totp_secret=None, totp_at=None))
    connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))


def accepts(connection: Connection, secret: bytes, person: StoredRow, code: str, now: datetime) -> bool:
    """Whether ``code`` is one of this locked ``person``, as an authenticator or a sheet of recovery codes gives it.

    It is used up by being accepted, and so are the time-based ones before it.
    """
    if person.totp_secret is None:
        return False
    plain = _plain(code)
    step = _step(_key(secret, person.id, person.totp_secret), plain, now)
    if step is None:
        return _recovers(connection, secret, person.id, plain, now)
    if step <= person.totp_at:
        return False
    connection.execute(update(people).where(people.c.id == person.id).values(totp_at=step))
    return True


def _recovers(connection: Connection, secret: bytes, person_id: str, plain: str, now: datetime) -> bool:
    ours = (recovery_codes.c.digest == _digest(secret, person_id, plain), recovery_codes.c.used_at.is_(None))
    return connection.execute(update(recovery_codes).where(*ours).values(used_at=now)).rowcount == 1


def _plain(code: str) -> str:
    """A code without the spaces and hyphens that people type, in the case of ours."""
    return re.sub(r"[^0-9A-Z]", "", code[:100].upper())


def _step(key: str, plain: str, now: datetime) -> int | None:
    """The time step that a time-based code belongs to, around ``now``."""
    present, totp = int(now.timestamp()) // STEP, pyotp.TOTP(key, interval=STEP)
    around = range(present - DRIFT, present + DRIFT + 1)
    return next((step for step in around if hmac.compare_digest(totp.generate_otp(step), plain)), None)


def _key(secret: bytes, person_id: str, seed: str) -> str:
    derived = bytes.fromhex(keyed(secret, "totp", f"{person_id}:{seed}"))
    return base64.b32encode(derived[:_KEY_BYTES]).decode()


def _digest(secret: bytes, person_id: str, plain: str) -> str:
    return keyed(secret, "recovery", f"{person_id}:{plain}")
