"""A recipe run end to end on our own cases: bundle, report, registry; then export again, resume and refusals."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tomli_w
from training_rows import own_recipe_table

from serving.bundle import Conflict, NotFound, check_bundle
from serving.settings import Settings
from training.runs import evaluate, export, run
from training.tracking import CHALLENGER, open_store, promote


@pytest.fixture(scope="module")
def done(root, tmp_path_factory):
    """Only our own cases, cut small."""
    place = tmp_path_factory.mktemp("place")
    (place / "recipe.toml").write_text(tomli_w.dumps(own_recipe_table(root)), encoding="utf-8")
    settings = dataclasses.replace(Settings.from_env(), cache=place / "cache", configs=root / "configs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield place, settings, run(Path("recipe.toml"), settings, limit=300)


def test_a_run_gives_a_registered_bundle_and_a_report(done):
    _, _, outcome = done
    assert outcome.folder == Path("runs/vigie-petit-s13-limit300")
    bundle = check_bundle(outcome.folder / "bundle")
    assert bundle.id == outcome.bundle.id
    assert bundle.manifest.name == "vigie-petit-essai-300"
    assert bundle.manifest.provenance.recipe == "recipe.toml"
    assert [record.name for record in bundle.manifest.provenance.datasets] == ["vigie"]
    assert set(bundle.manifest.provenance.rows_sha256) == {"train", "validation", "test"}
    assert (outcome.folder / "evaluation" / "evaluation.html").stat().st_size > 1000
    measured = {label.key: label.metrics for label in bundle.manifest.labels if label.metrics}
    assert set(measured) == {label.key for label in outcome.evaluation.labels}
    assert measured
    store = open_store()
    version = store.get_model_version_by_alias(outcome.model, CHALLENGER)
    assert str(version.version) == outcome.version
    found = store.get_run(version.run_id).data
    assert found.tags["bundle"] == bundle.id
    assert f"{next(iter(measured))}/auc" in found.metrics
    assert promote(outcome.model, CHALLENGER) == outcome.version


def test_the_card_carries_the_measured_figures(done):
    _, _, outcome = done
    card = (outcome.folder / "bundle" / "CARD.md").read_text(encoding="utf-8")
    label = outcome.evaluation.labels[0]
    assert f"{label.model.figures['auc'].value:.2f}".replace(".", ",") in card
    assert "Essai technique" in card
    assert "**terrorisme** repose entièrement sur des cas que nous avons écrits" in card


def test_export_makes_the_same_model_again(done):
    _, settings, outcome = done
    again, evaluation = export(outcome.folder, settings, out=Path("again"))
    assert again.manifest.files["model.onnx"] == outcome.bundle.manifest.files["model.onnx"]
    assert again.manifest.labels == outcome.bundle.manifest.labels
    assert evaluation.metrics() == outcome.evaluation.metrics()


def test_a_taken_folder_a_changed_recipe_and_no_run_are_said(done):
    _, settings, outcome = done
    with pytest.raises(Conflict, match="already holds a run"):
        run(Path("recipe.toml"), settings, limit=300)
    with pytest.raises(Conflict, match="limit is 20"):
        run(Path("recipe.toml"), settings, limit=20, out=outcome.folder, resume=True)
    with pytest.raises(Conflict, match="recipe_sha256"):
        run(Path("recipe.toml"), settings, limit=300, seed=99, out=outcome.folder, resume=True)
    with pytest.raises(NotFound, match=r"run\.json"):
        run(Path("recipe.toml"), settings, out=Path("elsewhere"), resume=True)


def test_evaluating_with_another_recipe_is_refused(done, root):
    _, settings, outcome = done
    with pytest.raises(Conflict, match="is not the bundle's"):
        evaluate(outcome.bundle.path, settings, recipe_file=root / "configs/train/petit.toml", out=Path("report"))
