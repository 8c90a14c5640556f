"""A queue to try: real French rows when a mirror or the network is there, our own cases otherwise.

Texts are of public test splits (``configs/demo.toml`` names the rows, not the texts) or written by us; what stands
around them (reach, reporter, order) is drawn here from a seed and says nothing true of anybody.
"""

from __future__ import annotations

import csv
import hashlib
import io
import random
import secrets
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from .bundle import ConfigError, Unavailable, VigieError, load_taxonomy
from .bundle.config import Frozen, load, read_toml
from .policy import load_policy
from .review import Accounts, KeyKind, NewCase, Queue, Role, Source, open_database
from .settings import Settings

TIMEOUT_S = 5.0
SEED = 17
OWN_ROWS = 200


class DemoFile(Frozen):
    """Rows of one published CSV file."""

    source: str
    url: str
    sha256: str
    #: Path below a mirror folder.
    mirror: str
    id_column: str
    text_column: str
    rows: tuple[str, ...]


class DemoRows(Frozen):
    """``configs/demo.toml``."""

    files: tuple[DemoFile, ...] = Field(alias="file")


@dataclass(frozen=True)
class Demo:
    """What a newcomer needs to try the queue."""

    user: str
    password: str
    key: str
    cases: int
    source: str


def prepare_demo(settings: Settings) -> Demo:
    """Fill the queue (once; again is harmless), and make a fresh analyst and a fresh platform key."""
    engine = open_database(settings.database_url)
    secret, policy = settings.secret(), load_policy(settings.policy_path)
    accounts = Accounts(engine, secret, policy.sign_in)
    queue = Queue(engine, policy, load_taxonomy(settings.taxonomy_path), secret)
    source = "an earlier run"
    if not any(queue.stats().states.values()):
        texts, source = demo_texts(settings)
        for kind, cases in _by_kind(texts).items():
            key, _ = accounts.create_key(f"démonstration ({kind.value})", kind)
            queue.receive(cases, source=Source(key.id, kind))
    _, plain = accounts.create_key("démonstration", KeyKind.PLATFORM)
    name = f"demo-{secrets.token_hex(3)}"
    account, password = accounts.create_user(name, Role.ANALYST)
    return Demo(account.name, password or "", plain, sum(queue.stats().states.values()), source)


def demo_texts(settings: Settings) -> tuple[list[tuple[str, str]], str]:
    """(external id, text) of each row, and where they come from, in words; why, when it is not where one would wish."""
    try:
        files = load(DemoRows, settings.configs / "demo.toml").files
        return [row for file in files for row in _published(file, settings)], "public French test rows"
    except VigieError as error:
        return list(_own_rows(settings.datasets / "vigie")), f"our own cases, not public rows: {error.detail}"


def _published(file: DemoFile, settings: Settings) -> Iterator[tuple[str, str]]:
    wanted = set(file.rows)
    text = _verified(file, settings).decode("utf-8", "replace")
    for record in csv.DictReader(io.StringIO(text, newline="")):
        if record[file.id_column] in wanted:
            wanted.remove(record[file.id_column])
            yield f"{file.source}/{record[file.id_column]}", record[file.text_column]


def _verified(file: DemoFile, settings: Settings) -> bytes:
    """Bytes of the file, from the mirror or the network, checked against their digest."""
    place, content = _content(file, settings.mirror)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ConfigError(f"{place}: its digest is not {file.sha256}; the file has changed", code="wrong_digest")
    return content


def _content(file: DemoFile, mirror: Path | None) -> tuple[str, bytes]:
    """Where the file was read, and its bytes.

    Raises:
        Unavailable: names the place.
    """
    try:
        if mirror is not None:
            return str(mirror / file.mirror), (mirror / file.mirror).read_bytes()
        with urllib.request.urlopen(file.url, timeout=TIMEOUT_S) as answer:  # noqa: S310 (https, from our own file)
            return file.url, answer.read(64 * 1024 * 1024)
    except OSError as error:
        if mirror is not None:
            raise Unavailable(f"VIGIE_MIRROR {mirror} has no readable {file.mirror}") from None
        raise Unavailable(f"no mirror, and no network ({getattr(error, 'reason', error)})") from None


def _own_rows(folder: Path) -> Iterator[tuple[str, str]]:
    """Held-out cases of ours without slots: the model never saw them."""
    cases = [case for path in sorted(folder.glob("held_out_*.toml")) for case in read_toml(path)["case"]]
    whole = [(case["id"], case["text"]) for case in cases if "{" not in case["text"]]
    yield from random.Random(SEED).sample(whole, min(OWN_ROWS, len(whole)))


def _by_kind(texts: list[tuple[str, str]]) -> dict[KeyKind, list[NewCase]]:
    """Cases by the kind of key that brings them."""
    draw, now = random.Random(SEED), datetime.now(UTC)
    found: dict[KeyKind, list[NewCase]] = {kind: [] for kind in KeyKind}
    for number, (external_id, text) in enumerate(texts):
        kind = _kind(number)
        case = {"external_id": external_id, "text": text, "language": "fr", **_surroundings(draw, now)}
        if kind is KeyKind.AUTHORITY:
            case["order"] = {"authority": "Autorité de démonstration", "reference": f"DEMO-{number}", "kind": "lcen"}
        found[kind].append(NewCase.model_validate(case))
    return found


def _kind(number: int) -> KeyKind:
    """Mostly a platform, some trusted flaggers, one order in fifty."""
    if number % 50 == 7:
        return KeyKind.AUTHORITY
    return KeyKind.TRUSTED_FLAGGER if number % 9 == 4 else KeyKind.PLATFORM


def _surroundings(draw: random.Random, now: datetime) -> dict[str, Any]:
    return {
        "received_at": now - timedelta(minutes=draw.uniform(0, 600)),
        "reach": int(draw.lognormvariate(5, 2)),
        "author_id": f"auteur-{draw.randrange(150)}",
        "target_id": f"cible-{draw.randrange(60)}",
        "reporter": {"id": f"signaleur-{draw.randrange(40)}"},
    }
