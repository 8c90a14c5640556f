"""The yardstick learns from the rows, masks and weights that it is given, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from prepared_rows import make_prepared

from serving.bundle import OUTPUT_KEYS
from training.evaluation.baseline import train_baseline
from training.evaluation.split import Split, read_split

HAINE = OUTPUT_KEYS.index("haine")
TEXTS = ["une haine sous la pluie", "le train de midi"]


@pytest.fixture(scope="module")
def train() -> Split:
    return read_split(make_prepared().tables["train"])


def _gap(split: Split) -> float:
    """By how much the sign of hatred raises the log-odds."""
    baseline = train_baseline(split, keys=["haine"])
    with_sign, without = baseline.logits(TEXTS)[:, 0]
    return float(with_sign - without)


def test_it_answers_the_labels_it_could_learn_in_order(train):
    baseline = train_baseline(train)
    assert baseline.keys == ("haine", "terrorisme", "terrorisme.menace", "harcelement", "contexte_protege")
    assert baseline.logits(TEXTS).shape == (2, 5)
    assert train_baseline(train, keys=["contexte_protege", "haine"]).keys == ("haine", "contexte_protege")


def test_it_learns_the_sign(train):
    assert _gap(train) > 1


def test_masked_rows_teach_nothing(train):
    """Rows whose hatred is unknown may say anything of it."""
    lying = np.arange(len(train)) % 2 == 0
    mask, target = train.mask.copy(), train.target.copy()
    mask[lying, HAINE] = 0
    honest = replace(train, mask=mask)
    target[lying, HAINE] = 1 - target[lying, HAINE]
    assert _gap(replace(honest, target=target)) == pytest.approx(_gap(honest), rel=1e-6)


def test_light_rows_teach_as_little_as_masked_ones(train):
    lying = np.arange(len(train)) // 2 % 2 == 0
    target, mask = train.target.copy(), train.mask.copy()
    target[lying, HAINE] = 1 - target[lying, HAINE]
    mask[lying, HAINE] = 0
    confused = replace(train, target=target)
    light = replace(confused, weight=np.where(lying, train.weight * 1e-6, train.weight))
    honest = _gap(replace(confused, mask=mask))
    assert _gap(light) == pytest.approx(honest, rel=1e-3)
    assert _gap(confused) < honest / 2


def test_the_weight_of_a_positive_is_bounded(train):
    even, bounded = (train_baseline(train, keys=["haine"], pos_weight_max=most).logits(TEXTS) for most in (1.0, 8.0))
    assert (bounded > even).all()


def test_twice_the_same(train):
    first, second = (train_baseline(train, keys=["haine"]).logits(TEXTS) for _ in range(2))
    assert (first == second).all()
