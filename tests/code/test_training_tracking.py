"""Runs, registry and promotion, in a store of the test's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from training_rows import recipe_table, tables

from serving.bundle import BundleError, DatasetRecord, NotFound, Unavailable, check_bundle
from training.recipe import parse_recipe
from training.tracking import CHALLENGER, CHAMPION, filed_run, fingerprint, open_store, promote, store_uri, tracked


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder for the module: the first database takes seconds to make."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def recipe(root):
    return parse_recipe(recipe_table(root), "x")


def client() -> MlflowClient:
    return MlflowClient(tracking_uri=store_uri())


def holder(model: str, alias: str) -> str:
    """Version that holds the alias."""
    return str(client().get_model_version_by_alias(model, alias).version)


def registered(recipe, path: Path, name: str) -> str:
    with tracked("essai", recipe.model_dump(mode="json"), name="test") as run:
        return run.register(name, check_bundle(path))


def test_a_run_files_everything(recipe, tiny_bundle, place):
    rows = tables(20, 20, 20)
    record = DatasetRecord(name="ftr", sha256="1" * 64, licence="MIT", licence_class="open", rows=20)
    (place / "report").mkdir()
    (place / "report" / "evaluation.html").write_text("<p>rien</p>", encoding="utf-8")
    with tracked("essai", recipe.model_dump(mode="json"), name="test") as run:
        run.data(rows, [record])
        run.history([{"step": 3, "epoch": 1.0, "loss": 0.5}, {"step": 3, "epoch": 1.0, "eval_loss": 0.6}])
        run.metrics({"haine/auc": 0.7})
        run.files(place / "report", "evaluation")
        version = run.register("model-a", check_bundle(tiny_bundle))
    found = client().get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["training.learning_rate"] == "0.005"
    assert found.data.params["dataset.ftr"] == "1" * 64
    assert found.data.params["fingerprint.train"] == fingerprint(rows["train"])
    assert found.data.metrics["haine/auc"] == 0.7
    assert found.data.metrics["training/loss"] == 0.5
    names = {item.path for item in client().list_artifacts(run.run_id)}
    assert names == {"bundle", "datasets.json", "evaluation"}
    assert holder("model-a", CHALLENGER) == version
    assert (place / "runs" / "mlflow.db").is_file()
    assert list((place / "runs" / "artefacts").rglob("manifest.json"))


def test_a_filed_run_is_found_again_and_an_unknown_one_is_none(recipe, tmp_path, monkeypatch):
    with tracked("essai", recipe.model_dump(mode="json"), name="test") as run:
        assert filed_run(run.run_id).minutes is None  # still runs
    found = filed_run(run.run_id)
    assert found.run_id == run.run_id
    assert found.minutes >= 0
    assert found.started.tzinfo is not None
    assert filed_run("0" * 32) is None
    monkeypatch.chdir(tmp_path)
    assert filed_run(run.run_id) is None  # no store here, and none is made
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_says_so(recipe):
    with pytest.raises(ZeroDivisionError), tracked("essai", recipe.model_dump(mode="json"), name="test") as run:
        _ = 1 / 0
    assert client().get_run(run.run_id).info.status == "FAILED"


def test_fingerprint_follows_the_rows():
    first, again = tables(12, 4, 4)["train"], tables(12, 4, 4)["train"]
    assert fingerprint(first) == fingerprint(again)
    assert fingerprint(first) != fingerprint(first.select(range(11)))
    assert fingerprint(first) != fingerprint(first.select([1, 0, *range(2, 12)]))


def test_promotion_moves_the_champion(recipe, tiny_bundle):
    first = registered(recipe, tiny_bundle, "model-b")
    assert promote("model-b", CHALLENGER) == first
    second = registered(recipe, tiny_bundle, "model-b")
    assert holder("model-b", CHAMPION) == first
    assert promote("model-b", second) == second
    assert holder("model-b", CHAMPION) == second


def test_a_tampered_bundle_is_not_promoted(recipe, tiny_bundle, place):
    first = registered(recipe, tiny_bundle, "model-c")
    promote("model-c", first)
    second = registered(recipe, tiny_bundle, "model-c")
    run_id = client().get_model_version("model-c", second).run_id
    card = next((place / "runs" / "artefacts").rglob(f"{run_id}/**/CARD.md"))
    card.write_text("# autre\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"CARD.md"):
        promote("model-c", CHALLENGER)
    assert holder("model-c", CHAMPION) == first


def test_another_bundle_in_its_place_is_not_promoted(recipe, tiny_bundle, place, tmp_path):
    from tiny_bundle import make_tiny_bundle

    version = registered(recipe, tiny_bundle, "model-d")
    run_id = client().get_model_version("model-d", version).run_id
    folder = next((place / "runs" / "artefacts").rglob(f"{run_id}/**/manifest.json")).parent
    shutil.rmtree(folder)
    shutil.copytree(make_tiny_bundle(tmp_path / "other", name="other"), folder)
    with pytest.raises(BundleError, match="not the one registered"):
        promote("model-d", version)
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="model-d version"):
        promote("model-d", version)


@pytest.mark.parametrize(("model", "version"), [("nothing", "1"), ("model-a", "99"), ("model-a", "winner")])
def test_unknown_versions_are_said(model, version):
    with pytest.raises(NotFound, match=f"{version}.*{model}"):
        promote(model, version)


def test_the_variable_wins_and_an_unreachable_store_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    uri = f"sqlite:///{tmp_path}/file/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert store_uri() == uri
    with pytest.raises(Unavailable, match="MLFLOW_TRACKING_URI"):
        open_store().search_experiments()
