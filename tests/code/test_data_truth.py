"""Unknown is not negative; a child implies its family; copies that disagree know nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serving.bundle import OUTPUT_KEYS
from training.data.cards import Card, load_cards
from training.data.truth import Truth, merge, of_case, of_values

AT = {key: place for place, key in enumerate(OUTPUT_KEYS)}


@pytest.fixture(scope="module")
def cards(root: Path) -> dict[str, Card]:
    return load_cards(root / "datasets")


def known(truth: Truth) -> dict[str, int]:
    """Annotated labels only."""
    return {key: int(truth.target[n]) for key, n in AT.items() if truth.mask[n] == 1}


def presumed(truth: Truth) -> set[str]:
    return {key for key, n in AT.items() if 0 < truth.mask[n] < 1}


def test_a_racist_tweet_is_hatred_and_says_nothing_of_other_grounds(cards: dict[str, Card]) -> None:
    truth = of_values(cards["ftr"], {"racist"})
    assert known(truth) == {"haine": 1, "haine.origine": 1}
    assert {"terrorisme", "terrorisme.menace", "contexte_protege"} <= presumed(truth)
    assert truth.mask[AT["haine.genre"]] == 0
    assert truth.target.dtype == truth.mask.dtype == np.float32


def test_what_is_false_of_a_family_is_false_of_its_parts(cards: dict[str, Card]) -> None:
    truth = of_values(cards["ftr"], {"other"})
    assert known(truth) == {key: 0 for key in OUTPUT_KEYS if key.partition(".")[0] == "haine"}


def test_noisy_values_weigh_less(cards: dict[str, Card]) -> None:
    assert of_values(cards["ftr"], {"racist_nazi"}).weight == pytest.approx(0.5)
    assert of_values(cards["ftr"], {"other_creve"}).weight == pytest.approx(0.3)
    assert of_values(cards["mlma"], {"normal"}).weight == pytest.approx(0.4)


def test_mlma_can_be_judged_hateful_against_purely_normal(cards: dict[str, Card]) -> None:
    assert known(of_values(cards["mlma"], {"hateful", "offensive"}))["haine"] == 1
    assert known(of_values(cards["mlma"], {"normal"}))["haine"] == 0
    for value in ("offensive", "abusive", "disrespectful", "fearful", "mixed"):
        assert of_values(cards["mlma"], {value}).mask[AT["haine"]] == 0


def test_antisemitism_is_origin_and_religion(cards: dict[str, Card]) -> None:
    found = known(of_values(cards["mlma"], {"hateful", "hateful_jews"}))
    assert found["haine.origine"] == found["haine.religion"] == 1


def test_jigsaw_maps_its_labels(cards: dict[str, Card]) -> None:
    found = known(of_values(cards["jigsaw_fr"], {"toxic", "obscene", "threat", "not_insult", "not_identity_hate"}))
    assert found["toxicite"] == found["vulgarite"] == found["harcelement.menace"] == found["harcelement"] == 1
    assert found["harcelement.injure"] == found["haine"] == 0


def test_a_victim_who_hits_back_is_aggressive_not_a_harasser(cards: dict[str, Card]) -> None:
    victim = known(of_values(cards["cyberagression"], {"other_side:OAG"}))
    assert victim == {"toxicite": 1}
    bully = known(of_values(cards["cyberagression"], {"aggressor:OAG", "aggressor:THR"}))
    assert bully["harcelement"] == bully["harcelement.menace"] == 1


def test_a_positive_wins_over_a_negative_family(cards: dict[str, Card]) -> None:
    found = known(of_values(cards["jigsaw_fr"], {"insult", "clean"}))
    assert found["harcelement"] == found["harcelement.injure"] == 1
    assert found["harcelement.denigrement"] == 0


def test_our_cases_know_everything_but_what_they_say_they_do_not() -> None:
    truth = of_case({"harcelement.menace"}, ["toxicite", "haine"])
    assert known(truth)["harcelement"] == known(truth)["harcelement.menace"] == 1
    hidden = {key for key, n in AT.items() if truth.mask[n] == 0}
    assert hidden == {"toxicite"} | {key for key in OUTPUT_KEYS if key.partition(".")[0] == "haine"}
    assert truth.target.sum() == 2


def test_copies_that_contradict_each_other_know_nothing() -> None:
    yes, no = of_case({"toxicite"}, ["vulgarite"]), of_case({"vulgarite"}, ["haine"], weight=0.2)
    merged, conflicts = merge([yes, no])
    assert conflicts == {"toxicite"}
    assert merged.mask[AT["toxicite"]] == 0
    assert known(merged)["vulgarite"] == 1
    assert known(merged)["haine"] == 0
    assert merged.weight == 1.0


def test_an_annotation_wins_over_a_presumption(cards: dict[str, Card]) -> None:
    guess = of_values(cards["ftr"], {"racist"})
    merged, conflicts = merge([guess, of_case({"terrorisme.menace", "haine.origine"}, [])])
    assert merged.target[AT["terrorisme.menace"]] == merged.mask[AT["terrorisme.menace"]] == 1
    assert not conflicts
