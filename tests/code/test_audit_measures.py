"""The measures of an audit against figures worked out another way: areas, gaps, corrections, histograms, masking."""

from __future__ import annotations

import numpy as np
import pytest
from audit_rows import SECTION, label, rows_of
from fairlearn.metrics import equalized_odds_ratio
from sklearn.metrics import roc_auc_score

from serving.bundle import Interval
from training.audit.errors.mistakes import gravest
from training.audit.groups.multiplicity import adjusted, newcombe, of_interval, two_sided
from training.audit.groups.subgroups import audit_column
from training.audit.rows import AuditRows, crossed
from training.evaluation.measure import Scored
from training.masking import masked


def made(groups, labels, scores, threshold=0.5):
    """Rows of one column, and what a model says of them."""
    cells = {"lieu": [(g,) if isinstance(g, str) else g for g in groups]}
    rows = rows_of(["un texte"] * len(labels), labels, cells)
    return rows, Scored(np.array(scores, dtype=float), label(threshold))


@pytest.fixture(scope="module")
def table():
    """Group b gets high scores when harmless: its BPSN is low, a's is not; c holds three rows."""
    rng = np.random.default_rng(3)
    groups = ["a"] * 300 + ["b"] * 300 + ["c"] * 3
    labels = rng.random(603) < 0.4
    labels[-3:] = [True, True, False]
    shift = np.array([0.0] * 300 + [0.25] * 300 + [0.0] * 3)
    scores = np.clip(rng.normal(0.35 + 0.2 * labels + shift, 0.12), 0.01, 0.99)
    rows, scored = made(groups, labels, scores)
    return rows, scored, audit_column(rows, "lieu", rows.members("lieu"), "haine", scored, SECTION)


def group(table, name):
    return next(item for item in table[2].groups if item.group == name)


def test_areas_are_borkans(table):
    rows, scored, _ = table
    y, p = rows.labels["haine"], scored.scores
    inside = np.array([cell == ("b",) for cell in rows.groups["lieu"]])
    figures = group(table, "b").figures
    assert figures["subgroup_auc"].value == pytest.approx(roc_auc_score(y[inside], p[inside]), abs=2e-3)
    for name, side in (("bpsn_auc", 0), ("bnsp_auc", 1)):
        chosen = np.where(inside, y == side, y != side)
        assert figures[name].value == pytest.approx(roc_auc_score(y[chosen], p[chosen]), abs=2e-3)
        assert figures[name].low < figures[name].value < figures[name].high
    assert figures["bpsn_auc"].value < 0.6 < group(table, "a").figures["bpsn_auc"].value


def test_rates_and_calibration_are_those_of_the_rows(table):
    rows, scored, _ = table
    y, p = rows.labels["haine"] > 0.5, scored.scores
    inside = np.array([cell == ("b",) for cell in rows.groups["lieu"]])
    figures = group(table, "b").figures
    assert figures["probable.tpr"].value == pytest.approx((p >= 0.5)[inside & y].mean())
    assert figures["probable.fpr"].value == pytest.approx((p >= 0.5)[inside & ~y].mean())
    weights = np.where(y, 0.2 / y.sum(), 0.8 / (~y).sum())[inside]
    bias = weights @ (p - y)[inside] / weights.sum()
    assert figures["bias"].value == pytest.approx(bias, abs=1e-3)


def test_a_shifted_group_is_told_after_correction_and_a_tiny_one_is_shown_untested(table):
    found, tiny = group(table, "b"), group(table, "c")
    assert found.adjusted["probable.fpr"] < 0.001
    assert found.difference["probable.fpr"].low > 0.3
    assert tiny.small
    assert not tiny.adjusted
    assert (tiny.rows, tiny.positive_units, tiny.negative_units) == (3, 2, 1)
    # Two hits out of two say little: as wide as Wilson's interval on two trials.
    assert tiny.figures["probable.tpr"].high - tiny.figures["probable.tpr"].low > 0.6
    assert tiny.figures["subgroup_auc"].high - tiny.figures["subgroup_auc"].low > 0.7
    assert tiny.figures["bias"].high - tiny.figures["bias"].low > 0.6  # as wide as the rate of three rows
    assert "ece" not in tiny.figures
    assert "ece" in found.figures
    assert found.figures["bias"].high - found.figures["bias"].low < 0.1


