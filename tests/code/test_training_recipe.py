"""A recipe says everything, and what is wrong with it is said with the key."""

from __future__ import annotations

import copy

import pytest
from training_rows import recipe_table

from serving.bundle import OUTPUT_KEYS, ConfigError
from training.recipe import load_recipe, parse_recipe


@pytest.fixture
def table(root):
    return recipe_table(root)


@pytest.mark.parametrize("name", ["petit", "camembert", "distillation"])
def test_shipped_recipes_are_complete_and_open(root, name):
    recipe = load_recipe(root / f"configs/train/{name}.toml")
    assert recipe.licence_classes == ("open",)
    assert tuple(recipe.calibration.population_rate) == OUTPUT_KEYS
    assert recipe.calibration.population_rate["haine"] == 0.2
    assert recipe.calibration.population_rate["terrorisme"] == 0.05


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("recherche", {"name", "licence_classes", "data", "tracking"}),
        ("distillation", {"name", "tracking", "distillation"}),
    ],
)
def test_recipes_to_compare_differ_in_one_thing(root, name, apart):
    petit, other = (load_recipe(root / f"configs/train/{each}.toml").model_dump() for each in ("petit", name))
    assert {key for key in petit if petit[key] != other[key]} == apart


def test_the_research_recipe_adds_one_source(root):
    petit, research = (load_recipe(root / f"configs/train/{name}.toml") for name in ("petit", "recherche"))
    assert research.licence_classes == ("open", "research")
    assert research.data == petit.data.model_copy(update={"sources": (*petit.data.sources, "cyberagression")})


@pytest.mark.parametrize(
    ("path", "wrong", "said"),
    [
        (("training",), "learnin_rate", "learning_rate"),
        ((), "sed", "seed"),
        (("encoder", "compact"), "layer", "layers"),
        (("export",), "windows_stride", "window_stride"),
        (("distillation",), "temprature", "temperature"),
    ],
)
def test_unknown_key_names_the_nearest(table, path, wrong, said):
    section = table
    for part in path:
        section = section.setdefault(part, {})
    section[wrong] = 1
    with pytest.raises(ConfigError) as error:
        parse_recipe(table, "x.toml")
    assert "x.toml" in error.value.detail
    assert ".".join([*path, wrong]) in error.value.detail
    assert f"did you mean '{said}'" in error.value.detail


@pytest.mark.parametrize("section", ["encoder", "data", "training", "calibration", "export", "tracking"])
def test_missing_section_is_named(table, section):
    del table[section]
    with pytest.raises(ConfigError, match=f"'{section}' is missing"):
        parse_recipe(table, "x.toml")


def test_no_hidden_default_in_training(table):
    for key in list(table["training"]):
        partial = copy.deepcopy(table)
        del partial["training"][key]
        with pytest.raises(ConfigError, match=f"training.{key}"):
            parse_recipe(partial, "x.toml")


def test_rates_name_unknown_and_missing_outputs(table):
    table["calibration"]["population_rate"]["haine.religon"] = 0.1
    with pytest.raises(ConfigError, match=r"did you mean 'haine\.religion'"):
        parse_recipe(table, "x.toml")
    del table["calibration"]["population_rate"]["haine.religon"]
    del table["calibration"]["population_rate"]["vulgarite"]
    with pytest.raises(ConfigError, match="missing: vulgarite"):
        parse_recipe(table, "x.toml")


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ({"kind": "compact", "pooling": "mean"}, r"\[encoder.compact\]"),
        ({"kind": "pretrained", "pooling": "mean"}, "needs path and revision"),
        ({"kind": "large", "pooling": "mean"}, "compact"),
    ],
)
def test_encoder_fits_its_kind(table, encoder, said):
    table["encoder"] = encoder
    with pytest.raises(ConfigError, match=said):
        parse_recipe(table, "x.toml")


def test_evaluation_sources_are_no_licence_class_to_train_on(table):
    table["licence_classes"] = ["open", "evaluation"]
    with pytest.raises(ConfigError, match="licence_classes"):
        parse_recipe(table, "x.toml")


def test_windows_that_skip_tokens_are_refused(table):
    table["export"]["window_stride"] = table["training"]["max_tokens"]
    with pytest.raises(ConfigError, match="would skip tokens"):
        parse_recipe(table, "x.toml")


def test_digest_follows_values_only(table, root, tmp_path):
    recipe = parse_recipe(table, "x")
    assert recipe.digest == parse_recipe(dict(reversed(table.items())), "y").digest
    assert recipe.digest != parse_recipe(table | {"seed": 14}, "x").digest


def test_missing_and_broken_files_are_said(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ConfigError, match="TOML"):
        load_recipe(tmp_path / "broken.toml")
