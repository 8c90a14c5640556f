"""Intervals cover the truth, widen with clusters, and do not change from run to run."""

from __future__ import annotations

import numpy as np
import pytest

from serving.bundle import Interval
from training.evaluation.bootstrap import intervals, recentred, wilson


def _mean(values):
    return lambda weights: {"mean": (weights @ values) / weights.sum(axis=1)}


def test_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(size=400)
    found = intervals(_mean(values), np.ones(400), range(400), replicates=2000)["mean"]
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_same_seed_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).normal(size=60)
    first, again, other = (intervals(_mean(values), np.ones(60), range(60), seed=seed)["mean"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_repeated_rows_of_one_group_bring_no_precision():
    values = np.random.default_rng(0).normal(size=50)
    alone = intervals(_mean(values), np.ones(50), range(50))["mean"]
    repeated = np.repeat(values, 20)
    groups = np.repeat(np.arange(50), 20).tolist()
    clustered = intervals(_mean(repeated), np.full(1000, 0.05), groups)["mean"]
    pretended = intervals(_mean(repeated), np.ones(1000), range(1000))["mean"]
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low)
    assert pretended.high - pretended.low < (alone.high - alone.low) / 3


def test_a_statistic_without_an_answer_is_left_out():
    assert intervals(lambda weights: {"x": np.full(len(weights), np.nan)}, np.ones(4), range(4)) == {}


def test_a_few_replicates_without_an_answer_do_not_spoil_the_others():
    values = np.array([1.0, 0.0, 0.0, 0.0])
    found = intervals(lambda w: {"x": np.where(w @ values > 0, 1.0, np.nan)}, np.ones(4), range(4))
    assert found["x"] == Interval(value=1, low=1, high=1)


def test_wilson_is_honest_at_the_ends():
    sure = wilson(10, 10)
    assert (sure.value, sure.high) == (1.0, 1.0)
    assert sure.low == pytest.approx(0.7225, abs=1e-3)
    assert [wilson(0, trials).low for trials in (7, 30, 100)] == [0.0, 0.0, 0.0]
    half = wilson(50, 100)
    assert (half.low, half.high) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    with pytest.raises(ValueError, match="positive number of trials"):
        wilson(0, 0)


def test_recentred_keeps_the_width_and_the_floor():
    assert recentred(Interval(value=0.2, low=0.22, high=0.32)) == Interval(value=0.2, low=0.15, high=0.25)
    assert recentred(Interval(value=0.01, low=0.02, high=0.08)).low == 0
