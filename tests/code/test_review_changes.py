"""A look that tells whether anything was committed, whoever did it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from serving.review import Accounts, Quota, open_database
from serving.review.changes import Changes

SECRET = b"a secret for tests, 32 bytes long"


def test_the_mark_moves_with_every_commit_of_anybody(tmp_path, policy):
    path = tmp_path / "queue.db"
    engine = open_database(f"sqlite:///{path}")
    changes = Changes(engine)
    before = changes.mark()
    assert changes.mark() == before
    Accounts(engine, SECRET, policy.sign_in).create_key("Plateforme", "platform")
    after = changes.mark()
    assert after != before
    with closing(sqlite3.connect(path)) as stranger, stranger:
        stranger.execute("UPDATE api_keys SET name = 'autre'")
    assert changes.mark() != after
    engine.dispose()


def test_where_it_cannot_be_told_nothing_is_recalled(engine, policy, monkeypatch):
    monkeypatch.setattr(Changes, "mark", lambda self: None)
    accounts = Accounts(engine, SECRET, policy.sign_in)
    _, plain = accounts.create_key("Plateforme", "platform")
    assert accounts.authenticate_key(plain) is not None
    assert accounts.recall_key(plain) is None


def test_a_key_is_recalled_until_somebody_commits(tmp_path, policy):
    address = f"sqlite:///{tmp_path / 'queue.db'}"
    engine, elsewhere = open_database(address), open_database(address)
    here, there = Accounts(engine, SECRET, policy.sign_in), Accounts(elsewhere, SECRET, policy.sign_in)
    key, plain = here.create_key("Plateforme", "platform")
    assert here.recall_key(plain) is None
    assert here.authenticate_key(plain) == here.recall_key(plain) == key
    there.set_quota(key.id, Quota(texts_per_minute=5))
    assert here.recall_key(plain) is None
    assert here.authenticate_key(plain).quota.texts_per_minute == 5
    there.revoke_key(key.id)
    assert here.recall_key(plain) is None
    assert here.authenticate_key(plain) is None
    assert here.recall_key(plain) is None
    engine.dispose()
    elsewhere.dispose()
