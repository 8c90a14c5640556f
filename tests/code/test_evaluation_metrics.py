"""The figures agree with scikit-learn, with and without weights, one resample at a time and many at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, recall_score
from sklearn.metrics import roc_auc_score as sklearn_auc

from training.evaluation import metrics as m


@pytest.fixture(params=["continuous", "tied"])
def rows(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and three lines of weights, some of them zero as in a resample."""
    generator = np.random.default_rng(3)
    labels = (generator.random(400) < 0.3).astype(float)
    scores = np.clip(generator.normal(0.35 + 0.25 * labels, 0.2), 0.01, 0.99)
    if request.param == "tied":
        scores = np.round(scores, 1).clip(0.1, 0.9)
    return labels, scores, generator.integers(0, 4, (3, 400)) * generator.random((3, 400))


def _each(function, labels, scores, weights):
    return [function(labels, scores, sample_weight=line) for line in weights]


def test_areas_are_those_of_scikit_learn(rows):
    labels, scores, weights = rows
    assert m.roc_auc(*rows) == pytest.approx(_each(sklearn_auc, *rows))
    assert m.average_precision(*rows) == pytest.approx(_each(average_precision_score, *rows))
    assert m.brier(*rows) == pytest.approx(_each(brier_score_loss, labels, scores, weights))


def test_figures_at_a_threshold_are_those_of_scikit_learn(rows):
    labels, scores, weights = rows
    flags = scores >= 0.5
    found = m.at_threshold(labels, flags, weights)
    for name, reference in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name] == pytest.approx(_each(reference, labels, flags, weights)), name
    assert found["fpr"] == pytest.approx(_each(recall_score, 1 - labels, flags, weights))
    assert found["review_rate"] == pytest.approx([(line @ flags) / line.sum() for line in weights])


def test_macro_f1_judges_the_harmless_as_much_as_the_harmful(rows):
    labels, _, weights = rows
    always = np.ones(len(labels), dtype=bool)
    expected = [f1_score(labels, always, sample_weight=line, average="macro") for line in weights]
    assert m.macro_f1(labels, always, weights) == pytest.approx(expected)
    assert (m.macro_f1(labels, always, weights) < 0.5).all()


def test_weights_to_a_rate_give_that_rate_in_every_resample(rows):
    labels, scores, weights = rows
    weighted = m.to_rate(labels, weights, 0.05)
    assert weighted.sum(axis=1) == pytest.approx([1.0] * 3)
    assert weighted @ labels == pytest.approx([0.05] * 3)
    assert m.roc_auc(labels, scores, weighted) == pytest.approx(m.roc_auc(labels, scores, weights))


def test_equal_mass_bins_carry_equal_weight():
    generator = np.random.default_rng(0)
    scores, weights = generator.random(3000), generator.random(3000)
    bins = m.equal_mass_bins(scores, weights)
    assert np.bincount(bins, weights=weights) / weights.sum() == pytest.approx(1 / m.BINS, rel=0.02)
    assert (np.diff(bins[np.argsort(scores)]) >= 0).all()


def test_bins_of_a_constant_score_hold_every_row():
    bins = m.equal_mass_bins(np.full(50, 0.2), np.ones(50))
    assert len(set(bins.tolist())) == 1


def test_calibration_error_is_the_distance_of_probability_to_rate():
    labels = np.array([0.0, 1, 0, 1, 1, 1])
    scores = np.array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
    bins = m.equal_mass_bins(scores, np.ones(6), bins=2)
    assert m.calibration_error(labels, scores, np.ones((1, 6)), bins) == pytest.approx(((1 / 3 - 0.2) + 0.2) / 2)


def test_slope_tells_overconfidence_and_one_step_is_near_the_full_fit():
    generator = np.random.default_rng(1)
    z = generator.normal(0, 1.5, 4000)
    labels = (generator.random(4000) < 1 / (1 + np.exp(-z))).astype(float)
    honest, shouting = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-2 * z))
    weights = generator.poisson(1, (20, 4000)).astype(float)
    start = m.calibration_line(labels, shouting, np.ones(4000))
    assert start[1] == pytest.approx(0.5, abs=0.05)
    assert m.calibration_line(labels, honest, np.ones(4000))[1] == pytest.approx(1, abs=0.1)
    reference = LogisticRegression(C=1e9).fit(2 * z[:, None], labels, sample_weight=weights[0])
    assert m.calibration_slope(labels, shouting, weights[:1])[0] == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    stepped = m.calibration_slope(labels, shouting, weights, start=start)
    assert stepped == pytest.approx(m.calibration_slope(labels, shouting, weights), abs=0.01)


def test_what_cannot_be_answered_is_nan_not_zero():
    labels, scores, weights = np.zeros(5), np.linspace(0, 1, 5), np.ones((1, 5))
    assert np.isnan(m.roc_auc(labels, scores, weights)).all()
    assert np.isnan(m.average_precision(labels, scores, weights)).all()
    assert np.isnan(m.at_threshold(labels, scores > 2, weights)["precision"]).all()
    separated = np.array([0.0, 0, 1, 1])
    assert np.isnan(m.calibration_line(separated, np.array([0.1, 0.2, 0.8, 0.9]), np.ones(4))).all()


def test_brier_skill_of_the_base_rate_is_zero():
    labels = np.array([1.0, 0, 0, 0])
    assert m.brier_skill(labels, np.full(4, 0.25), np.ones((1, 4))) == pytest.approx([0.0])
    assert m.brier_skill(labels, labels, np.ones((1, 4))) == pytest.approx([1.0])


def test_probabilities_move_to_another_prior_by_bayes():
    scores = np.array([0.2, 0.05, 0.9])
    assert m.at_prior(scores, 0.2, 0.5)[0] == pytest.approx(0.5)
    odds = scores / (1 - scores) * (0.3 / 0.7) / (0.2 / 0.8)
    assert m.at_prior(scores, 0.2, 0.3) == pytest.approx(odds / (1 + odds))
    assert m.at_prior(m.at_prior(scores, 0.2, 0.5), 0.5, 0.2) == pytest.approx(scores)
