"""configs/facades.toml: every reading is of our labels, has a reason, and combines them as it says."""

from __future__ import annotations

import re

import pytest

from serving.bundle import OUTPUT_KEYS, ConfigError
from serving.facades import OPENAI_CATEGORIES, Attribute, Facades, load_facades

TRAINED = frozenset({"haine", "harcelement", "terrorisme"})


@pytest.fixture(scope="module")
def facades(root) -> Facades:
    return load_facades(root / "configs" / "facades.toml")


def reading(**fields) -> Attribute:
    return Attribute(name="X", reason="a reason of some length", **fields)


def test_every_category_that_the_sdk_reads_is_there(facades):
    from openai.types.moderation import Categories

    read = {field.alias or name for name, field in Categories.model_fields.items()}
    assert read == set(OPENAI_CATEGORIES)
    assert read <= {category.name for category in facades.openai.categories}


def test_any_is_the_surest_label_and_all_the_least_sure():
    scores = {"haine": 0.2, "harcelement": 0.7}
    assert reading(labels=("haine", "harcelement")).score(scores) == 0.7
    assert reading(labels=("haine", "harcelement"), combine="all").score(scores) == 0.2


def test_what_cannot_be_read_has_no_score_instead_of_a_zero():
    assert reading(labels=()).score(dict.fromkeys(OUTPUT_KEYS, 0.5)) is None
    assert reading(labels=("haine",)).score({"haine": None}) is None
    assert reading(labels=("haine", "vulgarite"), combine="all").score({"haine": 0.9, "vulgarite": None}) is None
    assert reading(labels=("haine", "vulgarite")).score({"haine": 0.9, "vulgarite": None}) == 0.9


def test_a_bundle_scores_what_it_has_the_labels_of():
    assert reading(labels=("haine",)).scored(TRAINED)
    assert not reading(labels=()).scored(TRAINED)
    assert reading(labels=("haine", "vulgarite")).scored(TRAINED)
    assert not reading(labels=("haine", "vulgarite"), combine="all").scored(TRAINED)


def test_a_reading_is_partial_by_nature_or_for_want_of_a_label():
    assert reading(labels=("haine",), part=True).partial(TRAINED)
    assert reading(labels=("haine", "vulgarite")).partial(TRAINED)
    assert not reading(labels=("haine",)).partial(TRAINED)
    assert not reading(labels=("vulgarite",), part=True).partial(TRAINED)


def test_attributes_are_found_under_every_name_and_version(facades):
    rules = facades.perspective
    for name in ("INSULT", "INSULT_EXPERIMENTAL", "INSULT@2", "INSULT_EXPERIMENTAL@latest"):
        found = rules.attribute(name)
        assert found is not None
        assert found.name == "INSULT"
    assert rules.attribute("INSULTS") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('labels = ["haine"]', 'labels = ["haines"]', "unknown label 'haines'"),
        ('name = "self-harm"\n', 'name = "hate"\n', "category given twice: hate"),
        ('name = "FLIRTATION"', 'name = "INSULT_EXPERIMENTAL"', "attribute given twice: INSULT_EXPERIMENTAL"),
        ('level = "probable"', 'level = "peu_probable"', "'peu_probable'"),
        ("comment_bytes", "comment_byte", "unknown key 'perspective.comment_byte'"),
        ('name = "sexual"\n', 'name = "sexuel"\n', "category 'sexual' is missing"),
    ],
)
def test_a_file_that_is_wrong_says_where(root, tmp_path, old, new, said):
    text = (root / "configs" / "facades.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "facades.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_facades(tmp_path / "facades.toml")


def test_the_pages_tell_the_readings_of_the_file(root, facades):
    """Each category or attribute with labels stands in its page beside them."""
    for page, readings in (
        ("facade_openai.md", facades.openai.categories),
        ("facade_perspective.md", facades.perspective.attributes),
    ):
        rows = [line for line in (root / "docs" / page).read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
        for found in readings:
            told = [row for row in rows if f"`{found.name}`" in row]
            assert not found.labels or told, found.name
            for label in found.labels:
                assert any(f"`{label}`" in row for row in told), (found.name, label)
            assert not (found.part and told) or any("part" in row for row in told), found.name
