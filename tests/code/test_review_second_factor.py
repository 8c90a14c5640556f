"""The second factor: codes that serve once, recovery codes, guesses that add up."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from serving.bundle import Conflict, Forbidden, InputError, NotFound
from serving.policy import SignIn
from serving.review import Challenge, Role

PASSWORD = "un mot de passe correct"


@pytest.fixture
def enrolled(accounts, noon):
    """Ana with a second factor: her authenticator and her recovery codes."""
    ana, _ = accounts.create_user("ana", "analyst", PASSWORD)
    proposed = accounts.propose_second_factor(ana)
    totp = pyotp.TOTP(proposed.key)
    with pytest.raises(InputError, match="not right"):
        accounts.confirm_second_factor(ana, proposed.seed, "abc", noon)
    assert not accounts.list_users()[0].second_factor
    codes = accounts.confirm_second_factor(ana, proposed.seed, totp.at(noon), noon)
    return ana, totp, codes


def test_the_password_alone_opens_nothing_and_a_code_serves_once(accounts, enrolled, noon):
    ana, totp, _ = enrolled
    later = noon + timedelta(minutes=2)
    challenge = accounts.sign_in("ana", PASSWORD, later)
    assert isinstance(challenge, Challenge)
    assert accounts.session(challenge.token, later) is None
    assert accounts.answer(challenge.token, totp.at(noon), later) is None
    session = accounts.answer(challenge.token, totp.at(later), later)
    assert session.account.id == ana.id
    assert session.account.second_factor
    again = accounts.sign_in("ana", PASSWORD, later)
    assert accounts.answer(again.token, totp.at(later), later) is None


def test_a_recovery_code_serves_once_however_it_is_typed(accounts, enrolled, noon):
    _, _, codes = enrolled
    assert len(set(codes)) == 10
    typed = f" {codes[0][:4].lower()}-{codes[0][4:]} "
    assert accounts.answer(accounts.sign_in("ana", PASSWORD, noon).token, typed, noon) is not None
    assert accounts.answer(accounts.sign_in("ana", PASSWORD, noon).token, typed, noon) is None


def test_guesses_of_a_code_lock_the_account_though_the_password_is_right(accounts, enrolled, noon):
    assert enrolled
    later = noon + timedelta(minutes=2)
    for _ in range(5):
        challenge = accounts.sign_in("ana", PASSWORD, later)
        assert accounts.answer(challenge.token, "000000x", later) is None
    assert accounts.sign_in("ana", PASSWORD, later) is None
    assert accounts.answer(challenge.token, enrolled[1].at(later), later) is None
    assert accounts.sign_in("ana", PASSWORD, later + timedelta(minutes=16)) is not None


def test_the_right_password_alone_is_no_failure(accounts, enrolled, noon):
    later = noon + timedelta(minutes=2)
    for _ in range(6):
        challenge = accounts.sign_in("ana", PASSWORD, later)
    assert accounts.answer(challenge.token, enrolled[1].at(later), later) is not None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "{id}.99999999999.0", "{id}.x.", "{id}"])
def test_a_forged_challenge_opens_nothing_and_locks_nobody_out(accounts, enrolled, noon, token):
    for _ in range(6):
        assert accounts.answer(token.replace("{id}", enrolled[0].id), enrolled[1].at(noon), noon) is None
    assert accounts.sign_in("ana", PASSWORD, noon) is not None


@pytest.mark.parametrize("code", ["", "é", "\ud800", "١٢٣٤٥٦", "0" * 5_000])
def test_an_odd_code_is_wrong(accounts, enrolled, noon, code):
    later = noon + timedelta(minutes=2)
    assert accounts.answer(accounts.sign_in("ana", PASSWORD, later).token, code, later) is None


@pytest.mark.parametrize("seed", ["", "x", "A" * 32, "0" * 200, "\ud800"])
def test_a_seed_is_one_that_was_proposed(accounts, noon, seed):
    ana, _ = accounts.create_user("ana", "analyst", PASSWORD)
    with pytest.raises(InputError):
        accounts.confirm_second_factor(ana, seed, "000000", noon)


def test_a_mistyped_first_code_leaves_the_same_key(accounts):
    ana, _ = accounts.create_user("ana", "analyst", PASSWORD)
    proposed = accounts.propose_second_factor(ana)
    assert accounts.propose_second_factor(ana, proposed.seed) == proposed
    assert accounts.propose_second_factor(ana).key != proposed.key
    assert proposed.key in proposed.uri


def test_a_challenge_ends(accounts, enrolled, noon):
    later = noon + timedelta(minutes=6)
    token = accounts.sign_in("ana", PASSWORD, noon).token
    assert accounts.answer(token, enrolled[1].at(later), later) is None


def test_a_challenge_is_void_once_the_password_has_changed(accounts, enrolled, noon):
    ana, totp, _ = enrolled
    later = noon + timedelta(minutes=2)
    token = accounts.sign_in("ana", PASSWORD, later).token
    accounts.change_password(ana.id, PASSWORD, "un autre mot de passe")
    assert accounts.answer(token, totp.at(later), later) is None


def test_the_database_alone_gives_no_code(accounts, enrolled, engine):
    _, totp, codes = enrolled
    with engine.connect() as connection:
        stored = "".join(
            str(connection.execute(text(f"SELECT * FROM {t}")).all()) for t in ("people", "recovery_codes")
        )
    assert not any(secret in stored for secret in (totp.secret, *codes))


def test_the_factor_goes_with_password_and_code_only(accounts, enrolled, noon):
    ana, _, codes = enrolled
    for password, code in (("faux", codes[0]), (PASSWORD, "000000x")):
        with pytest.raises(Forbidden):
            accounts.drop_second_factor(ana, password, code, noon)
    accounts.drop_second_factor(ana, PASSWORD, codes[0], noon)
    assert accounts.sign_in("ana", PASSWORD, noon).account == ana


def test_a_second_authenticator_does_not_slip_in_beside_the_first(accounts, enrolled, noon):
    ana, totp, _ = enrolled
    proposed = accounts.propose_second_factor(ana)
    with pytest.raises(Conflict):
        accounts.confirm_second_factor(ana, proposed.seed, pyotp.TOTP(proposed.key).at(noon), noon)
    later = noon + timedelta(minutes=2)
    assert accounts.answer(accounts.sign_in("ana", PASSWORD, later).token, totp.at(later), later) is not None


def test_whoever_lost_everything_is_reset_by_name(accounts, enrolled, noon):
    ana, _, codes = enrolled
    session = accounts.answer(accounts.sign_in("ana", PASSWORD, noon).token, codes[0], noon)
    assert accounts.reset_second_factor("ana") == ana
    assert accounts.session(session.token, noon) is None
    assert accounts.sign_in("ana", PASSWORD, noon).account == ana
    with pytest.raises(NotFound, match="'bruno'"):
        accounts.reset_second_factor("bruno")


def test_the_policy_may_name_every_role(policy):
    every = policy.sign_in.model_dump() | {"second_factor_roles": [role.value for role in Role]}
    assert SignIn.model_validate(every).second_factor_roles == tuple(Role)


@pytest.mark.parametrize(("role", "asked"), [("analyst", False), ("supervisor", True), ("admin", True)])
def test_the_policy_says_who_must_have_one(accounts, noon, role, asked):
    account, _ = accounts.create_user("eva", role, PASSWORD)
    assert account.must_enrol is asked
    assert accounts.sign_in("eva", PASSWORD, noon).account.settled is not asked
    proposed = accounts.propose_second_factor(account)
    accounts.confirm_second_factor(account, proposed.seed, pyotp.TOTP(proposed.key).at(noon), noon)
    (account,) = accounts.list_users()
    assert (account.must_enrol, account.settled) == (False, True)
