"""Opening a database: durable settings, migrations by several processes at once, and errors that say what to do."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from serving.bundle import ConfigError, InputError, NotFound, Unavailable
from serving.review import open_database
from serving.review.database import reading, shown, writing
from serving.review.tables import metadata


class TestSchema:
    def test_the_migrations_make_the_tables_of_the_code(self, engine):
        with writing(engine) as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []

    def test_opening_again_changes_nothing(self, engine, database_url, queue, analyst):
        again = open_database(database_url)
        with reading(again) as connection:
            assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        again.dispose()

    def test_a_database_of_a_newer_vigie_is_refused(self, empty_url):
        engine = open_database(empty_url)
        with writing(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(ConfigError, match="newer Vigie") as caught:
            open_database(empty_url)
        engine.dispose()
        assert caught.value.code == "newer_schema"

    def test_several_processes_may_open_a_new_database_at_once(self, empty_url, root):
        program = "import sys; from serving.review import open_database; open_database(sys.argv[1])"
        processes = [
            subprocess.Popen([sys.executable, "-c", program, empty_url], cwd=root, stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        outcomes = [(process.communicate()[1], process.returncode) for process in processes]
        assert [code for _, code in outcomes] == [0, 0, 0, 0], outcomes

    def test_a_failed_write_leaves_nothing(self, engine):
        twice = text("INSERT INTO api_keys VALUES ('i', 'n', 'platform', 'd', '2026-01-01', NULL, NULL, NULL, NULL)")

        def write():
            with writing(engine) as connection:
                connection.execute(twice)
                connection.execute(twice)

        with pytest.raises(Unavailable):
            write()
        with reading(engine) as connection:
            assert connection.scalar(text("SELECT count(*) FROM api_keys")) == 0

    def test_a_drivers_error_does_not_quote_the_row(self, engine):
        insert = text(
            "INSERT INTO decisions (case_id, analyst, at, illegal, action, note, stage) "
            "VALUES ('rien', 'a', '2026-01-01', 0, 'x', :note, NULL)"
        )

        def write():
            with writing(engine) as connection:
                connection.execute(insert, {"note": "mots-du-texte"})

        with pytest.raises(Unavailable) as caught:
            write()
        assert "mots-du-texte" not in caught.value.detail


def test_sqlite_is_durable_and_enforces_relations(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'new folder' / 'queue.db'}")
    with reading(engine) as connection:
        pragmas = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_reaches_psycopg_3_and_hides_the_password(scheme):
    with pytest.raises(Unavailable) as caught:
        open_database(f"{scheme}://vigie:mot-de-passe@127.0.0.1:1/queue")
    assert "postgresql+psycopg://vigie:***@127.0.0.1:1/queue" in caught.value.detail
    assert "mot-de-passe" not in caught.value.detail


def test_the_address_is_shown_without_password(new_postgresql):
    engine = open_database(new_postgresql)
    engine.dispose()
    assert ":***@" in shown(engine) or engine.url.password is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:mot-de-passe@h/d", "'mysql' is not supported"),
        ("pas une adresse", "not an address"),
        ("sqlite://", "would not survive"),
        ("sqlite:///:memory:", "would not survive"),
    ],
)
def test_an_address_of_something_else_is_refused(url, said):
    with pytest.raises(ConfigError, match=said) as caught:
        open_database(url)
    assert "mot-de-passe" not in caught.value.detail
    assert caught.value.pointer == "VIGIE_DATABASE_URL"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.db").write_bytes(b"this is no database at all, but long enough to be read as one" * 20)
    for name in ("file/queue.db", "folder", "other.db"):
        with pytest.raises(Unavailable, match=name.split("/")[0]) as caught:
            open_database(f"sqlite:///{tmp_path / name}")
        assert caught.value.code == "database_unavailable"


def test_opening_leaves_logging_alone(tmp_path):
    before = logging.getLogger().handlers[:], logging.getLogger().level
    open_database(f"sqlite:///{tmp_path / 'queue.db'}").dispose()
    assert (logging.getLogger().handlers[:], logging.getLogger().level) == before


def test_a_number_that_no_column_holds_is_the_callers_fault(queue):
    with pytest.raises(InputError, match="64 bits"):
        queue.changed_since(10**30)


def test_a_case_id_with_a_nul_is_not_the_databases_fault(queue):
    # SQLite looks it up and finds nothing; PostgreSQL cannot be asked.
    with pytest.raises((InputError, NotFound)):
        queue.get("\0")


def test_a_folder_made_for_the_database_is_its_owners_alone(tmp_path):
    open_database(f"sqlite:///{tmp_path / 'state' / 'queue.db'}").dispose()
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
