"""AUC on disguised copies: the drop is the difference, paired, and a model that reads words loses what they hid."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from prepared_rows import make_prepared
from sklearn.metrics import roc_auc_score

from serving.bundle import OUTPUT_KEYS, open_bundle
from training.evaluation.evaluate import bench_of
from training.evaluation.judges import BASELINE, MODEL, hearing
from training.evaluation.obfuscation import obfuscated
from training.evaluation.robustness import robustness


@pytest.fixture(scope="module")
def recipe():
    return SimpleNamespace(
        name="tiny",
        seed=5,
        training=SimpleNamespace(pos_weight_max=8.0),
        calibration=SimpleNamespace(bootstrap=20),
    )


@pytest.fixture(scope="module")
def judged(tiny_bundle, recipe):
    with hearing(open_bundle(tiny_bundle), recipe, make_prepared()) as heard:
        bench = bench_of(heard, replicates=60)
        yield heard, bench, robustness(heard.ask, bench, copies=("invisible", "join"))


def test_each_family_and_copy_has_its_figures(judged):
    _, _, found = judged
    assert {(item.key, item.disguise) for item in found} == {
        (key, copy) for key in ("haine", "terrorisme", "harcelement") for copy in ("invisible", "join")
    }
    for item in found:
        assert set(item.clean) == set(item.disguised) == set(item.drop) == {MODEL, BASELINE}
        for judge in (MODEL, BASELINE):
            gap = item.clean[judge].value - item.disguised[judge].value
            assert item.drop[judge].value == pytest.approx(gap)
            apart = item.clean[judge].high - item.disguised[judge].low
            assert item.drop[judge].high <= apart + 1e-9


def test_figures_are_those_of_the_copies_by_weight(judged):
    heard, bench, found = judged
    item = next(item for item in found if (item.key, item.disguise) == ("haine", "join"))
    column = OUTPUT_KEYS.index("haine")
    judging = bench.judging("haine")
    asked = [
        n for n in range(len(heard.test)) if any(bench.judging(k)[n] for k in ("haine", "terrorisme", "harcelement"))
    ]
    copies = dict(zip(asked, obfuscated([heard.test.texts[n] for n in asked], "join", 0), strict=True))
    rows = [n for n in asked if judging[n]]
    scores = heard.judges[MODEL]([copies[n] for n in rows])["haine"].scores
    expected = roc_auc_score(heard.test.target[rows, column], scores, sample_weight=heard.test.weight[rows])
    assert item.disguised[MODEL].value == pytest.approx(expected)
    assert item.clean[MODEL] == pytest.approx(bench.label("haine").model.figures["auc"])


def test_a_reader_of_whole_words_loses_what_is_hidden(judged):
    _, _, found = judged
    hidden = {item.key: item.drop[MODEL] for item in found if item.disguise == "invisible"}
    assert all(drop.low > 0.02 for drop in hidden.values())
