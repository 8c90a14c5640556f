"""A bundle made again from its manifest: the same when nothing changed, and told apart by data, seed and bits."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from training_rows import own_recipe_table
from typer.testing import CliRunner

from serving.bundle import ConfigError, Curve, DatasetRecord, Interval, open_bundle, seal_bundle
from serving.settings import Settings
from training.cli import app
from training.recipe import load_recipe
from training.reproduction import compare
from training.reproduction.records import Check, Reproduction, Standing, Step
from training.reproduction.run import Asked, reproduce
from training.reproduction.tables import conclusion
from training.runs import remake, run
from training.tracking import CHALLENGER, open_store

#: Files of our own cases that are kept: every reproduction prepares them anew.
KEPT = (
    "lexicon",
    "haine",
    "harcelement",
    "terrorisme",
    "held_out_haine",
    "held_out_harcelement",
    "held_out_terrorisme",
)


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """A small run on some of our own cases: its folder's place, the settings, the outcome."""
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(root / "datasets", place / "datasets")
    for path in (place / "datasets/vigie").glob("*.toml"):
        if path.stem not in KEPT:
            path.unlink()
    (place / "recipe.toml").write_text(tomli_w.dumps(own_recipe_table(root)), encoding="utf-8")
    settings = dataclasses.replace(Settings.from_env({}), cache=place / "cache", datasets=place / "datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield place, settings, run(Path("recipe.toml"), settings, limit=240)


def standings(done: Reproduction) -> dict[str, Standing]:
    return {check.what: check.standing for check in done.checks}


def test_everything_is_made_again_and_the_registry_is_left_alone(made):
    place, settings, outcome = made
    registered = open_store().get_model_version_by_alias(outcome.model, CHALLENGER).version
    done = reproduce(outcome.bundle.path, settings, Asked(place / "again", tuple(Step)))
    differing = [check for check in done.checks if check.decisive and check.standing is not Standing.SAME]
    assert differing == []
    assert {check.step for check in done.checks} == {"origin", *Step}
    found = standings(done)
    assert found["model.onnx (sha256)"] is Standing.SAME
    assert found["lignes de train (sha256)"] is Standing.SAME
    assert {what for what in found if what.endswith("scores servis")} == {
        f"{key} : scores servis" for key in outcome.bundle.manifest.keys
    }
    assert "Reproduit, sans écart décisif" in conclusion(done)
    assert Reproduction.model_validate_json((place / "again/reproduction.json").read_text("utf-8")) == done
    assert open_store().get_model_version_by_alias(outcome.model, CHALLENGER).version == registered


def test_another_seed_is_told_by_recipe_and_rows(made):
    place, settings, outcome = made
    done = reproduce(outcome.bundle.path, settings, Asked(place / "seed", seed=14))
    found = standings(done)
    assert found["recette (sha256)"] is Standing.DIFFERENT
    assert found["lignes de train (sha256)"] is Standing.DIFFERENT
    assert found["vigie : sha256"] is Standing.SAME
    assert not done.reproduced
    assert "recette (sha256)" in conclusion(done)


def test_changed_cases_are_told_by_digest_and_rows(made, tmp_path):
    place, settings, outcome = made
    shutil.copytree(settings.datasets, tmp_path / "datasets")
    path = tmp_path / "datasets/vigie/haine.toml"
    path.write_text(path.read_text("utf-8").replace('text = "', 'text = "Alors ', 1), encoding="utf-8")
    changed = dataclasses.replace(settings, datasets=tmp_path / "datasets")
    found = standings(reproduce(outcome.bundle.path, changed, Asked(place / "data")))
    assert found["recette (sha256)"] is Standing.SAME
    assert found["vigie : sha256"] is Standing.DIFFERENT
    assert found["vigie : licence"] is Standing.SAME


def test_rows_are_prepared_again_and_not_read_from_the_cache(made):
    place, settings, outcome = made
    spoilt = dataclasses.replace(settings, cache=place / "spoilt")
    shutil.copytree(settings.cache, spoilt.cache)
    for file in spoilt.cache.rglob("*.arrow"):
        file.write_bytes(b"")
    assert reproduce(outcome.bundle.path, spoilt, Asked(place / "fresh")).reproduced


def test_a_bundle_that_does_not_say_its_rows_leaves_them_unknown(made):
    place, settings, outcome = made
    old = place / "old"
    shutil.copytree(outcome.bundle.path, old)
    manifest = open_bundle(old).manifest
    provenance = manifest.provenance.model_copy(update={"rows_sha256": {}, "git_commit": "0" * 40})
    seal_bundle(old, manifest.model_copy(update={"provenance": provenance}))
    done = reproduce(old, settings, Asked(place / "unknown"))
    found = standings(done)
    assert found["lignes de test (sha256)"] is Standing.UNKNOWN
    assert found["code qui fait un paquet"] is Standing.UNKNOWN
    assert done.reproduced  # another commit explains; it does not refute


def test_a_bundle_that_a_teacher_taught_is_not_trained_again(made, root, tmp_path):
    _, settings, _ = made
    file = root / "configs/train/distillation.toml"
    with pytest.raises(ConfigError, match="vigie-train distill RECIPE --teacher"):
        remake(load_recipe(file), None, settings, tmp_path / "run", recipe_file=file, limit=None)
    assert not (tmp_path / "run").exists()


def test_the_command_ends_with_one_when_something_decisive_differs(made):
    _, settings, outcome = made
    given = [str(outcome.bundle.path), "--out", "by-command"]
    env = {"VIGIE_CACHE": str(settings.cache), "VIGIE_DATASETS": str(settings.datasets), "COLUMNS": "160"}
    same = CliRunner().invoke(app, ["reproduce", *given], env=env)
    assert same.exit_code == 0, same.output
    assert "Reproduit, sans écart décisif" in same.output
    assert json.loads(Path("by-command/reproduction.json").read_text("utf-8"))["steps"] == ["data"]
    other = CliRunner().invoke(app, ["reproduce", *given, "--seed", "7"], env=env)
    assert other.exit_code == 1
    assert "Non reproduit (" in other.output


def interval(value: float) -> Interval:
    return Interval(value=value, low=value - 0.02, high=value + 0.02)


@pytest.mark.parametrize(
    ("now", "standing"), [(0.8, Standing.SAME), (0.825, Standing.CLOSE), (0.84, Standing.DIFFERENT)]
)
def test_a_figure_is_judged_by_its_interval_and_the_tolerance(now: float, standing: Standing):
    before = {"haine": {"auc": interval(0.8), "brier": interval(0.1)}}
    (check,) = compare.figures(Step.EVALUATION, before, {"haine": {"auc": interval(now), "brier": interval(0.1)}}, 0.01)
    assert check.standing is standing
    if now != 0.8:
        assert check.found == f"auc {now:.4f}".replace(".", ",")


def test_a_label_measured_on_one_side_only_differs():
    found = compare.figures(Step.EVALUATION, {"haine": {"auc": interval(0.8)}}, {"toxicite": {"auc": interval(0.8)}}, 1)
    assert [check.standing for check in found] == [Standing.DIFFERENT, Standing.DIFFERENT]


def test_served_scores_are_compared_one_by_one():
    curve = Curve(np.array([0.2, 0.7]), np.array([0.0, 1.0]), np.ones(2))
    near, far = np.array([0.2, 0.7005]), np.array([0.2, 0.75])
    for scores, standing in (
        (curve.scores, Standing.SAME),
        (near, Standing.CLOSE),
        (far, Standing.DIFFERENT),
        (np.ones(3), Standing.DIFFERENT),
    ):
        (check,) = compare.served_scores({"haine": curve}, {"haine": scores})
        assert check.standing is standing


def test_a_source_gained_or_lost_is_told():
    def record(name: str, sha256: str = "0" * 64) -> DatasetRecord:
        return DatasetRecord(name=name, sha256=sha256, licence="MIT", licence_class="open", rows=3)

    found = list(compare.sources([record("ftr"), record("mlma")], [record("ftr"), record("new")]))
    told = {check.what: (check.expected, check.found, check.standing) for check in found}
    assert told["ftr : sha256"][2] is Standing.SAME
    assert told["mlma : sha256"][1:] == ("absent", Standing.DIFFERENT)
    assert told["new : sha256"][0] == "absent"


def test_levels_are_each_models_own(tiny_bundle):
    labels = open_bundle(tiny_bundle).manifest.labels
    before = np.array([[4.0] * len(labels), [-4.0] * len(labels)])
    moved = before.copy()
    moved[0, 0] = -4.0
    found: dict[str, Check] = {check.what: check for check in compare.logits(labels, labels, before, moved, 0.05)}
    assert found["niveaux des lignes de test"].found == "10,00 % changent"
    assert found["niveaux des lignes de test"].standing is Standing.DIFFERENT
    same = {check.what: check.standing for check in compare.logits(labels, labels, before, before, 0.05)}
    assert set(same.values()) == {Standing.SAME}
    (only,) = compare.logits(labels, labels[:2], before, before[:, :2], 0.05)
    assert only.standing is Standing.DIFFERENT
