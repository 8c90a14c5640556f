"""The words that an explanation shows carry the label: deleted, they take it along; words drawn by chance do not."""

from __future__ import annotations

import numpy as np
import pytest
from bench.faithfulness import held_out, measure

from serving.bundle import open_bundle
from serving.classifier import Classifier
from serving.settings import Settings


@pytest.fixture(scope="module")
def measured():
    settings = Settings.from_env({})
    classifier = Classifier(open_bundle(settings.bundle))
    yield measure(classifier, held_out(settings), 50)
    classifier.close()


def test_the_heaviest_words_carry_the_label(measured):
    heaviest, chance = (np.mean(measured[name].falls, axis=0) for name in ("heaviest", "chance"))
    assert (heaviest > 2 * np.maximum(chance, 0.01)).all(), (heaviest, chance)


def test_the_spans_carry_the_level_more_often_than_chance(measured):
    assert np.mean(measured["heaviest"].levels) > 2 * np.mean(measured["chance"].levels)
