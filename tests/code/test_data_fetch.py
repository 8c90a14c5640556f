"""Files come from the mirror, the network or the cache, and always with the card's digest."""

from __future__ import annotations

import io
import os
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from source_twins import make_twins

from serving.bundle import ConfigError, Unavailable
from serving.settings import Settings
from training.data.cards import Card, load_cards
from training.data.fetch import at_hand, fetch, mirror_path


@pytest.fixture
def settings(tmp_path: Path, root: Path) -> Settings:
    return make_twins(tmp_path, root)


@pytest.fixture
def card(settings: Settings) -> Card:
    return load_cards(settings.datasets)["ftr"]


def mirrored(card: Card, settings: Settings) -> Path:
    path = mirror_path(card, card.files[0], settings.mirror)
    assert path is not None
    return path


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], list[str]]:
    """Answers every request with the bytes given; the list tells which URLs were asked for."""

    def serve(content: bytes) -> list[str]:
        asked: list[str] = []

        def answer(url: str, timeout: float) -> io.BytesIO:
            assert timeout > 0
            asked.append(url)
            return io.BytesIO(content)

        monkeypatch.setattr(urllib.request, "urlopen", answer)
        return asked

    return serve


def test_the_mirror_comes_first(card: Card, settings: Settings, network: Callable[[bytes], list[str]]) -> None:
    asked = network(b"")
    assert fetch(card, settings) == {card.files[0].path: mirrored(card, settings)}
    assert at_hand(card, settings)
    assert asked == []


def test_the_network_fills_a_cache_named_by_content(
    card: Card, settings: Settings, network: Callable[[bytes], list[str]]
) -> None:
    content = mirrored(card, settings).read_bytes()
    away = replace(settings, mirror=None)
    asked = network(content)
    assert not at_hand(card, away)
    (first,) = fetch(card, away).values()
    (second,) = fetch(card, away).values()
    assert first == second == settings.cache / "sources" / card.files[0].sha256
    assert first.read_bytes() == content
    assert asked == [card.files[0].url]


def test_a_damaged_cached_copy_is_fetched_again(
    card: Card, settings: Settings, network: Callable[[bytes], list[str]]
) -> None:
    content = mirrored(card, settings).read_bytes()
    asked = network(content)
    away = replace(settings, mirror=None)
    (cached,) = fetch(card, away).values()
    cached.write_bytes(content[:-1])
    assert next(iter(fetch(card, away).values())).read_bytes() == content
    assert len(asked) == 2


def test_an_altered_mirror_file_is_refused(card: Card, settings: Settings) -> None:
    with mirrored(card, settings).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ConfigError, match=card.files[0].sha256) as refused:
        fetch(card, settings)
    assert refused.value.code == "wrong_digest"
    assert "'ftr'" in refused.value.detail


def test_an_altered_download_is_refused_and_leaves_nothing(
    card: Card, settings: Settings, network: Callable[[bytes], list[str]]
) -> None:
    network(b"x" * (10 * card.files[0].bytes))
    with pytest.raises(ConfigError, match=f"{card.files[0].bytes + 1} bytes"):  # it stopped reading one byte too far
        fetch(card, replace(settings, mirror=None))
    assert list((settings.cache / "sources").iterdir()) == []


def test_offline_says_what_to_do(card: Card, settings: Settings) -> None:
    with pytest.raises(Unavailable, match="VIGIE_MIRROR is not set") as refused:
        fetch(card, replace(settings, mirror=None))
    assert refused.value.code == "source_missing"
    assert card.files[0].url in refused.value.detail


def test_a_file_missing_from_the_mirror_is_named(card: Card, settings: Settings) -> None:
    mirrored(card, settings).unlink()
    with pytest.raises(Unavailable, match="is not in the mirror") as refused:
        fetch(card, settings)
    assert f"{card.repository}/{card.commit}/{card.files[0].path}" in refused.value.detail


def test_a_cache_that_cannot_be_made_names_the_setting(card: Card, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="VIGIE_CACHE"):
        fetch(card, replace(settings, mirror=None, cache=tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_names_the_setting(card: Card, settings: Settings) -> None:
    (settings.cache / "sources").mkdir(parents=True)
    (settings.cache / "sources").chmod(0o500)
    with pytest.raises(Unavailable, match="VIGIE_CACHE"):
        fetch(card, replace(settings, mirror=None))
