"""Ordinary French of the corpus: from unreserved passages alone, presumed harmless, learnt from and never tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from source_twins import REGISTERS, make_twins

from serving.bundle import OUTPUT_KEYS, ConfigError
from serving.bundle import prepare as prepare_text
from serving.settings import Settings
from training.corpus import passages, reserved
from training.data.ordinary import CORPUS, OrdinarySection, ordinary_examples
from training.data.prepare import DataRecipe, prepare

SECTION = OrdinarySection(excerpts=dict.fromkeys(REGISTERS, 3), presumption=0.5)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


def test_excerpts_come_from_passages_that_evaluation_does_not_use(settings: Settings) -> None:
    folder = settings.corpus
    assert folder is not None
    kept = {
        name: [
            prepare_text(" ".join(p.split())) for p in passages(settings.corpus / f"{name}.txt.xz") if not reserved(p)
        ]
        for name in REGISTERS
    }
    found = ordinary_examples(SECTION, settings.corpus, 13)
    assert {example.register for example in found} == set(REGISTERS)
    assert all(any(example.text in passage for passage in kept[example.register]) for example in found)


def test_harm_is_presumed_absent_and_protection_unknown(settings: Settings) -> None:
    example = ordinary_examples(SECTION, settings.corpus, 13)[0]
    known = dict(zip(OUTPUT_KEYS, example.truth.mask.tolist(), strict=True))
    assert not example.truth.target.any()
    assert known.pop("contexte_protege") == 0.0
    assert set(known.values()) == {0.5}


def test_the_draw_is_the_seeds(settings: Settings) -> None:
    first, again, other = (
        [example.text for example in ordinary_examples(SECTION, settings.corpus, seed)] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_excerpts_are_prepared_for_training_alone_and_recorded(settings: Settings) -> None:
    recipe = DataRecipe(
        sources=("ftr",),
        own_cases=True,
        instances_per_case=2,
        validation_share=0.25,
        near_duplicate=0.7,
        temperature=1.0,
        ordinary=SECTION,
        weights={CORPUS: 0.5},
    )
    prepared = prepare(recipe, settings, licence_classes=("open", "own"), seed=13)
    rows = {split: np.array(table["source"]) == CORPUS for split, table in prepared.tables.items()}
    assert rows["train"].sum() == 3 * len(REGISTERS)
    assert not rows["validation"].any()
    assert not rows["test"].any()
    record = next(record for record in prepared.records if record.name == CORPUS)
    assert (record.rows, record.licence_class) == (3 * len(REGISTERS), "open")
    assert {s.name: s.licence_class for s in prepared.report.sources}[CORPUS] == "open"


@pytest.mark.parametrize(("there", "said"), [(False, "set VIGIE_CORPUS"), (True, "short.txt.xz")])
def test_a_missing_corpus_says_what_to_set(tmp_path: Path, there: bool, said: str) -> None:
    section = OrdinarySection(excerpts={"short": 3}, presumption=0.5)
    with pytest.raises(ConfigError, match=said):
        ordinary_examples(section, tmp_path if there else None, 13)
