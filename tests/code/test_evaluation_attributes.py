"""Perspective's attributes against Jigsaw's annotations: figures of a judge whose answers are known."""

from __future__ import annotations

import pytest

from serving.bundle import open_bundle
from serving.classifier import Classifier
from serving.facades import load_facades
from serving.settings import Settings
from training.data.cards import load_cards
from training.evaluation.attributes import JIGSAW, THRESHOLDS, Comment, as_markdown, measure_attributes, read_comments


@pytest.fixture(scope="module")
def rules(root):
    return load_facades(root / "configs" / "facades.toml").perspective


@pytest.fixture(scope="module")
def lines(tiny_bundle, rules):
    """The tiny bundle reads ``haine``: 30 of 40 hateful comments have the word, and 10 of 60 others do."""

    def comment(number: int, says: bool, hateful: bool) -> Comment:
        truth = dict.fromkeys(JIGSAW.values(), False) | {"identity_hate": hateful}
        return Comment(f"{'haine' if says else 'rien'} {number}", f"g{number}", truth)

    comments = [comment(n, n < 30 or 40 <= n < 50, n < 40) for n in range(100)]
    classifier = Classifier(open_bundle(tiny_bundle), 1)
    yield measure_attributes(classifier, rules, comments, replicates=200)
    classifier.close()


def test_only_what_the_bundle_scores_is_measured(lines):
    assert [(line.attribute, line.threshold) for line in lines] == [("IDENTITY_ATTACK", at) for at in THRESHOLDS]
    assert {(line.comments, line.positives) for line in lines} == {(100, 40)}


def test_the_figures_are_those_of_the_counts(lines):
    values = {key: found.value for key, found in lines[2].metrics.items()}
    assert values == pytest.approx({"precision": 0.75, "recall": 0.75, "review_rate": 0.4, "fpr": 1 / 6})


def test_at_the_declared_rate_precision_falls_and_recall_stays(lines):
    """Rate 0.2: 0.2 x 0.75 of hits against 0.8 / 6 of false alarms."""
    line = lines[2]
    assert line.rate == 0.2
    assert line.at_rate["precision"].value == pytest.approx(0.15 / (0.15 + 0.8 / 6))
    assert line.at_rate["review_rate"].value == pytest.approx(0.15 + 0.8 / 6)
    assert line.at_rate["precision"].low < line.at_rate["precision"].value < line.at_rate["precision"].high


def test_the_table_has_a_row_for_each_line(lines):
    rows = as_markdown(lines).splitlines()
    assert len(rows) == len(lines) + 2
    assert "`IDENTITY_ATTACK` (40 of 100; rate 20 %)" in rows[4]
    assert len({row.count("|") for row in rows}) == 1


def test_the_table_of_the_page_is_of_this_shape(root, lines):
    page = (root / "docs" / "facade_perspective.md").read_text(encoding="utf-8")
    assert as_markdown(lines).splitlines()[0] in page
    for name in JIGSAW:
        assert f"| `{name}` (" in page


def test_test_comments_are_read_once_each(root, mirror):
    settings = Settings.from_env({"VIGIE_DATASETS": str(root / "datasets"), "VIGIE_MIRROR": str(mirror)})
    comments = read_comments(load_cards(settings.datasets)["jigsaw_fr"], settings)
    assert len({comment.text for comment in comments}) == len(comments) > 200
    assert all(set(comment.truth) == set(JIGSAW.values()) for comment in comments)
