"""Platt at the population rate, halves by group, and points that are off rather than faked."""

from __future__ import annotations

import numpy as np
import pytest

from serving.bundle.operating import STANDARD_POINTS
from training.calibrate import LEAST_SLOPE, calibratable, calibrate, fit_platt, fitting_half, population_weights


def rows(n=4000, share=0.4, seed=0, slope=1.0):
    """Logits of which the true probability is known: sigmoid(slope * logit), at the rate of the draw."""
    generator = np.random.default_rng(seed)
    positive = generator.random(n) < share
    logits = generator.normal(np.where(positive, 1.0, -1.0) / slope, 1.0 / slope)
    return logits, positive, np.ones(n)


def probability(calibration, logits):
    return 1 / (1 + np.exp(-(calibration.slope * logits + calibration.intercept)))


def test_probabilities_are_at_the_population_rate():
    logits, positive, weights = rows()
    calibration = fit_platt(logits, positive, weights, 0.05)
    at_rate = population_weights(positive, weights, 0.05)
    assert np.average(probability(calibration, logits), weights=at_rate) == pytest.approx(0.05, abs=0.003)
    assert np.average(positive, weights=at_rate) == pytest.approx(0.05)


def test_the_known_slope_is_found():
    """Two unit normals at +1 and -1: log-odds are 2 x, so slope 2 and the prior's log-odds."""
    logits, positive, weights = rows(20_000)
    calibration = fit_platt(logits, positive, weights, 0.2)
    assert calibration.slope == pytest.approx(2.0, abs=0.1)
    assert calibration.intercept == pytest.approx(np.log(0.2 / 0.8), abs=0.1)


def test_row_weights_count_like_copies():
    """Copies make Platt's smoothing believe in more rows; with many rows that is all they change."""
    logits, positive, _ = rows(4000)
    copies = np.where(logits > 0, 3, 1)
    weighted = fit_platt(logits, positive, copies.astype(float), 0.2)
    copied = fit_platt(np.repeat(logits, copies), np.repeat(positive, copies), np.ones(copies.sum()), 0.2)
    plain = fit_platt(logits, positive, np.ones(4000), 0.2)
    assert weighted.intercept == pytest.approx(copied.intercept, abs=0.05)
    assert abs(weighted.intercept - plain.intercept) > 0.3


def test_the_scale_of_weights_does_not_matter():
    logits, positive, weights = rows(300)
    assert fit_platt(logits, positive, weights * 7, 0.2).slope == pytest.approx(
        fit_platt(logits, positive, weights, 0.2).slope, rel=1e-4
    )


def test_separable_rows_keep_a_finite_slope():
    logits = np.array([-2.0, -1.0, 1.0, 2.0])
    calibration = fit_platt(logits, logits > 0, np.ones(4), 0.2)
    assert 0 < calibration.slope < 10


def test_a_backward_model_stays_at_the_rate():
    logits, positive, weights = rows()
    calibration = fit_platt(-logits, positive, weights, 0.2)
    assert calibration.slope == LEAST_SLOPE
    assert probability(calibration, -logits) == pytest.approx(0.2, abs=0.01)


def test_halves_keep_groups_whole_and_share_rare_labels():
    generator = np.random.default_rng(0)
    groups = [f"g{i // 3}" for i in range(600)]
    positive = np.zeros((600, 3), dtype=bool)
    positive[:, 0] = generator.random(600) < 0.4
    positive[[0, 30, 60, 90], 1] = True
    positive[[3, 33], 2] = True
    half = fitting_half(positive, groups, seed=1)
    sides = {group: set(half[[i for i, g in enumerate(groups) if g == group]].tolist()) for group in set(groups)}
    assert all(len(side) == 1 for side in sides.values())
    assert positive[half, 1].sum() == 2
    assert positive[half, 2].sum() == 1
    assert abs(half.mean() - 0.5) < 0.05
    assert (half == fitting_half(positive, groups, seed=1)).all()
    assert (half != fitting_half(positive, groups, seed=2)).any()


def test_thresholds_come_from_the_other_half():
    logits, positive, weights = rows(1000)
    groups = [str(i) for i in range(1000)]
    fitting = np.arange(1000) % 2 == 0
    found = calibrate(logits, positive, weights, groups, fitting, rate=0.2, bootstrap=50, seed=0)
    alone = fit_platt(logits[fitting], positive[fitting], weights[fitting], 0.2)
    assert found.calibration == alone
    np.testing.assert_allclose(found.curve.scores, probability(alone, logits[~fitting]))
    assert len(found.curve.scores) == 500
    assert [point.level for point in found.operating_points] == list(STANDARD_POINTS)
    probable = found.operating_points[1]
    flagged = found.curve.scores >= probable.threshold
    precision = np.average(found.curve.labels[flagged], weights=found.curve.weights[flagged])
    assert precision >= 0.6
    assert probable.metrics["recall"].low <= probable.metrics["recall"].value <= probable.metrics["recall"].high


def test_unknown_rows_are_left_out():
    logits, positive, weights = rows(400)
    groups, fitting = [str(i) for i in range(400)], np.arange(400) % 2 == 0
    known = np.arange(400) < 300
    masked = calibrate(logits, positive, weights * known, groups, fitting, rate=0.2, bootstrap=10, seed=0)
    kept = calibrate(
        logits[known], positive[known], weights[known], groups[:300], fitting[known], rate=0.2, bootstrap=10, seed=0
    )
    assert masked.calibration == kept.calibration
    assert len(masked.curve.scores) == 150


def test_chance_switches_levels_off():
    generator = np.random.default_rng(3)
    positive, weights = generator.random(800) < 0.3, np.ones(800)
    groups, fitting = [str(i) for i in range(800)], np.arange(800) % 2 == 0
    found = calibrate(generator.normal(size=800), positive, weights, groups, fitting, rate=0.05, bootstrap=10, seed=0)
    assert found.operating_points[0].threshold is None
    assert found.operating_points[0].metrics == {}


def test_four_positives_make_no_threshold():
    logits, positive, weights = rows(400)
    few = np.zeros(400, dtype=bool)
    few[np.flatnonzero(positive)[:8]] = True
    fitting = np.ones(400, dtype=bool)
    fitting[np.flatnonzero(few)[:4]] = False
    fitting[np.flatnonzero(~few)[:200]] = False
    found = calibrate(logits, few, weights, [str(i) for i in range(400)], fitting, rate=0.05, bootstrap=10, seed=0)
    assert [point.threshold for point in found.operating_points] == [None, None, None]


def test_calibratable_needs_both_answers_on_both_sides():
    fitting = np.array([True, True, False, False])
    weights = np.ones(4)
    assert calibratable(np.array([True, False, True, False]), weights, fitting)
    assert not calibratable(np.array([True, False, False, False]), weights, fitting)
    assert not calibratable(np.array([True, False, True, False]), np.array([1.0, 1.0, 0.0, 1.0]), fitting)
    with pytest.raises(ValueError, match="both halves"):
        calibrate(np.zeros(4), np.zeros(4, bool), weights, list("abcd"), fitting, rate=0.2, bootstrap=1, seed=0)
