"""``/v1/thresholds``: any formula on the bundle's curves."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
import pytest

from serving.api import thresholds
from serving.bundle import Curve, open_bundle, reweighted
from serving.bundle.operating import sweep


@pytest.fixture
def ask(house):
    client = house.key()

    def post(formula, **body):
        return client.post("/v1/thresholds", json={"formula": formula, **body})

    return post


def test_every_trained_label_is_answered_with_intervals(ask, house):
    answer = ask("maximum recall @ precision >= 0.75").json()
    assert answer["bundle"] == house.classifier.bundle_id
    assert [row["label"] for row in answer["labels"]] == list(house.classifier.manifest.keys)
    for row in answer["labels"]:
        assert row["attainable"]
        assert 0 < row["threshold"] < 1
        assert row["metrics"]["precision"]["value"] >= 0.75
        for interval in row["metrics"].values():
            assert interval["low"] <= interval["value"] <= interval["high"]
        assert (row["rows"], row["population_rate"]) == (200, 0.2)
        assert 0 < row["positives"] < 200


def test_what_no_threshold_satisfies_is_said(ask):
    (row,) = ask("maximum recall @ review_rate <= 0", labels=["haine"]).json()["labels"]
    assert (row["attainable"], row["threshold"], row["metrics"]) == (False, None, {})


def test_the_threshold_holds_on_the_scores_as_they_are_sent(ask, tiny_bundle):
    (row,) = ask("minimum fpr @ recall >= 0.8", labels=["haine"]).json()["labels"]
    curve = open_bundle(tiny_bundle).curves()["haine"]
    flagged = curve.scores >= row["threshold"]
    recall = (flagged & (curve.labels > 0.5)).sum() / curve.labels.sum()
    assert recall == pytest.approx(row["metrics"]["recall"]["value"])


def test_rarer_positives_make_precision_dearer(ask):
    common, rare = (
        ask("maximum recall @ fpr <= 0.05", labels=["haine"], population_rate=rate).json()["labels"][0]
        for rate in (0.3, 0.01)
    )
    assert (common["population_rate"], rare["population_rate"]) == (0.3, 0.01)
    assert common["metrics"]["precision"]["value"] > rare["metrics"]["precision"]["value"]
    assert common["metrics"]["recall"]["value"] == pytest.approx(rare["metrics"]["recall"]["value"])


def test_reweighting_gives_the_rate_and_keeps_recall_and_fpr():
    generator = np.random.default_rng(0)
    labels = (generator.random(100) < 0.4).astype(float)
    curve = Curve(generator.random(100), labels, generator.random(100) + 0.5)
    found = reweighted(curve, 0.03)
    assert found.weights[labels > 0.5].sum() / found.weights.sum() == pytest.approx(0.03)
    for name in ("recall", "fpr"):
        assert sweep(found).metrics[name] == pytest.approx(sweep(curve).metrics[name])


def test_an_untrained_label_is_left_out_and_an_unknown_one_refused(ask):
    formula = "maximum recall @ precision >= 0.5"
    assert ask(formula, labels=["vulgarite"]).json()["labels"] == []
    assert ask(formula, labels=["hain"]).json()["code"] == "unknown_label"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"formula": "recall please"}, "invalid_formula"),
        ({"formula": "maximum rappel @ precision >= 0.5"}, "invalid_formula"),
        ({"formula": "maximum recall @ precision >= 50"}, "invalid_formula"),
        ({"formula": "x" * 201}, "invalid_value"),
        ({"formula": 3}, "wrong_type"),
        ({}, "missing_field"),
        ({"formula": "maximum recall @ precision >= 0.5", "population_rate": 0}, "invalid_value"),
        ({"formula": "maximum recall @ precision >= 0.5", "population_rate": 5}, "invalid_value"),
        ({"formula": "maximum recall @ precision >= 0.5", "labels": []}, "invalid_value"),
        ({"formula": "maximum recall @ precision >= 0.5", "label": "haine"}, "unknown_field"),
    ],
)
def test_a_bad_question_is_a_problem(house, body, code):
    answer = house.key().post("/v1/thresholds", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_shipped_formula_gives_the_shipped_point(root):
    """The intervals of the manifest know which rows belong together; the curves do not."""
    from serving.api.thresholds import solved
    from serving.bundle.operating import parse

    bundle = open_bundle(root / "serving" / "embedded")
    for label in bundle.manifest.labels[:3]:
        for point in label.operating_points:
            (row,) = solved(bundle, parse(point.formula), [label.key], None)
            assert row["threshold"] == point.threshold
            assert row["metrics"] == {name: interval.model_dump() for name, interval in point.metrics.items()}


def test_formulas_wait_for_one_thread_and_a_crowd_is_told_to_come_back(house, monkeypatch):
    held, running = threading.Event(), []

    def slow(*_args):
        running.append(threading.current_thread().name)
        assert held.wait(60)
        return []

    monkeypatch.setattr(thresholds, "solved", slow)
    body, most = {"formula": "maximum recall @ precision >= 0.75"}, thresholds._MOST
    with ThreadPoolExecutor(most + 1) as pool:
        asked = [pool.submit(house.key().post, "/v1/thresholds", json=body) for _ in range(most + 1)]
        late = next(as_completed(asked, timeout=60)).result()  # the others are held
        held.set()
        statuses = Counter(one.result().status_code for one in asked)
    assert (late.status_code, late.json()["code"]) == (503, "overloaded")
    assert int(late.headers["retry-after"]) >= 1
    assert statuses == {200: most, 503: 1}
    assert {name.rpartition("_")[0] for name in running} == {"vigie-solve"}
    assert len(set(running)) == 1
