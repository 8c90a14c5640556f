"""Settings: defaults, clear refusals, and a secret made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.bundle import ConfigError, Unavailable, load_taxonomy
from serving.settings import VARIABLES, Settings


def test_the_shipped_configuration_is_found_and_valid() -> None:
    assert len(load_taxonomy(Settings.from_env({}).taxonomy_path).outputs) == 22


@pytest.mark.parametrize("value", ["", "0", "-1", "many", "70000"])
def test_a_wrong_port_is_named(value: str) -> None:
    if not value:
        assert Settings.from_env({"VIGIE_PORT": value}).port == 3000
        return
    with pytest.raises(ConfigError, match="VIGIE_PORT"):
        Settings.from_env({"VIGIE_PORT": value})


def test_zero_means_no_limit_only_where_it_may() -> None:
    assert Settings.from_env({"VIGIE_TEXTS_PER_MINUTE": "0"}).texts_per_minute == 0
    with pytest.raises(ConfigError, match="VIGIE_MAX_ITEMS = '0': expected a whole number from 1"):
        Settings.from_env({"VIGIE_MAX_ITEMS": "0"})


def test_the_longest_text_may_be_lowered_never_raised() -> None:
    assert Settings.from_env({"VIGIE_MAX_TEXT": "100"}).max_text == 100
    for value in ("99", "100001"):
        with pytest.raises(ConfigError, match="expected a whole number from 100 to 100000"):
            Settings.from_env({"VIGIE_MAX_TEXT": value})


def test_workers_share_the_cores() -> None:
    alone, many = Settings.from_env({}), Settings.from_env({"VIGIE_WORKERS": "200"})
    assert (alone.workers, many.sessions) == (1, 1)
    assert Settings.from_env({"VIGIE_WORKERS": "2", "VIGIE_SESSIONS": "7"}).sessions == 7


def test_limits_are_those_of_the_settings_and_their_defaults_agree() -> None:
    from serving.api.limits import Limits

    assert Limits.of(Settings.from_env({})) == Limits()
    assert Limits.of(Settings.from_env({"VIGIE_MAX_ITEMS": "7", "VIGIE_MAX_WAIT": "9"})).wait == 9.0
    assert Limits.of(Settings.from_env({"VIGIE_REMEMBERED": "0"})).remembered == 0
    assert Limits.of(Settings.from_env({})) == Limits()


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings.from_env({"VIGIE_SECRET_FILE": str(tmp_path / "deep" / "secret")})
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: settings.secret(), range(16)))
    assert len(found) == 1
    assert len(found.pop()) >= 32
    assert settings.secret_file.stat().st_mode & 0o077 == 0


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("court")
    with pytest.raises(ConfigError, match="at least 32"):
        Settings.from_env({"VIGIE_SECRET_FILE": str(tmp_path / "secret")}).secret()


def test_a_secret_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="VIGIE_SECRET_FILE"):
        Settings.from_env({"VIGIE_SECRET_FILE": str(tmp_path / "file" / "secret")}).secret()


def test_every_variable_is_documented(root: Path) -> None:
    documented = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in VARIABLES if f"`{name}`" not in documented] == []


def test_threads_that_ask_together_share_one_secret(tmp_path: Path) -> None:
    for turn in range(50):
        settings = Settings.from_env({"VIGIE_SECRET_FILE": str(tmp_path / str(turn))})
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(lambda _, ask=settings.secret: ask(), range(8)))) == 1
