"""Our held-out cases as a suite: written from templates, each template weighing one, never the ones learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.bundle import ConfigError, InputError, open_bundle
from serving.classifier import Classifier
from training.evaluation.own import run_own, titles

FILE = """
schema = 1
family = "haine"
role = "{role}"

[[functionality]]
key = "rejet{role}"
title = "Rejet annoncé"
harmful = true

[[functionality]]
key = "neutre{role}"
title = "Mention neutre"
harmful = false

[[case]]
id = "haine-rejet-{role}"
functionality = "rejet{role}"
text = "La haine, je la revendique."
labels = ["haine.autre"]
register = "standard"

[[case]]
id = "haine-neutre-{role}"
functionality = "neutre{role}"
text = "Le marché ouvre à huit heures."
labels = []
register = "standard"
"""


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """Two files of cases beside the real lexicon."""
    (tmp_path / "lexicon.toml").write_bytes((root / "datasets/vigie/lexicon.toml").read_bytes())
    for role in ("train", "held_out"):
        (tmp_path / f"{role}.toml").write_text(FILE.replace("{role}", role), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path):
    opened = Classifier(open_bundle(tiny_bundle), sessions=1)
    yield opened
    opened.close()


def test_only_held_out_cases_are_judged(classifier, folder):
    (result,) = run_own(classifier, folder)
    assert (result.label, result.cases) == ("haine", 2)
    assert {item.key for item in result.functionalities} == {"rejetheld_out", "neutreheld_out"}
    assert {item.title for item in result.functionalities} == {"Rejet annoncé", "Mention neutre"}
    assert (result.harmful.value, result.harmless.value) == (1.0, 1.0)


def test_nothing_held_out_is_said(classifier, folder):
    (folder / "held_out.toml").unlink()
    with pytest.raises(InputError, match="no held-out case"):
        run_own(classifier, folder)


def test_a_wrong_folder_is_said(tmp_path):
    with pytest.raises(ConfigError):
        titles(tmp_path)


def test_the_shipped_cases_are_a_suite_of_three_families(classifier, root):
    results = run_own(classifier, root / "datasets/vigie", most=3)
    assert {result.label for result in results} == {"haine", "terrorisme", "harcelement"}
    for result in results:
        assert result.unscored == 0
        sides = {item.harmful for item in result.functionalities}
        assert sides == {True, False}, result.label
        assert all(item.units <= item.cases <= 3 * item.units for item in result.functionalities)