def test_all_of_a_few_is_not_told_from_most_of_many():
    rng = np.random.default_rng(7)
    seen = np.concatenate([rng.random(400) < 0.93, np.ones(20, dtype=bool)])
    scores = np.concatenate([np.where(seen, 0.9, 0.2), rng.uniform(0, 0.4, 420)])
    groups = ["a"] * 400 + ["b"] * 20 + ["a"] * 400 + ["b"] * 20
    rows, scored = made(groups, [1] * 420 + [0] * 420, scores)
    found = audit_column(rows, "lieu", rows.members("lieu"), "haine", scored, SECTION)
    few = next(item for item in found.groups if item.group == "b")
    assert few.figures["probable.tpr"].value == 1.0
    assert few.figures["probable.tpr"].low < 0.9  # Wilson: twenty answers that agree may be chance
    assert few.difference["probable.tpr"].low < 0 < few.difference["probable.tpr"].high
    assert few.adjusted["probable.tpr"] > 0.05
    assert "probable.selection" not in few.adjusted


def test_gaps_are_fairlearns_over_the_groups_that_are_not_small(table):
    by_metric = {gap.metric: gap for gap in table[2].gaps if gap.level == "probable"}
    a, b = group(table, "a").figures, group(table, "b").figures
    for metric in ("tpr", "fpr", "selection"):
        name = f"probable.{metric}"
        assert by_metric[metric].difference.value == pytest.approx(b[name].value - a[name].value)
        assert by_metric[metric].ratio == pytest.approx(a[name].value / b[name].value)
        assert (by_metric[metric].highest, by_metric[metric].lowest, by_metric[metric].groups) == ("b", "a", 2)
    odds = by_metric["equalized_odds"]
    assert odds.difference.value == max(by_metric["tpr"].difference.value, by_metric["fpr"].difference.value)
    rows, scored, _ = table
    names = np.array([cell[0] for cell in rows.groups["lieu"]])
    kept = names != "c"
    truth, flagged = rows.labels["haine"][kept], scored.scores[kept] >= 0.5
    expected = equalized_odds_ratio(truth, flagged, sensitive_features=names[kept])
    assert odds.ratio == pytest.approx(expected)


def test_the_ratio_of_equalized_odds_is_the_smaller_of_the_two():
    """The larger difference is that of true positives, the smaller ratio that of false ones."""
    sizes = (("a", 1, 90, 100), ("b", 1, 50, 100), ("a", 0, 20, 100), ("b", 0, 1, 100))
    groups = [name for name, _, _, count in sizes for _ in range(count)]
    labels = [label for _, label, _, count in sizes for _ in range(count)]
    scores = [0.9 if row < seen else 0.1 for _, _, seen, count in sizes for row in range(count)]
    rows, scored = made(groups, labels, scores)
    found = audit_column(rows, "lieu", rows.members("lieu"), "haine", scored, SECTION)
    (odds,) = (gap for gap in found.gaps if (gap.level, gap.metric) == ("probable", "equalized_odds"))
    assert odds.difference.value == pytest.approx(0.4)
    assert odds.ratio == pytest.approx(0.05)


def test_a_row_may_belong_to_several_groups_and_to_none():
    groups = [("a",), ("a", "b"), (), ("b",)] * 30
    rows, scored = made(groups, [1, 0, 1, 0] * 30, [0.9, 0.2, 0.8, 0.1] * 30)
    found = audit_column(rows, "lieu", rows.members("lieu"), "haine", scored, SECTION)
    assert {item.group: item.rows for item in found.groups} == {"a": 60, "b": 60}


