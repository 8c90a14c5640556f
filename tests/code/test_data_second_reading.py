"""The second reading: one more annotator beside the published one, on rows that are learnt from, never on test rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from source_twins import data_table, make_twins

from serving.bundle import OUTPUT_KEYS, ConfigError
from serving.settings import Settings
from training.data.cards import load_cards
from training.data.examples import Example, source_examples
from training.data.prepare import DataRecipe, prepare
from training.data.second_reading import FOLDER, Reading, SecondReadingSection, load_readings, reread
from training.data.splits import split_of

HAINE, ORIGINE, INJURE, HARCELEMENT, CONTEXTE = (
    OUTPUT_KEYS.index(key)
    for key in ("haine", "haine.origine", "harcelement.injure", "harcelement", "contexte_protege")
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


def section(weight: float = 1.0, contested: float = 0.0) -> SecondReadingSection:
    return SecondReadingSection(weight=weight, contested={"ftr": contested})


def learnt(settings: Settings, name: str) -> list[Example]:
    card = load_cards(settings.datasets)[name]
    assert card.split is not None
    examples, _ = source_examples(card, settings)
    return [e for e in examples if split_of(e.group, card.split, 0.25) != "test"]


def key_of(example: Example) -> str:
    return example.row_id.split("/", 1)[1]


def one(examples: list[Example], *, racist: bool) -> Example:
    return next(e for e in examples if e.truth.mask[HAINE] == 1 and bool(e.truth.target[HAINE]) is racist)


def test_the_reader_answers_where_nobody_had(settings: Settings) -> None:
    card = load_cards(settings.datasets)["ftr"]
    racist = one(learnt(settings, "ftr"), racist=True)
    assert racist.truth.mask[INJURE] == 0
    reading = Reading(("haine.origine", "harcelement.injure"), ("contexte_protege",))
    (reread_row,) = reread([racist], card, {key_of(racist): reading}, section(0.8))
    assert reread_row.truth.target[[HAINE, ORIGINE, HARCELEMENT, INJURE]].tolist() == [1, 1, 1, 1]
    assert reread_row.truth.mask[INJURE] == 1
    assert reread_row.truth.mask[CONTEXTE] == racist.truth.mask[CONTEXTE]
    assert reread_row.truth.weight == max(0.8, racist.truth.weight)
    assert reread_row.text == racist.text


@pytest.mark.parametrize("contested", [0.0, 0.3])
def test_where_two_readers_disagree_little_is_left_of_the_published_answer(
    settings: Settings, contested: float
) -> None:
    card = load_cards(settings.datasets)["ftr"]
    examples = learnt(settings, "ftr")
    for racist, labels in ((True, ()), (False, ("haine.origine",))):
        other = one(examples, racist=racist)
        (reread_row,) = reread([other], card, {key_of(other): Reading(labels, ())}, section(contested=contested))
        assert reread_row.truth.mask[[HAINE, ORIGINE]] == pytest.approx([contested, contested])
        assert reread_row.truth.target[[HAINE, ORIGINE]].tolist() == [racist, racist]
        assert reread_row.truth.mask[HARCELEMENT] == 1


@pytest.mark.parametrize(("labels", "mask"), [((), 0), (("harcelement.menace",), 1)])
def test_an_undecided_part_leaves_its_family_undecided(settings: Settings, labels: tuple[str, ...], mask: int) -> None:
    card = load_cards(settings.datasets)["ftr"]
    example = one(learnt(settings, "ftr"), racist=False)
    (read,) = reread([example], card, {key_of(example): Reading(labels, ("harcelement.injure",))}, section())
    assert read.truth.mask[[INJURE, HARCELEMENT]].tolist() == [0, mask]


def test_rows_without_a_reading_stay_as_published(settings: Settings) -> None:
    examples = learnt(settings, "ftr")
    assert reread(examples, load_cards(settings.datasets)["ftr"], {}, section()) == examples


def test_a_test_row_and_a_row_of_nobody_are_refused(settings: Settings) -> None:
    card = load_cards(settings.datasets)["ftr"]
    assert card.split is not None
    examples, _ = source_examples(card, settings)
    judged = next(e for e in examples if split_of(e.group, card.split, 0.25) == "test")
    with pytest.raises(ConfigError, match="is a test row"):
        reread(examples, card, {key_of(judged): Reading((), ())}, section())
    with pytest.raises(ConfigError, match="has no row 'nulle-part'"):
        reread(examples, card, {"nulle-part": Reading((), ())}, section())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("row,labels\n1,haine\n", "expected row,labels,unknown"),
        ("row,labels,unknown\n1,hain,\n", r":2: unknown label 'hain'.*haine"),
        ("row,labels,unknown\n1,,\n1,,\n", ":3: row '1' is read twice"),
        (None, "no second reading of 'ftr' here"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / "ftr.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_readings(tmp_path, "ftr")


def test_prepared_tables_hold_the_reading_and_follow_it(settings: Settings) -> None:
    read = learnt(settings, "ftr")[:3]
    folder = settings.datasets / FOLDER
    table = data_table(second_reading={"weight": 1.0, "contested": {"ftr": 0.0}})
    seen = {}
    for label in ("harcelement.injure", "vulgarite"):
        lines = [f"{key_of(example)},{label},haine" for example in read]
        (folder / "ftr.csv").write_text("\n".join(["row,labels,unknown", *lines, ""]), encoding="utf-8")
        prepared = prepare(DataRecipe.model_validate(table), settings, licence_classes=("open",), seed=13)
        rows = [row for split in prepared.tables.values() for row in split]
        seen[label] = {row["row_id"] for row in rows if np.array(row["target"])[OUTPUT_KEYS.index(label)] == 1}
        assert prepared.report.sources[0].notes["second_reading"] == 3
    assert seen["harcelement.injure"] == seen["vulgarite"] == {example.row_id for example in read}


def test_the_recipe_names_sources_that_it_reads() -> None:
    table = data_table(second_reading={"weight": 1.0, "contested": {"mlma": 0.0}})
    with pytest.raises(ValueError, match=r"second_reading names 'mlma'"):
        DataRecipe.model_validate(table)
