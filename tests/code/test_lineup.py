"""Links that name bundles: moved in one step, taken up once warm; the former bundle stays when the new one is bad."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tiny_bundle import make_tiny_bundle

import serving.lineup as lineup_module
from serving.api.meters import Meters
from serving.bundle import BundleError, ConfigError, open_bundle
from serving.lineup import Lineup
from serving.settings import Settings
from serving.swap import stamp, use


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, tiny_bundle) -> dict[str, Path]:
    return {"a": tiny_bundle, "b": make_tiny_bundle(tmp_path_factory.mktemp("b") / "tiny", name="b")}


@pytest.fixture
def ids(bundles):
    return {name: open_bundle(path).id for name, path in bundles.items()}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def opened(registry):
    found = []

    def make(**variables: Path | str) -> Lineup:
        settings = Settings.from_env({name: str(path) for name, path in variables.items()} | {"VIGIE_SESSIONS": "1"})
        found.append(Lineup(settings, Meters(registry)))
        return found[-1]

    yield make
    for lineup in found:
        lineup.close()


def told(registry) -> str:
    return generate_latest(registry).decode()


def test_every_bundle_reads_texts_as_long_as_the_setting_says(opened, bundles, tmp_path, ids):
    link = tmp_path / "current"
    use(link, bundles["a"])
    lineup = opened(VIGIE_BUNDLE=link, VIGIE_MAX_TEXT="100")
    for name in "ab":
        use(link, bundles[name])
        lineup.look()
        assert lineup.champion.bundle_id == ids[name]
        read, refused = lineup.champion.score(["é" * 100, "é" * 101])
        assert (read.windows, refused.code) == (1, "text_too_long")


def test_a_link_is_made_then_moved(tmp_path, bundles, ids):
    link = tmp_path / "deep" / "current"
    assert use(link, bundles["a"]).id == ids["a"]
    first = stamp(link)
    assert use(link, bundles["b"]).id == ids["b"] == open_bundle(link).id
    assert stamp(link) != first
    assert [path.name for path in link.parent.iterdir()] == ["current"]


def test_a_link_is_not_moved_to_a_bundle_that_is_not_sound(tmp_path, bundles, ids):
    link = tmp_path / "current"
    use(link, bundles["a"])
    bad = shutil.copytree(bundles["b"], tmp_path / "bad")
    (bad / "CARD.md").write_text("autre chose")
    with pytest.raises(BundleError, match=r"CARD\.md"):
        use(link, bad)
    assert open_bundle(link).id == ids["a"]


def test_a_folder_is_never_replaced(tmp_path, bundles):
    folder = shutil.copytree(bundles["a"], tmp_path / "folder")
    with pytest.raises(ConfigError, match="not a link"):
        use(folder, bundles["b"])
    assert (folder / "manifest.json").exists()


def test_a_moved_link_changes_the_champion(tmp_path, bundles, ids, opened, registry):
    use(tmp_path / "current", bundles["a"])
    lineup = opened(VIGIE_BUNDLE=tmp_path / "current")
    lineup.look()
    assert lineup.champion.bundle_id == ids["a"]
    use(tmp_path / "current", bundles["b"])
    lineup.look()
    assert lineup.champion.bundle_id == ids["b"]
    assert lineup.champion.bundle.path == bundles["b"].resolve()
    shown = told(registry)
    assert f'vigie_bundle{{bundle="{ids["b"]}",role="champion"}} 1.0' in shown
    assert f'vigie_bundle{{bundle="{ids["a"]}",role="champion"}} 0.0' in shown
    assert 'vigie_swaps_total{outcome="done",role="champion"} 1.0' in shown


def test_a_bad_bundle_is_refused_once_and_the_former_goes_on(tmp_path, bundles, ids, opened, registry, caplog):
    link = tmp_path / "current"
    use(link, bundles["a"])
    lineup = opened(VIGIE_BUNDLE=link)
    bad = shutil.copytree(bundles["b"], tmp_path / "bad")
    (bad / "model.onnx").write_bytes(b"rien")
    link.unlink()
    link.symlink_to(bad)
    lineup.look()
    lineup.look()
    assert lineup.champion.bundle_id == ids["a"]
    assert lineup.champion.score(["une menace"])[0].scores["terrorisme"] > 0.5
    assert 'vigie_swaps_total{outcome="refused",role="champion"} 1.0' in told(registry)
    assert caplog.text.count("refused; the former one goes on") == 1


def test_a_link_that_leads_nowhere_changes_nothing(tmp_path, bundles, ids, opened):
    link = tmp_path / "current"
    use(link, bundles["a"])
    lineup = opened(VIGIE_BUNDLE=link)
    link.unlink()
    lineup.look()
    link.symlink_to(tmp_path / "nowhere")
    lineup.look()
    assert lineup.champion.bundle_id == ids["a"]


def test_the_same_bundle_sealed_elsewhere_is_not_a_swap(tmp_path, bundles, ids, opened, registry):
    link = tmp_path / "current"
    use(link, bundles["a"])
    lineup = opened(VIGIE_BUNDLE=link)
    use(link, shutil.copytree(bundles["a"], tmp_path / "copy"))
    lineup.look()
    assert lineup.champion.bundle_id == ids["a"]
    assert "vigie_swaps_total{" not in told(registry)


def test_the_shadow_reads_along_and_follows_its_own_link(tmp_path, bundles, ids, opened, registry):
    link = tmp_path / "shadow"
    use(link, bundles["b"])
    lineup = opened(VIGIE_BUNDLE=bundles["a"], VIGIE_SHADOW_BUNDLE=link)
    assert lineup.shadow_id == ids["b"]
    assert len(lineup.champion.score(["une menace"])) == 1
    shadow = lineup.__dict__["_shadow"]
    while 'outcome="compared"' not in told(registry):
        assert shadow.is_alive()  # reads in its own time; pytest's timeout ends a wait without end
    assert 'vigie_shadow_labels_total{label="haine"} 1.0' in told(registry)
    assert 'vigie_shadow_disagreements_total{kind="flag",label="haine"} 0.0' in told(registry)
    use(link, bundles["a"])
    lineup.look()
    assert lineup.shadow_id == ids["a"]
    assert not shadow.is_alive()


def test_a_bad_shadow_leaves_the_champion_alone(tmp_path, bundles, ids, opened, caplog):
    lineup = opened(VIGIE_BUNDLE=bundles["a"], VIGIE_SHADOW_BUNDLE=tmp_path / "nowhere")
    assert (lineup.champion.bundle_id, lineup.shadow_id) == (ids["a"], None)
    assert "no shadow" in caplog.text


def test_a_bad_champion_is_an_error_at_the_start(tmp_path):
    with pytest.raises(BundleError):
        Lineup(Settings.from_env({"VIGIE_BUNDLE": str(tmp_path)}), Meters(CollectorRegistry()))


def test_a_link_moved_while_the_first_bundle_opens_is_seen(opened, bundles, tmp_path, ids, monkeypatch):
    link = tmp_path / "current"
    use(link, bundles["a"])
    opens = lineup_module.open_warm

    def moved_meanwhile(path, *rest):
        classifier = opens(path, *rest)
        use(link, bundles["b"])
        return classifier

    monkeypatch.setattr(lineup_module, "open_warm", moved_meanwhile)
    lineup = opened(VIGIE_BUNDLE=link)
    assert lineup.champion.bundle_id == ids["a"]
    monkeypatch.undo()
    lineup.look()
    assert lineup.champion.bundle_id == ids["b"]
