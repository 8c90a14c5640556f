"""Prepared tables, end to end on twins of every source."""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from source_twins import data_table, make_twins

from serving.bundle import OUTPUT_KEYS, ConfigError, InputError, Unavailable
from serving.bundle import prepare as prepare_text
from serving.settings import Settings
from training.data.examples import OWN
from training.data.prepare import DataRecipe, Prepared, prepare
from training.data.similarity import exact_pairs, shingles

OPEN = ("open", "own")
COLUMNS = {
    "text", "source", "row_id", "group", "case_id", "functionality", "family", "target_group", "register",
    "target", "mask", "weight",
}  # fmt: skip


def recipe(**keys: object) -> DataRecipe:
    whole = {"sources": ("ftr", "mlma", "jigsaw_fr", "safety_fr"), "own_cases": True, "instances_per_case": 6}
    return DataRecipe.model_validate(data_table(**(whole | keys)))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


@pytest.fixture(scope="module")
def prepared(settings: Settings) -> Prepared:
    return prepare(recipe(), settings, licence_classes=OPEN, seed=13)


def rows(prepared: Prepared) -> list[dict[str, object]]:
    return [row | {"split": split} for split, table in prepared.tables.items() for row in table]


def test_columns_are_those_of_the_contract(prepared: Prepared) -> None:
    assert list(prepared.tables) == ["train", "validation", "test"]
    for table in prepared.tables.values():
        assert set(table.column_names) == COLUMNS
        assert table.num_rows > 0
        assert np.array(table["target"]).shape == np.array(table["mask"]).shape == (table.num_rows, len(OUTPUT_KEYS))


def test_texts_are_prepared_and_row_ids_unique(prepared: Prepared) -> None:
    every = rows(prepared)
    assert all(row["text"] == prepare_text(str(row["text"])) for row in every)
    assert not any("Paul_75" in str(row["text"]) or "exemple.fr" in str(row["text"]) for row in every)
    assert len({row["row_id"] for row in every}) == len(every)


def test_no_group_straddles_splits(prepared: Prepared) -> None:
    homes = defaultdict(set)
    for row in rows(prepared):
        homes[row["group"]].add(row["split"])
    assert all(len(splits) == 1 for splits in homes.values())


def test_no_copy_is_left_across_splits(prepared: Prepared) -> None:
    sets = {name: [shingles(text) for text in table["text"]] for name, table in prepared.tables.items()}
    for left, right in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert exact_pairs(sets[left], sets[right], 0.7)[0] == []
    assert prepared.report.leakage.leaks == 0


def test_a_contrast_shares_its_split(prepared: Prepared) -> None:
    groups = {row["case_id"]: row["group"] for row in rows(prepared) if row["source"] == OWN}
    assert groups["haine-rejet-001"] == groups["haine-eloge-001"] == f"{OWN}/haine-eloge-001"


def test_held_out_cases_are_the_test_and_their_copies_are_not_learnt(prepared: Prepared) -> None:
    own = defaultdict(set)
    for row in rows(prepared):
        if row["source"] == OWN:
            own[row["split"]].add(row["case_id"])
    assert own["test"] == {"haine-rejet-501", "haine-eloge-501", "haine-eloge-502"}
    assert "haine-eloge-103" not in own["train"] | own["validation"]  # held out under another id


def test_instances_of_a_template_weigh_one(prepared: Prepared) -> None:
    weights: defaultdict[object, float] = defaultdict(float)
    for row in rows(prepared):
        if row["source"] == OWN:
            weights[row["case_id"]] += float(row["weight"])  # type: ignore[arg-type]
    assert set(weights) >= {"haine-rejet-001", "haine-rejet-002"}
    assert list(weights.values()) == pytest.approx([1.0] * len(weights), abs=1e-6)


def test_case_columns_are_filled_for_our_cases_only(prepared: Prepared) -> None:
    for row in rows(prepared):
        is_own = row["source"] == OWN
        assert bool(row["case_id"]) == bool(row["functionality"]) == bool(row["register"]) == is_own
        assert (row["family"] == "haine") == is_own
    groups = {row["target_group"] for row in rows(prepared) if row["case_id"] == "haine-rejet-002"}
    assert groups == {"arabes", "femmes"}


def test_records_name_what_was_learnt_from(prepared: Prepared, settings: Settings) -> None:
    records = {record.name: record for record in prepared.records}
    assert list(records) == [OWN, "ftr", "jigsaw_fr", "mlma", "safety_fr"]
    assert records[OWN].licence_class == "own"
    assert {name: record.rows for name, record in records.items()} == {
        name: sum(1 for source in prepared.tables["train"]["source"] if source == name) for name in records
    }


