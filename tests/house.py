"""The whole application in one process: real database, real tiny bundle, real gate; no socket."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from serving.api import create_app, guarded
from serving.api.auth import COOKIE, Doors
from serving.api.csrf import csrf_token
from serving.api.limits import Limits
from serving.api.meters import Meters
from serving.api.quotas import Quotas
from serving.bundle import MAX_CODE_POINTS, load_taxonomy, open_bundle
from serving.classifier import Classifier
from serving.console import Desk, Words, create_console
from serving.facades import load_facades
from serving.policy import Policy, load_policy
from serving.review import Accounts, KeyKind, NewCase, Queue, Quota, Role, Source, open_database

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
SECRET = b"a secret for tests, 32 bytes long"
PASSWORD = "un mot de passe assez long"
_PEOPLE = dict.fromkeys(Role, 1) | {Role.ANALYST: 3}


@dataclass
class House:
    """Every room, and the application over them."""

    queue: Queue
    accounts: Accounts
    classifier: Any
    registry: CollectorRegistry
    app: ASGIApp
    kicks: list[None]
    tokens: dict[Role, list[str]]

    def client(self, **headers: str) -> TestClient:
        """Somebody unknown, who shows server errors as answers."""
        return TestClient(self.app, headers=headers, raise_server_exceptions=False, follow_redirects=False)

    def key(self, kind: KeyKind = KeyKind.PLATFORM) -> TestClient:
        """A client with a fresh key."""
        _, plain = self.accounts.create_key(f"clef {kind}", kind)
        return self.client(Authorization=f"Bearer {plain}")

    def token(self, role: Role = Role.ANALYST) -> str:
        """The session token of a person of this role, another one each time."""
        return self.tokens[role].pop()

    def person(self, role: Role = Role.ANALYST) -> TestClient:
        """A client whose session travels as a Bearer token."""
        return self.client(Authorization=f"Bearer {self.token(role)}")

    def browser(self, role: Role = Role.ANALYST) -> tuple[TestClient, str]:
        """A client whose session travels as a cookie, and its token against forged posts."""
        token = self.token(role)
        client = self.client()
        client.cookies.set(COOKIE, token)
        return client, csrf_token(SECRET, token)

    def receive(self, *texts: str, **fields: object) -> list[str]:
        """Store and score cases; returns their ids."""
        source = Source("clef-maison", KeyKind.PLATFORM)
        first = sum(self.queue.stats().states.values())
        new = [
            NewCase.model_validate({"external_id": f"x{first + n}", "text": text, **fields})
            for n, text in enumerate(texts)
        ]
        received = self.queue.receive(new, source=source)
        while self.queue.score_pending(self.classifier):
            pass
        return [receipt.id for receipt in received]


def _signed_in(accounts: Accounts, name: str, role: Role) -> str:
    accounts.create_user(name, role, PASSWORD)
    session = accounts.sign_in(name, PASSWORD)
    assert session is not None
    return session.token


def open_policy(*second_factor_roles: Role) -> Policy:
    """The shipped policy, but only these roles must have a second factor."""
    policy = load_policy(CONFIGS / "policy.toml")
    sign_in = policy.sign_in.model_copy(update={"second_factor_roles": second_factor_roles})
    return policy.model_copy(update={"sign_in": sign_in})


@cache
def _template() -> tuple[Path, dict[Role, list[str]]]:
    """An empty queue with signed-in people of every role, made once: passwords are slow to hash on purpose."""
    path = Path(tempfile.mkdtemp(prefix="vigie-house-")) / "queue.db"
    engine = open_database(f"sqlite:///{path}")
    accounts = Accounts(engine, SECRET, open_policy().sign_in)
    tokens: dict[Role, list[str]] = {}
    for role in Role:
        tokens[role] = [_signed_in(accounts, f"{role.value} {number}", role) for number in range(_PEOPLE[role])]
    engine.dispose()
    return path, tokens


def open_house(
    folder: Path,
    bundle: Path,
    limits: Limits | None = None,
    *,
    wrap: Callable[[Classifier], Any] = lambda same: same,
    quota: Quota | None = None,
    longest: int = MAX_CODE_POINTS,
    second_factor_roles: tuple[Role, ...] = (),
) -> tuple[House, Callable[[], None]]:
    """A house on an empty database in ``folder``, and what closes it; ``wrap`` puts something around the classifier."""
    taxonomy, policy = load_taxonomy(CONFIGS / "taxonomy.toml"), open_policy(*second_factor_roles)
    template, tokens = _template()
    shutil.copy(template, folder / "queue.db")
    engine = open_database(f"sqlite:///{folder / 'queue.db'}")
    # Chance never chooses: no audit draw, no ordinary case first.
    queue = Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.999)
    accounts = Accounts(engine, SECRET, policy.sign_in)
    inner = Classifier(open_bundle(bundle), 2, longest)
    classifier = wrap(inner)
    registry = CollectorRegistry()
    meters = Meters(registry)
    kicks: list[None] = []
    app = create_app(
        classifier,
        queue,
        SECRET,
        meters=meters,
        facades=load_facades(CONFIGS / "facades.toml"),
        limits=limits,
        on_received=lambda: kicks.append(None),
    )
    desk = Desk(queue, accounts, Words(taxonomy, policy), SECRET, meters, reader=classifier)
    app.mount("/console", create_console(desk))
    quotas = Quotas(quota, meters=meters) if quota else None
    front = guarded(app, lambda: Doors(accounts, SECRET), meters, limits, quotas)
    house = House(
        queue, accounts, classifier, registry, front, kicks, {role: list(given) for role, given in tokens.items()}
    )

    def close() -> None:
        inner.close()
        engine.dispose()

    return house, close
