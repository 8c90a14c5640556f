"""A bundle is judged on what it serves, on the rows that annotate each label, beside a baseline on the same rows."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from prepared_rows import SIGNS, make_prepared
from sklearn.metrics import roc_auc_score

from serving.bundle import OUTPUT_KEYS, ConfigError, open_bundle
from serving.classifier import Classifier
from training.evaluation import Evaluation, evaluate, evaluate_bundle, write_evaluation
from training.evaluation.evaluate import Bench
from training.evaluation.measure import Scored
from training.evaluation.split import read_split


@pytest.fixture(scope="module")
def prepared():
    return make_prepared()


@pytest.fixture(scope="module")
def recipe():
    """The part of a recipe that an evaluation reads."""
    return SimpleNamespace(
        name="tiny",
        seed=5,
        training=SimpleNamespace(pos_weight_max=8.0),
        calibration=SimpleNamespace(bootstrap=20),
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def evaluation(tiny_bundle, recipe, prepared, out) -> Evaluation:
    return evaluate_bundle(tiny_bundle, recipe, prepared, out, replicates=60)


def _rows(prepared, key, sources=("a", "b", "vigie")):
    test, column = read_split(prepared.tables["test"]), OUTPUT_KEYS.index(key)
    chosen = (test.mask[:, column] >= 1) & np.isin(test.sources, sources)
    return test, np.flatnonzero(chosen), column


def _tiny_scores(tiny_bundle):
    with closing(Classifier(open_bundle(tiny_bundle))) as classifier:
        return [verdict.scores["haine"] for verdict in classifier.score(["haine", "pluie"])]


def test_area_is_that_of_the_annotated_rows_by_weight(evaluation, prepared):
    test, chosen, column = _rows(prepared, "haine")
    scores = [float("haine" in test.texts[row].split()) for row in chosen]
    expected = roc_auc_score(test.target[chosen, column], scores, sample_weight=test.weight[chosen])
    found = evaluation.label("haine")
    assert found.model.figures["auc"].value == pytest.approx(expected)
    assert found.rows == len(chosen)
    assert found.positives == int(test.target[chosen, column].sum())
    assert found.population_rate == 0.2


def test_rows_that_are_unknown_or_presumed_do_not_judge(evaluation, prepared):
    _, chosen, _ = _rows(prepared, "terrorisme", sources=("a", "vigie"))
    found = evaluation.label("terrorisme")
    assert found.rows == len(chosen)
    assert found.sources == ("a", "vigie")
    assert found.presumed_rows > 100
    assert 0 <= found.presumed_flagged.value < 0.5


def test_a_source_that_only_says_yes_does_not_judge(prepared):
    test = read_split(prepared.tables["test"])
    column = OUTPUT_KEYS.index("haine")
    of_a = np.array([source == "a" for source in test.sources])
    test.target[of_a, column] = 1.0
    label = SimpleNamespace(key="haine")
    bench = Bench(test, {"model": {"haine": Scored(np.zeros(len(test)), label)}}, 10, 0)
    assert not bench.judging("haine")[of_a].any()
    assert bench.judging("haine").any()


def test_labels_come_in_the_order_of_the_bundle_with_both_models(evaluation):
    assert [label.key for label in evaluation.labels] == [key for key in OUTPUT_KEYS if evaluation.label(key)]
    assert {label.key for label in evaluation.labels} == {key for keys in SIGNS.values() for key in keys}
    for label in evaluation.labels:
        assert label.baseline is not None
        gap = label.model.figures["auc"].value - label.baseline.figures["auc"].value
        assert label.difference["auc"].value == pytest.approx(gap)
        for figures in (label.model.figures, label.baseline.figures):
            assert all(f.low - 1e-9 <= f.value <= f.high + 1e-9 for n, f in figures.items() if n != "slope"), label.key


def test_calibration_is_told_at_one_positive_in_two_as_well(evaluation, prepared, tiny_bundle):
    test, chosen, column = _rows(prepared, "haine")
    labels = test.target[chosen, column]
    found = evaluation.label("haine")
    # The tiny bundle gives one score with the sign and one without: moved to one half, weighed to one half.
    given = np.where(["haine" in test.texts[row].split() for row in chosen], *_tiny_scores(tiny_bundle))
    odds = given / (1 - given) * (0.8 / 0.2)
    errors, weights = (odds / (1 + odds) - labels) ** 2, test.weight[chosen]
    brier = np.mean([np.average(errors[labels == side], weights=weights[labels == side]) for side in (0, 1)])
    assert found.model.figures["balanced.brier_skill"].value == pytest.approx(1 - brier / 0.25)
    assert {"balanced.slope", "balanced.ece"} <= set(found.baseline.figures)


def test_a_paired_interval_is_narrower_than_two_apart(evaluation):
    label = evaluation.label("haine")
    apart = sum(f["auc"].high - f["auc"].low for f in (label.model.figures, label.baseline.figures))
    assert label.difference["auc"].high - label.difference["auc"].low < apart


def test_the_baseline_learns_the_signs(evaluation):
    assert evaluation.label("haine").baseline.figures["auc"].value > 0.75


def test_sources_are_told_apart(evaluation):
    seen = {(item.source, item.key) for item in evaluation.sources}
    assert {("a", "haine"), ("b", "haine"), ("a", "terrorisme")} <= seen
    assert ("b", "terrorisme") not in seen


def test_own_cases_are_judged_by_family(evaluation):
    suites = {pair.model.label: pair for pair in evaluation.suites}
    assert set(suites) == {"haine", "terrorisme", "harcelement"}
    first = suites["haine"].model
    assert (first.harmful.value, first.cases) == (1.0, 32)
    assert first.harmless.value < 1
    assert suites["haine"].baseline.bundle == "tf-idf"
    assert sum(item.units for item in first.functionalities) == 16


def test_written_files_hold_the_same_and_no_text(evaluation, prepared, out):
    stored = (out / "evaluation.json").read_text(encoding="utf-8")
    assert Evaluation.model_validate_json(stored) == evaluation
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    for text in prepared.tables["test"]["text"]:
        assert text not in stored
        assert text not in page
    json.loads(stored)


def test_the_page_can_carry_the_id_of_the_bundle_sealed_after_it(evaluation, tmp_path):
    stored, page = write_evaluation(evaluation, tmp_path, sealed_as="sha256:" + "f" * 64)
    assert json.loads(stored.read_text())["bundle"] == "sha256:" + "f" * 64
    assert "f" * 12 in page.read_text()


def test_the_same_seed_gives_the_same_evaluation(tiny_bundle, recipe, prepared, evaluation):
    again = evaluate(open_bundle(tiny_bundle), recipe, prepared, replicates=60)
    assert again.model_copy(update={"created_at": evaluation.created_at}) == evaluation


def test_figures_go_to_the_manifest_and_to_the_tracker(evaluation):
    assert evaluation.metrics()["haine"]["auc"] == evaluation.label("haine").model.figures["auc"]
    flat = evaluation.flat()
    assert flat["haine/auc"] == evaluation.label("haine").model.figures["auc"].value
    assert "haine/auc/baseline" in flat


def test_rows_without_a_column_are_named(tiny_bundle, recipe, prepared):
    tables = {name: table.remove_columns("mask") for name, table in prepared.tables.items()}
    with pytest.raises(ConfigError, match="lack the column 'mask'"):
        evaluate(open_bundle(tiny_bundle), recipe, SimpleNamespace(tables=tables, records=[]))