def test_weights_and_temperature(settings: Settings, prepared: Prepared) -> None:
    def total(**keys: object) -> dict[str, float]:
        report = prepare(recipe(sources=("ftr", "mlma"), **keys), settings, licence_classes=OPEN, seed=13).report
        return {source.name: source.weight["train"] for source in report.sources}

    plain, heavy = total(), total(weights={"ftr": 3.0})
    assert heavy == pytest.approx(plain | {"ftr": 3 * plain["ftr"]}, abs=0.01)
    equal = total(temperature=0.0)
    assert max(equal.values()) == pytest.approx(min(equal.values()), abs=0.01)
    assert sum(equal.values()) == pytest.approx(sum(plain.values()), abs=0.02)


def test_the_cache_answers_without_the_sources(settings: Settings, prepared: Prepared, tmp_path: Path) -> None:
    again = prepare(recipe(), replace(settings, mirror=tmp_path), licence_classes=OPEN, seed=13)
    assert again.path == prepared.path
    assert again.report == prepared.report
    assert again.tables["test"]["text"][:] == prepared.tables["test"]["text"][:]


def test_the_cache_follows_the_recipe_the_seed_and_the_cases(
    settings: Settings, prepared: Prepared, tmp_path: Path
) -> None:
    small = recipe(sources=(), instances_per_case=1)
    paths = {prepare(small, settings, licence_classes=OPEN, seed=seed).path for seed in (1, 2)}
    copied = replace(settings, datasets=Path(shutil.copytree(settings.datasets, tmp_path / "datasets")))
    lexicon = copied.datasets / OWN / "lexicon.toml"
    lexicon.write_text(lexicon.read_text(encoding="utf-8").replace("Hugo", "Théo"), encoding="utf-8")
    paths.add(prepare(small, copied, licence_classes=OPEN, seed=1).path)
    assert len(paths) == 3


def test_adding_a_source_moves_no_row_of_another(settings: Settings, prepared: Prepared) -> None:
    alone = prepare(recipe(sources=("ftr",), own_cases=False), settings, licence_classes=OPEN, seed=13)
    homes = {row["row_id"]: row["split"] for row in rows(prepared)}
    assert all(homes[row["row_id"]] == row["split"] for row in rows(alone))


def test_chats_stay_whole_and_in_order(settings: Settings) -> None:
    data = recipe(sources=("cyberagression",), own_cases=False)
    done = prepare(data, settings, licence_classes=("research",), seed=13)
    for table in done.tables.values():
        assert table["row_id"][:] == sorted(table["row_id"])
    assert sum(len(set(table["group"])) for table in done.tables.values()) == 12
    assert done.records[0].licence_class == "research"


def test_a_forbidden_licence_is_told_before_anything_is_fetched(settings: Settings, tmp_path: Path) -> None:
    away = replace(settings, mirror=tmp_path / "nowhere", cache=tmp_path / "cache")
    with pytest.raises(ConfigError, match=r"'nlp_toolbox'.*'unlicensed'"):
        prepare(recipe(sources=("ftr", "nlp_toolbox")), away, licence_classes=OPEN, seed=13)
    assert not (tmp_path / "cache").exists()


def test_an_unwritable_cache_names_the_setting(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="VIGIE_CACHE"):
        prepare(recipe(), replace(settings, cache=tmp_path / "file"), licence_classes=OPEN, seed=13)


def test_an_evaluation_source_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="'honest' is for evaluation only"):
        prepare(recipe(sources=("honest",)), settings, licence_classes=OPEN, seed=13)


def test_an_unknown_source_is_refused(settings: Settings) -> None:
    with pytest.raises(InputError, match="did you mean 'mlma'"):
        prepare(recipe(sources=("mlm",)), settings, licence_classes=OPEN, seed=13)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"sources": (), "own_cases": False}, "nothing to learn from"),
        ({"sources": ("ftr", "ftr")}, "twice"),
        ({"weights": {"mlm": 1.0}}, r"weights\.mlm"),
        ({"weights": {"ftr": 0.0}}, "greater than 0"),
        ({"near_duplicate": 1.0}, "less than 1"),
        ({"instances_per_case": 0}, "greater than or equal to 1"),
        ({"temprature": 1.0}, "temprature"),
    ],
)
def test_a_wrong_recipe_is_refused(keys: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        recipe(**keys)
