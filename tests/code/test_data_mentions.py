"""Ordinary sentences that name a group: drawn from the corpus, the group drawn anew, French kept whole."""

from __future__ import annotations

import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from source_twins import data_table, make_twins

from serving.bundle import OUTPUT_KEYS, ConfigError
from serving.settings import Settings
from training.corpus import reserved
from training.data.cases import load_cases
from training.data.examples import Example
from training.data.lexicon import Lexicon
from training.data.mentions import MentionsSection, hatred_by_group, mention_examples
from training.data.prepare import DataRecipe, prepare
from training.data.truth import Truth

FEMALE = "Beaucoup de femmes habitaient alors ce quartier tranquille, disait la lettre numéro {n}."
MALE = "Il y avait trois migrants à la gare quand le train numéro {n} est parti."
NOBODY = "Une phrase ordinaire, la numéro {n}, ne parle de personne en particulier."


@pytest.fixture(scope="module")
def lexicon(root: Path) -> Lexicon:
    return load_cases(root / "datasets" / "vigie").lexicon


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    passages = [sentence.format(n=n) for n in range(300) for sentence in (FEMALE, MALE, NOBODY)]
    with lzma.open(tmp_path / "parl.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n\n".join(passages) + "\n")
    return tmp_path


def section(**keys: object) -> MentionsSection:
    return MentionsSection.model_validate({"sentences": {"parl": 200}, "presumption": 0.5, "weight": 2.0} | keys)


def alike(lexicon: Lexicon) -> dict[str, float]:
    return dict.fromkeys(lexicon.group_keys, 1.0)


def test_sentences_keep_their_french_and_change_their_group(corpus: Path, lexicon: Lexicon) -> None:
    examples = mention_examples(section(), corpus, lexicon, 13, alike(lexicon))
    assert len(examples) == 200
    assert not any("ne parle de personne" in example.text for example in examples)
    nouns = [noun for group in lexicon.groups for noun in group.nouns]
    feminine = {noun.pl.lower() for noun in nouns if noun.gender == "f" and not noun.elide}
    masculine = {noun.pl.lower() for noun in nouns if noun.gender == "m" and not noun.elide}
    found: Counter[str] = Counter()
    for example in examples:
        expected = feminine if example.text.startswith("Beaucoup") else masculine
        noun = example.text.removeprefix("Beaucoup de ").removeprefix("Il y avait trois ")
        noun = noun.split(" habitaient")[0].split(" à la gare")[0]
        assert noun.lower() in expected
        found[noun.lower()] += 1
    assert len(found) > 10


def test_they_are_presumed_harmless_and_nothing_more(corpus: Path, lexicon: Lexicon) -> None:
    example = mention_examples(section(), corpus, lexicon, 13, alike(lexicon))[0]
    known = {OUTPUT_KEYS[place] for place in np.flatnonzero(example.truth.mask)}
    assert {"haine", "haine.origine", "terrorisme", "harcelement", "toxicite"} <= known
    assert "contexte_protege" not in known
    assert not example.truth.target.any()
    assert set(example.truth.mask[example.truth.mask > 0]) == {np.float32(0.5)}
    assert example.truth.weight == 2.0


def test_a_group_is_given_as_often_as_it_is_hated(corpus: Path, lexicon: Lexicon) -> None:
    shares = alike(lexicon) | {"migrants": 8.0}
    texts = [
        e.text for e in mention_examples(section(), corpus, lexicon, 13, shares) if e.text.startswith("Il y avait")
    ]
    groups = {
        form.lower(): group.key for group in lexicon.groups for noun in group.nouns for form in (noun.sg, noun.pl)
    }
    found = Counter(groups[text.removeprefix("Il y avait trois ").split(" à la gare")[0].lower()] for text in texts)
    others = [count for group, count in found.items() if group != "migrants"]
    assert found["migrants"] >= 6 * max(others) > 0


def test_hatred_counts_the_instances_of_a_case_for_one(lexicon: Lexicon) -> None:
    hateful = Truth(np.zeros(len(OUTPUT_KEYS), np.float32), np.ones(len(OUTPUT_KEYS), np.float32), 1.0)
    hateful.target[OUTPUT_KEYS.index("haine")] = 1
    harmless = Truth(np.zeros_like(hateful.target), hateful.mask, 1.0)
    rows = [Example("Un migrant et un sourd.", "vigie", f"{n}", "cas", hateful) for n in range(4)]
    rows += [Example("Un migrant.", "vigie", f"b{n}", f"b{n}", hateful) for n in range(2)]
    rows += [Example("Un migrant.", "vigie", "c", "c", harmless)]
    found = hatred_by_group(rows, lexicon)
    assert (found["migrants"], found["sourds"], found["juifs"]) == (3.0, 1.0, 1.0)
    assert set(found) == set(lexicon.group_keys)


def test_reserved_passages_are_left_to_evaluation(corpus: Path, lexicon: Lexicon) -> None:
    examples = mention_examples(section(sentences={"parl": 10_000}), corpus, lexicon, 13, alike(lexicon))
    kept = [s.format(n=n) for n in range(300) for s in (FEMALE, MALE) if not reserved(s.format(n=n))]
    assert len(examples) == len(kept) < 600


def test_the_draw_depends_on_the_seed_alone(corpus: Path, lexicon: Lexicon) -> None:
    once, again, other = (mention_examples(section(), corpus, lexicon, seed, alike(lexicon)) for seed in (13, 13, 14))
    assert [e.text for e in once] == [e.text for e in again]
    assert [e.text for e in once] != [e.text for e in other]


def test_prepared_tables_learn_from_them_in_training_alone(tmp_path: Path, root: Path, corpus: Path) -> None:
    made = make_twins(tmp_path / "twins", root)
    settings = Settings.from_env(
        {
            "VIGIE_DATASETS": str(made.datasets),
            "VIGIE_MIRROR": str(made.mirror),
            "VIGIE_CORPUS": str(corpus),
            "VIGIE_CACHE": str(tmp_path / "cache"),
            "VIGIE_STATE": str(tmp_path / "state"),
        }
    )
    mentions = {"sentences": {"parl": 40}, "presumption": 0.5, "weight": 1.0}
    table = data_table(own_cases=True, near_duplicate=0.95, mentions=mentions, weights={"corpus": 0.5})
    prepared = prepare(DataRecipe.model_validate(table), settings, licence_classes=("open",), seed=13)
    assert Counter(prepared.tables["train"]["source"])["corpus"] > 0
    assert not {"corpus"} & {*prepared.tables["validation"]["source"], *prepared.tables["test"]["source"]}
    assert [record.name for record in prepared.records] == ["vigie", "ftr", "corpus"]


def test_what_is_missing_is_said(tmp_path: Path, lexicon: Lexicon) -> None:
    with pytest.raises(ConfigError, match="set VIGIE_CORPUS"):
        mention_examples(section(), None, lexicon, 13, alike(lexicon))
    with pytest.raises(ConfigError, match=r"no parl\.txt\.xz"):
        mention_examples(section(), tmp_path, lexicon, 13, alike(lexicon))
    table = data_table(mentions={"sentences": {"parl": 40}, "presumption": 0.5, "weight": 1.0})
    with pytest.raises(ValueError, match="set own_cases"):
        DataRecipe.model_validate(table)