def test_a_level_that_is_off_gives_no_rate_and_no_gap():
    rows, scored = made(["a", "b"] * 40, [1, 1, 0, 0] * 20, [0.9, 0.8, 0.2, 0.1] * 20, threshold=None)
    found = audit_column(rows, "lieu", rows.members("lieu"), "haine", scored, SECTION)
    assert found.gaps == ()
    assert set(found.groups[0].figures) == {"subgroup_auc", "bpsn_auc", "bnsp_auc", "bias", "ece"}


def test_units_widen_intervals():
    rng = np.random.default_rng(0)
    labels = (np.arange(400) % 2).astype(float)
    scores = np.repeat(np.clip(rng.normal(0.4 + 0.1 * labels[::20].repeat(1), 0.2), 0, 1), 20)
    labels = np.repeat((np.arange(20) % 2).astype(float), 20)
    rows, scored = made(["a"] * 400, labels, scores)
    clustered = AuditRows(**{**rows.__dict__, "units": [str(i // 20) for i in range(400)]})
    width = {}
    for name, given in (("rows", rows), ("units", clustered)):
        section = SECTION.model_copy(update={"least_units": 2})
        (only,) = audit_column(given, "lieu", given.members("lieu"), "haine", scored, section).groups
        width[name] = only.figures["subgroup_auc"].high - only.figures["subgroup_auc"].low
    assert width["units"] > 2 * width["rows"]


def test_crossings_hold_every_pair_that_has_a_row():
    rows, _ = made(["a", "b", "a"], [1, 0, 1], [0.5] * 3)
    both = AuditRows(**{**rows.__dict__, "groups": {"x": [("a",), ("b",), ("a",)], "y": [("u",), ("u",), ()]}})
    ((name, members),) = crossed(both)
    assert name == "x × y"
    assert {key: chosen.tolist() for key, chosen in members.items()} == {
        "a × u": [True, False, False],
        "b × u": [False, True, False],
    }


def test_corrections_are_the_textbooks():
    assert adjusted([0.01, 0.04, 0.03, 0.005], "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted([0.01, 0.04, 0.03, 0.005], "benjamini_hochberg") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjusted([], "holm") == []


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((0, 10), (0, 20), -0.1611, 0.2775)],
)
def test_newcombes_intervals_are_those_of_his_table(first, second, low, high):
    found = newcombe(first[0] / first[1], first[1], second[0] / second[1], second[1])
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_chance_is_read_from_the_side_of_the_interval_towards_zero():
    assert of_interval(Interval(value=0.2, low=0.0, high=0.9)) == pytest.approx(0.05)
    assert of_interval(Interval(value=-0.2, low=-0.9, high=0.0)) == pytest.approx(0.05)
    assert of_interval(Interval(value=0.2, low=0.0, high=0.9), greater=True) == pytest.approx(0.025)
    assert of_interval(Interval(value=-0.2, low=-0.3, high=-0.1), greater=True) > 0.99
    assert of_interval(Interval(value=0.2, low=0.2, high=0.2)) == 1.0


def test_a_difference_that_does_not_vary_is_not_tested():
    assert two_sided(0.2, np.full(50, 0.2)) is None
    assert two_sided(1.96, np.array([-1.0, 1.0] * 50)) == pytest.approx(0.05, abs=1e-3)


def test_the_gravest_mistakes_come_first_and_hide_their_letters():
    rows, scored = made(["a"] * 6, [0, 0, 0, 1, 1, 1], [0.9, 0.1, 0.7, 0.05, 0.8, 0.3])
    found = gravest(rows, "haine", scored, 4, show_text=False)
    assert [(item.id, item.harmful) for item in found] == [("0", False), ("2", False), ("3", True), ("5", True)]
    assert {item.text for item in found} == {"•• •••••"}
    assert gravest(rows, "haine", scored, 2, show_text=True)[0].text == "un texte"
    assert masked("Été 75, l'ami_e !") == "••• ••, •'•••_• !"
