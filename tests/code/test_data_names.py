"""Ordinary sentences that hold a first name: every origin as often, French kept whole."""

from __future__ import annotations

import lzma
from collections import Counter
from pathlib import Path

import pytest

from training.data.cases import load_cases
from training.data.lexicon import Lexicon
from training.data.mentions import MentionsSection
from training.data.names import name_examples

KEPT = (
    "Hier soir, {he} a réparé mon vélo numéro {n} devant la maison.",
    "Demain, {she} passe chercher les clés numéro {n} de l'appartement.",
    "On attend le retour de {he} pour la photo numéro {n} du quartier.",
    "Demain nous verrons qu'{vowel} arrive en retard à la réunion {n}.",
)
LEFT = (
    "Une phrase ordinaire, la numéro {n}, ne parle de personne ici.",
    "La rue Jean-Pierre numéro {n} était fermée pour des travaux.",
    "On a relu Victor Hugo au cours numéro {n} de cette année.",
    "La place Saint Michel numéro {n} était vide ce matin-là.",
)


@pytest.fixture(scope="module")
def lexicon(root: Path) -> Lexicon:
    return load_cases(root / "datasets" / "vigie").lexicon


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    words = {"he": "Pierre", "she": "Marie", "vowel": "André"}
    passages = [sentence.format(n=n, **words) for n in range(300) for sentence in KEPT + LEFT]
    with lzma.open(tmp_path / "lit.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n\n".join(passages) + "\n")
    return tmp_path


def drawn(corpus: Path, lexicon: Lexicon, seed: int = 13) -> list[str]:
    section = MentionsSection.model_validate({"sentences": {"lit": 400}, "presumption": 0.9, "weight": 2.0})
    return [example.text for example in name_examples(section, corpus, lexicon, seed)]


def test_names_keep_gender_and_elision_and_only_lone_names_are_taken(corpus: Path, lexicon: Lexicon) -> None:
    texts = drawn(corpus, lexicon)
    names = {name.text: name for name in lexicon.names}
    assert len(texts) == 400
    for text in texts:
        assert not any(text.startswith(left.split("{")[0][:12]) for left in LEFT)
        (name,) = [names[word] for word in text.replace("qu'", "qu' ").replace(",", " ").split() if word in names]
        assert name.gender == ("f" if "passe chercher" in text else "m")
        vowel = name.text[0].lower() in "aeiouyhéàïî"
        assert vowel if "qu'" in text else not (vowel and "retour de" in text)


def test_every_origin_is_met_about_as_often(corpus: Path, lexicon: Lexicon) -> None:
    origin = {name.text: name.origin for name in lexicon.names}
    free = [text for text in drawn(corpus, lexicon) if "vélo" in text or "passe chercher" in text]
    found = Counter(origin[word] for text in free for word in text.replace(",", " ").split() if word in origin)
    assert set(found) == set(origin.values())
    assert max(found.values()) <= 3 * min(found.values())


def test_the_same_seed_draws_the_same_names(corpus: Path, lexicon: Lexicon) -> None:
    assert drawn(corpus, lexicon) == drawn(corpus, lexicon) != drawn(corpus, lexicon, seed=14)
