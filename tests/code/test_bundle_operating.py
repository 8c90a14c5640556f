"""Operating points: what a formula means, checked against a direct search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.bundle import Curve, InputError, parse, solve
from serving.bundle.operating import METRICS, STANDARD_POINTS


def curve(scores: list[float], labels: list[int], weights: list[float] | None = None) -> Curve:
    return Curve(np.array(scores), np.array(labels, dtype=float), np.array(weights or [1.0] * len(scores)))


def at(found: Curve, threshold: float) -> dict[str, float]:
    """The four metrics at one threshold, straight from their definitions."""
    flagged, positive, w = found.scores >= threshold, found.labels > 0.5, found.weights
    return {
        "precision": w[flagged & positive].sum() / w[flagged].sum(),
        "recall": w[flagged & positive].sum() / w[positive].sum(),
        "review_rate": w[flagged].sum() / w.sum(),
        "fpr": w[flagged & ~positive].sum() / w[~positive].sum(),
    }


SEPARABLE = curve([0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])


def test_separable_scores_reach_everything() -> None:
    point = solve("tres_probable", "maximum recall @ precision >= 0.9", SEPARABLE)
    assert point.threshold == pytest.approx(0.6)
    assert point.metrics["recall"].value == 1.0
    assert point.metrics["review_rate"].value == 0.5


def test_unattainable_is_off_not_faked() -> None:
    noise = curve([0.5] * 20, [1, 0] * 10)
    point = solve("tres_probable", "maximum recall @ precision >= 0.9", noise)
    assert point.threshold is None
    assert point.metrics == {}


def test_too_few_positives_say_nothing() -> None:
    scores = [0.9, 0.8] + [0.1] * 50
    assert solve("probable", STANDARD_POINTS["probable"], curve(scores, [1, 1] + [0] * 50)).threshold is None


def test_weights_move_precision() -> None:
    scores, labels = [0.9] * 10 + [0.1] * 10, [1] * 5 + [0] * 5 + [1] * 5 + [0] * 5
    even = solve("x", "maximum recall @ precision >= 0.6", curve(scores, labels))
    heavy = solve("x", "maximum recall @ precision >= 0.6", curve(scores, labels, [3.0 if y else 1.0 for y in labels]))
    assert even.threshold is None
    assert heavy.threshold == pytest.approx(0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(1, 5)), min_size=12, max_size=60),
    st.sampled_from(["maximum recall @ precision >= 0.6", "minimum review_rate @ recall >= 0.8 and fpr <= 0.5"]),
)
def test_the_answer_is_the_best_of_a_direct_search(rows: list[tuple[int, bool, int]], formula: str) -> None:
    found = curve([s / 20 for s, _, _ in rows], [int(y) for _, y, _ in rows], [float(w) for _, _, w in rows])
    point = solve("x", formula, found, replicates=5)
    positives = int(found.labels.sum())
    if min(positives, len(rows) - positives) < 5:
        assert point.threshold is None
        return
    parsed = parse(formula)
    measured = {t: at(found, t) for t in np.unique(found.scores)}
    allowed = {
        t: metrics
        for t, metrics in measured.items()
        if all(bool(c.holds(np.array(metrics[c.metric]))) for c in parsed.conditions)
    }
    if not allowed:
        assert point.threshold is None
        return
    best = (max if parsed.maximise else min)(m[parsed.metric] for m in allowed.values())
    assert point.threshold is not None
    metrics = at(found, point.threshold)
    assert metrics[parsed.metric] == pytest.approx(best)
    for name in METRICS:
        assert point.metrics[name].value == pytest.approx(metrics[name])
        assert point.metrics[name].low <= point.metrics[name].high


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("recall @ precision >= 0.9", "maximum"),
        ("greatest recall @ precision >= 0.9", "greatest"),
        ("maximum recal @ precision >= 0.9", "recall"),
        ("maximum recall @ precision > 0.9", "precision > 0.9"),
        ("maximum recall @ precision >= 90", "between 0 and 1"),
        ("", "METRIC"),
    ],
)
def test_a_wrong_formula_names_the_culprit(formula: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(formula)
    assert said in caught.value.detail
    assert caught.value.code == "invalid_formula"
