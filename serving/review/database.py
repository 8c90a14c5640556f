"""Opens the database: address, durability, migrations, and transactions that speak of failures in words.

Knows nothing of cases. ``reading`` and ``writing`` are the only ways in: on SQLite a write begins IMMEDIATE, so that it
waits for its turn at once instead of failing half-way.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from serving.bundle.errors import ConfigError, InputError, Unavailable

_BUSY_SECONDS = 30
#: Pages of SQLite's log (4 KiB each) before whoever commits moves them into the file: at its own 1,000, one claim in 75
#: paid six milliseconds for it.
_WAL_PAGES = 10_000
#: The option of a transaction that writes.
WRITES = "vigie_writes"
#: A server that says nothing is gone: seconds to connect, milliseconds to acknowledge. The address may say otherwise.
_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
#: Names our migration and our sealer among the advisory locks of a PostgreSQL server.
MIGRATION_LOCK = 8_315_001
SEAL_LOCK = 8_315_002


def open_database(url: str) -> Engine:
    """The database at ``url``, created and migrated as needed; several processes may do this at once.

    Args:
        url: ``sqlite:///file.db`` or ``postgresql://user:password@host/name``.

    Raises:
        ConfigError: the address is not one of these, or the database was made by a newer Vigie.
        Unavailable: it cannot be reached or written; names the address without its password.
    """
    address = _address(url)
    engine = _sqlite(address) if address.get_backend_name() == "sqlite" else _postgresql(address)
    try:
        with writing(engine) as connection:
            _migrate(connection, shown(engine))
    except BaseException:
        engine.dispose()
        raise
    return engine


def shown(engine: Engine) -> str:
    """The address of ``engine`` without its password."""
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees one moment of the database throughout."""
    with _in_words(engine), engine.connect() as connection:
        if is_postgresql(connection):
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is durable when the block ends, or none."""
    with _in_words(engine), engine.connect() as connection, connection.execution_options(**{WRITES: True}).begin():
        yield connection


def is_postgresql(connection: Connection) -> bool:
    """Whether the connection speaks to PostgreSQL."""
    return connection.dialect.name == "postgresql"


@contextmanager
def _in_words(engine: Engine) -> Iterator[None]:
    """A driver's error as ``Unavailable``, or as ``InputError`` when a value is one that no column can hold.

    The driver's detail lines, which may quote a row, are left out.
    """
    try:
        yield
    except (DataError, OverflowError):
        # U+0000 in an id (PostgreSQL), a number beyond 64 bits (SQLite raises Python's own error): not the database's.
        detail = "a name or number cannot be looked up: it holds U+0000 or exceeds 64 bits; correct it"
        raise InputError(detail, code="invalid_value") from None
    except DBAPIError as error:
        cause = str(error.orig).strip().splitlines()
        raise _unavailable(engine, cause[0] if cause else type(error.orig).__name__) from None
    except PoolTimeout:
        raise _unavailable(engine, "too many requests use it at the same time") from None


def _unavailable(engine: Engine, why: str) -> Unavailable:
    detail = f"the database {shown(engine)} cannot be used: {why}; check that it runs and that it can be written"
    return Unavailable(detail, code="database_unavailable")


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
    except ArgumentError:
        raise _bad_address("it is not an address") from None
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise _bad_address(f"{backend!r} is not supported")
    if not address.database or address.database == ":memory:":
        raise _bad_address("a queue in memory would not survive a restart")
    return address.set(drivername="sqlite+pysqlite")


def _bad_address(why: str) -> ConfigError:
    expected = "expected sqlite:///path/to/file.db or postgresql://user:password@host/name"
    return ConfigError(f"VIGIE_DATABASE_URL: {why}; {expected}", pointer="VIGIE_DATABASE_URL")


def _postgresql(address: URL) -> Engine:
    asked = {name: value for name, value in _PATIENCE.items() if name not in address.query}
    return create_engine(
        address, pool_pre_ping=True, pool_size=16, max_overflow=16, hide_parameters=True, connect_args=asked
    )


def _sqlite(address: URL) -> Engine:
    path = Path(address.database or "")
    try:
        # Texts and accounts lie here: a folder that we make is its owner's alone.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"the folder of the database {path} cannot be made: {error.strerror}"
        detail = f"{why}; set VIGIE_STATE or VIGIE_DATABASE_URL to a place that can be written"
        raise Unavailable(detail, code="database_unavailable") from None
    engine = create_engine(
        address, pool_size=16, max_overflow=16, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS}
    )
    event.listen(engine, "connect", _on_sqlite_connect)
    _take_turns(engine)
    event.listen(engine, "begin", _on_sqlite_begin)
    _write_ahead(engine)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    """Durable at every commit, relations enforced; transactions are begun by us, not by the driver."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")


def _take_turns(engine: Engine) -> None:
    """Writers of one process wait for each other here, and go on at once: SQLite's own waiting sleeps, up to 0.1 s."""
    turn = threading.Lock()

    def take(connection: Connection) -> None:
        if not connection.get_execution_options().get(WRITES):
            return
        if not turn.acquire(timeout=_BUSY_SECONDS):
            raise _unavailable(engine, "too many writers wait for it")
        info = connection.connection.record_info
        assert info is not None  # only a detached connection has none
        info["turn"] = True

    def give_back(_connection: Any, record: Any) -> None:
        if record.record_info.pop("turn", False):
            turn.release()

    event.listen(engine, "begin", take)
    event.listen(engine, "checkin", give_back)


def _on_sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")


def _write_ahead(engine: Engine, patience: float = 10.0) -> None:
    """Switch the file to WAL, which lasts. SQLite answers "locked" at once when two processes switch together."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with closing(engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.Error as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise _unavailable(engine, str(error)) from None
            time.sleep(0.05)


def _migrate(connection: Connection, address: str) -> None:
    """Bring the schema to the newest revision; one process at a time, in one transaction."""
    if is_postgresql(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    try:
        command.upgrade(_alembic(connection), "head")
    except CommandError:
        newest = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
        detail = f"the database {address} was made by a newer Vigie than this one (which knows {newest}); upgrade Vigie"
        raise ConfigError(detail, code="newer_schema") from None


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "serving.review:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
