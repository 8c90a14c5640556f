"""Keys and people: only keyed hashes kept, lock-out after failures, sessions that end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from serving.bundle import ConfigError, Conflict, Forbidden, InputError, NotFound
from serving.review import Accounts, KeyKind, Quota, Role, open_database

SECRET = b"a secret for tests, 32 bytes long"
PASSWORD = "un mot de passe correct"


@pytest.fixture
def ana(accounts):
    """Ana, whose password is ``PASSWORD``."""
    return accounts.create_user("ana", "analyst", PASSWORD)[0]


class TestKeys:
    def test_a_key_opens_until_it_is_revoked(self, accounts):
        key, plain = accounts.create_key("Plateforme", "platform")
        assert accounts.authenticate_key(plain) == key
        assert key.source.kind is KeyKind.PLATFORM
        assert accounts.authenticate_key(plain + "x") is None
        assert accounts.revoke_key(key.id).revoked_at is not None
        assert accounts.authenticate_key(plain) is None

    def test_a_quota_travels_with_its_key_and_can_be_replaced(self, accounts):
        key, plain = accounts.create_key("Plateforme", "platform", Quota(60, 600, 2))
        assert accounts.authenticate_key(plain).quota == Quota(60, 600, 2)
        assert accounts.set_quota(key.id, Quota(texts_per_minute=0)).quota == Quota(None, 0, None)
        assert accounts.authenticate_key(plain).quota.requests_per_minute is None
        with pytest.raises(NotFound, match="absent"):
            accounts.set_quota("absent", Quota())

    def test_keys_are_listed_without_their_secret(self, accounts):
        keys = [accounts.create_key(name, kind) for name, kind in [("un", "authority"), ("deux", "trusted_flagger")]]
        assert accounts.list_keys() == [key for key, _ in keys]
        assert not any(plain in str(accounts.list_keys()) for _, plain in keys)

    def test_the_database_holds_no_secret(self, accounts, engine, ana):
        _, plain = accounts.create_key("Plateforme", "platform")
        session = accounts.sign_in("ana", PASSWORD)
        with engine.connect() as connection:
            stored = "".join(str(connection.execute(text(f"SELECT * FROM {t}")).all()) for t in TABLES)
        assert not any(secret in stored for secret in (plain, session.token, PASSWORD))
        assert "$argon2id$" in stored

    def test_a_key_of_another_secret_is_unknown(self, accounts, engine, policy):
        _, plain = accounts.create_key("Plateforme", "platform")
        assert Accounts(engine, b"another secret of enough bytes", policy.sign_in).authenticate_key(plain) is None

    def test_wrong_words_are_named(self, accounts):
        with pytest.raises(InputError, match="did you mean 'platform'"):
            accounts.create_key("x", "plateform")
        with pytest.raises(InputError, match="name"):
            accounts.create_key("  ", "platform")
        with pytest.raises(NotFound, match="nulle"):
            accounts.revoke_key("nulle")


class TestPeople:
    def test_a_person_signs_in_and_out(self, accounts, ana, noon):
        session = accounts.sign_in("ana", PASSWORD, now=noon)
        assert session.account == ana
        assert accounts.session(session.token, now=noon) == ana
        accounts.sign_out(session.token)
        assert accounts.session(session.token, now=noon) is None

    def test_a_session_ends_by_itself(self, accounts, ana, noon):
        session = accounts.sign_in("ana", PASSWORD, now=noon)
        assert session.expires_at == noon + timedelta(hours=10)
        assert accounts.session(session.token, now=noon + timedelta(hours=9)) == ana
        assert accounts.session(session.token, now=noon + timedelta(hours=11)) is None

    @pytest.mark.parametrize(
        ("name", "password"), [("ana", "faux"), ("inconnue", PASSWORD), ("ana", "x" * 5000), ("ana", "\ud800")]
    )
    def test_what_is_wrong_is_not_said(self, accounts, ana, name, password):
        assert accounts.sign_in(name, password) is None

    def test_failures_lock_the_account_for_a_while(self, accounts, ana, noon):
        for _ in range(5):
            assert accounts.sign_in("ana", "faux", now=noon) is None
        assert accounts.sign_in("ana", PASSWORD, now=noon + timedelta(minutes=14)) is None
        assert accounts.sign_in("ana", PASSWORD, now=noon + timedelta(minutes=16)) is not None

    def test_a_success_forgets_the_failures(self, accounts, ana, noon):
        for _ in range(2):
            for _ in range(4):
                accounts.sign_in("ana", "faux", now=noon)
            assert accounts.sign_in("ana", PASSWORD, now=noon) is not None

    def test_guesses_in_parallel_are_all_counted(self, accounts, ana, noon):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: accounts.sign_in("ana", "faux", now=noon), range(6)))
        assert accounts.sign_in("ana", PASSWORD, now=noon) is None

    def test_a_one_time_password_is_to_be_changed(self, accounts):
        account, once = accounts.create_user("bruno", Role.SENIOR)
        assert account.must_change_password
        token = accounts.sign_in("bruno", once).token
        accounts.change_password(account.id, once, PASSWORD)
        assert accounts.session(token) is None
        assert accounts.sign_in("bruno", once) is None
        assert not accounts.sign_in("bruno", PASSWORD).account.must_change_password

    def test_a_password_is_not_changed_without_the_old_one(self, accounts, ana):
        with pytest.raises(Forbidden):
            accounts.change_password(ana.id, "faux", "un autre mot de passe")
        with pytest.raises(InputError, match="expected 12"):
            accounts.change_password(ana.id, PASSWORD, "court")

    def test_a_new_password_is_another_one(self, accounts):
        account, once = accounts.create_user("bruno", Role.SENIOR)
        with pytest.raises(InputError, match="choose another"):
            accounts.change_password(account.id, once, once)
        assert accounts.sign_in("bruno", once).account.must_change_password

    def test_wrong_words_are_named(self, accounts, ana):
        with pytest.raises(Conflict, match="'ana'"):
            accounts.create_user("ana", "analyst")
        with pytest.raises(InputError, match="did you mean 'analyst'"):
            accounts.create_user("eve", "analist")
        with pytest.raises(InputError, match="characters"):
            accounts.create_user("eve", "analyst", "court")
        assert accounts.list_users() == [ana]


TABLES = ("api_keys", "people", "sessions")


def test_a_short_secret_is_refused(policy):
    with pytest.raises(ConfigError, match="at least 16"):
        Accounts(None, b"court", policy.sign_in)


def test_passwords_are_hashed_at_the_librarys_cost(tmp_path, policy):
    engine = open_database(f"sqlite:///{tmp_path / 'queue.db'}")
    Accounts(engine, SECRET, policy.sign_in).create_user("ana", "analyst", PASSWORD)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT password_hash FROM people")).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    engine.dispose()
