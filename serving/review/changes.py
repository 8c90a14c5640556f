"""Whether anything was committed to the database since it was last looked at, at the price of a look, not of a query.

Knows SQLite's counter of commits; on PostgreSQL there is none that costs less than the query it would spare.
"""

from __future__ import annotations

import sqlite3
import threading

from sqlalchemy import Engine, event


class Changes:
    """A counter that moves with every commit, of this process or another. Safe to use from many threads at once."""

    def __init__(self, engine: Engine) -> None:
        """Look at the database of ``engine``; opened at the first look."""
        self._path = engine.url.database if engine.dialect.name == "sqlite" else None
        self._watching: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        event.listen(engine, "engine_disposed", self._close)

    def mark(self) -> int | None:
        """The counter now; None where it cannot be told. Equal marks: nothing was committed in between.

        SQLite: ``PRAGMA data_version`` of a connection that never writes (https://sqlite.org/pragma.html).
        """
        if self._path is None:
            return None
        try:
            with self._lock:
                return int(self._connection(self._path).execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return None

    def _connection(self, path: str) -> sqlite3.Connection:
        if self._watching is None:
            self._watching = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        return self._watching

    def _close(self, _engine: Engine) -> None:
        with self._lock:
            if self._watching is not None:
                self._watching.close()
            self._watching = None
