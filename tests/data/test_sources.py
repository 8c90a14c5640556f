"""The real sources, as published: counts that DATA was measured on, shares of test, labels that can be judged.

Runs where a mirror is; the twins in ``tests/code`` say the same of formats on rows of our own. Prints no text.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from serving.bundle import OUTPUT_KEYS
from serving.settings import Settings
from training.data.cards import load_cards
from training.data.fetch import fetch
from training.data.prepare import DataRecipe, Prepared, prepare
from training.data.readers import READERS, Reading

AT = {key: place for place, key in enumerate(OUTPUT_KEYS)}


@pytest.fixture(scope="module")
def settings(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.from_env({"VIGIE_MIRROR": str(mirror), "VIGIE_CACHE": str(tmp_path_factory.mktemp("cache"))})


@pytest.fixture(scope="module")
def prepared(settings: Settings) -> Prepared:
    data = DataRecipe(
        sources=("ftr", "mlma", "jigsaw_fr", "safety_fr", "cyberagression"),
        own_cases=False,
        instances_per_case=1,
        validation_share=0.2,
        near_duplicate=0.7,
        temperature=1.0,
    )
    return prepare(data, settings, licence_classes=("open", "research"), seed=13)


def read(settings: Settings, name: str) -> Reading:
    card = load_cards(settings.datasets)[name]
    return READERS[card.reader](fetch(card, settings))


def values(reading: Reading) -> Counter[str]:
    return Counter(value for row in reading.rows for value in row.values)


def test_ftr(settings: Settings) -> None:
    reading = read(settings, "ftr")
    found = values(reading)
    assert (len(reading.rows), found["racist"] + found["racist_nazi"]) == (2856, 927)
    assert reading.notes == {"broken_utf8_repaired": 8}
    assert found["racist_nazi"] / 927 == pytest.approx(0.59, abs=0.005)


def test_mlma(settings: Settings) -> None:
    found = values(read(settings, "mlma"))
    assert (found["hateful"], found["normal"]) == (399, 821)


def test_jigsaw_fr(settings: Settings) -> None:
    reading = read(settings, "jigsaw_fr")
    found = values(reading)
    assert (len(reading.rows), len({row.text for row in reading.rows})) == (1381, 1271)
    assert [found[label] for label in ("toxic", "obscene", "threat", "insult", "identity_hate")] == [
        1146, 900, 244, 898, 321,
    ]  # fmt: skip


def test_safety_fr(settings: Settings) -> None:
    reading = read(settings, "safety_fr")
    assert values(reading) == {"insult": 200, "mental_health": 200, "commonsense": 200}
    assert reading.notes["instruction_dropped"] == 200


def test_cyberagression(settings: Settings) -> None:
    reading = read(settings, "cyberagression")
    found = values(reading)
    assert len(reading.rows) == 4559
    assert len({row.group for row in reading.rows}) == 29
    assert sum(count for value, count in found.items() if value.endswith(":OAG")) == 2391
    assert 0 < found["aggressor:THR"] < 165  # of 165 threats, those of victims and defenders are not harassment


def test_nlp_toolbox(settings: Settings) -> None:
    assert values(read(settings, "nlp_toolbox")) == {"toxic": 17234, "not_toxic": 17234}


def test_evaluation_sources(settings: Settings) -> None:
    assert len(read(settings, "honest").rows) == 810
    assert values(read(settings, "hatecheck")) == {"hateful": 2632, "non-hateful": 1113}


def test_every_source_keeps_a_fifth_for_test(prepared: Prepared) -> None:
    for source in prepared.report.sources:
        assert source.rows["test"] / sum(source.rows.values()) >= 0.2, source.name


def test_no_copy_crosses_the_splits(prepared: Prepared) -> None:
    leakage = prepared.report.leakage
    assert leakage.leaks == 0
    assert leakage.highest < leakage.threshold
    assert leakage.pairs_compared > 10_000_000


def test_mlma_test_rows_oppose_hateful_to_purely_normal(prepared: Prepared) -> None:
    test = prepared.tables["test"].filter(lambda row: row["source"] == "mlma", load_from_cache_file=False)
    known = [row["target"][AT["haine"]] for row in test if row["mask"][AT["haine"]] == 1]
    assert 50 <= sum(known) <= 110
    assert 120 <= len(known) - sum(known) <= 220


def test_each_family_that_a_source_teaches_can_be_judged(prepared: Prepared) -> None:
    for label in ("haine", "haine.origine", "harcelement", "harcelement.injure", "harcelement.menace", "toxicite"):
        assert prepared.report.positives(label, "test") >= 30, label
        assert prepared.report.positives(label, "validation") >= 20, label
    assert prepared.report.positives("terrorisme", "train") == 0  # no French corpus: only our own cases teach it
