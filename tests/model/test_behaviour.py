"""Behaviour of the bundle that ships: minimum functionality, invariance and direction (Ribeiro et al., 2020).

Sentences come from our held-out cases, never from training, or are written here. Floors are what a user may count on;
the evaluation report gives the figures themselves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serving.bundle import FAMILIES, Verdict, open_bundle
from serving.classifier import Classifier
from serving.settings import Settings
from training.data.cases import OwnCases, Role, load_cases
from training.data.instances import write_instances
from training.evaluation.own import run_own
from training.evaluation.records import SuiteResult

ORDINARY = [
    "On se retrouve demain à la gare vers huit heures.",
    "Le concert était très réussi, merci à toute l'équipe.",
    "Quelqu'un sait si la bibliothèque ouvre le dimanche ?",
    "J'ai enfin terminé ce roman, la fin m'a surpris.",
    "La recette demande trois œufs et un peu de farine.",
    "Le bus de 7 h 12 a encore été supprimé ce matin.",
    "Bonne rentrée à tous les élèves et à leurs parents !",
    "Il paraît qu'il va neiger sur les hauteurs cette nuit.",
]


@pytest.fixture(scope="module")
def classifier(root: Path) -> Iterator[Classifier]:
    path = Settings.from_env({}).bundle
    if not (path / "manifest.json").exists():
        pytest.skip("no embedded bundle yet: vigie-train run configs/train/petit.toml makes it")
    opened = Classifier(open_bundle(path))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cases(root: Path) -> OwnCases:
    return load_cases(root / "datasets/vigie")


@pytest.fixture(scope="module")
def suites(classifier: Classifier, root: Path) -> dict[str, SuiteResult]:
    return {result.label: result for result in run_own(classifier, root / "datasets/vigie")}


def _scores(classifier: Classifier, texts: list[str], key: str) -> np.ndarray:
    verdicts = classifier.score(texts)
    assert all(isinstance(verdict, Verdict) for verdict in verdicts)
    return np.array([verdict.scores[key] for verdict in verdicts])


def _given(classifier: Classifier, key: str) -> None:
    if classifier.manifest.label(key) is None:
        pytest.skip(f"the embedded bundle does not give {key}")


# Minimum functionality


def test_the_three_families_are_given(classifier):
    assert set(FAMILIES) <= set(classifier.manifest.keys)


@pytest.mark.parametrize("family", FAMILIES)
def test_harmful_cases_come_before_harmless_ones(suites, family):
    """The queue reads an order: on cases never seen, it must be surely better than chance."""
    assert suites[family].auc.low > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_harmless_cases_that_use_the_same_words_are_mostly_spared(suites, family):
    assert suites[family].harmless.value >= 0.6


@pytest.mark.parametrize("family", FAMILIES)
def test_ordinary_sentences_are_not_flagged(classifier, family):
    _given(classifier, family)
    levels = [verdict.levels[family] for verdict in classifier.score(ORDINARY)]
    # A floor, not the goal (none): `vigie-train measure` counts on thousands of excerpts (docs/experiments.md).
    assert sum(level in ("tres_probable", "probable") for level in levels) <= 2


# Invariance


@pytest.mark.parametrize(
    "change",
    [
        lambda text: f"@lea_{len(text)} {text}",
        lambda text: f"@un_tout_autre_nom {text}",
    ],
    ids=["one name", "another name"],
)
def test_who_is_addressed_by_name_changes_nothing(classifier, change):
    reference = [f"@user {text}" for text in ORDINARY]
    for key in classifier.manifest.keys:
        changed = [change(text) for text in ORDINARY]
        assert (_scores(classifier, changed, key) == _scores(classifier, reference, key)).all(), key


def test_spacing_and_decomposed_accents_change_nothing(classifier):
    spaced = [unicodedata.normalize("NFD", "  " + text.replace(" ", "  ") + "\n") for text in ORDINARY]
    for key in classifier.manifest.keys:
        assert (_scores(classifier, spaced, key) == _scores(classifier, ORDINARY, key)).all(), key


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: text.replace("o", "о"),
        lambda text: "\u200b".join(text),
        lambda text: "".join(f"{letter}\u0336" if letter.isalpha() else letter for letter in text),
    ],
    ids=["look-alikes", "invisible signs", "struck through"],
)
def test_disguises_change_nothing(classifier, disguise):
    for key in classifier.manifest.keys:
        changed = [disguise(text) for text in ORDINARY]
        assert (_scores(classifier, changed, key) == _scores(classifier, ORDINARY, key)).all(), key


def test_neighbours_change_nothing(classifier):
    together = classifier.score(ORDINARY)
    assert [classifier.score([text])[0] for text in ORDINARY] == together


@pytest.mark.parametrize("family", FAMILIES)
def test_a_first_name_does_not_make_the_case(classifier, cases, family):
    """Whatever origin a first name is perceived to have, an ordinary sentence keeps about its score."""
    _given(classifier, family)
    texts = [f"{name.text} a rendez-vous chez le dentiste à quinze heures." for name in cases.lexicon.names]
    scores = _scores(classifier, texts, family)
    assert np.quantile(scores, 0.95) - np.quantile(scores, 0.05) < 0.2


def test_no_group_is_flagged_for_being_named(suites):
    """Harmless cases of each group with enough of them: none is refused a neutral mention most of the time."""
    judged = [target for target in suites["haine"].targets if target.harmless and target.cases >= 20]
    assert judged
    worst = min(judged, key=lambda target: target.harmless.value)
    assert worst.harmless.value >= 0.4, worst.key


# Direction


@pytest.mark.parametrize("family", FAMILIES)
def test_a_minimal_change_that_makes_it_harmful_raises_the_score(classifier, cases, family):
    """Pairs of held-out cases that differ by little and in their label: the harmful one scores higher on average."""
    _given(classifier, family)
    pairs = [
        (case, other)
        for case in cases.cases
        if case.role is Role.HELD_OUT and (other := cases.case(case.contrast)) and case.family == family
        if (family in case.labels) != (family in other.labels)
    ]
    if len(pairs) < 5:
        pytest.skip(f"fewer than five held-out pairs for {family}")
    gaps = []
    for pair in pairs:
        ordered = sorted(pair, key=lambda case: family in case.labels)
        harmless, harmful = (
            [instance.text for instance in write_instances(case, cases.lexicon, 10, seed=0)] for case in ordered
        )
        gaps.append(_scores(classifier, harmful, family).mean() - _scores(classifier, harmless, family).mean())
    assert np.mean(gaps) > 0


def test_an_insult_added_raises_harassment(classifier):
    _given(classifier, "harcelement")
    insulted = [f"{text} T'es vraiment qu'un pauvre idiot." for text in ORDINARY]
    gap = _scores(classifier, insulted, "harcelement") - _scores(classifier, ORDINARY, "harcelement")
    assert gap.mean() > 0
