"""Cards: complete, refused with the key that is wrong, and never used against their licence."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
import urllib.parse
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook
from source_twins import make_twins

from serving.bundle import ConfigError, InputError
from serving.settings import Settings
from training.data.cards import Card, LicenceClass, Use, check_allowed, load_card, load_cards, pick
from training.data.fetch import fetch
from training.data.readers import READERS


@pytest.fixture
def card_file(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(root / "datasets/ftr.toml", tmp_path / "ftr.toml"))


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_every_card_has_a_reader_and_pinned_raw_urls(root: Path) -> None:
    cards = load_cards(root / "datasets")
    assert {"ftr", "mlma", "jigsaw_fr", "safety_fr", "cyberagression", "nlp_toolbox", "honest", "hatecheck"} <= set(
        cards
    )
    for card in cards.values():
        assert card.reader in READERS
        for file in card.files:
            path = urllib.parse.quote(file.path)
            assert file.url == f"https://raw.githubusercontent.com/{card.repository}/{card.commit}/{path}"


def test_licence_classes_are_those_of_the_sources(root: Path) -> None:
    cards = load_cards(root / "datasets")
    found = {name: (card.use.value, card.licence_class.value) for name, card in cards.items()}
    assert found == {
        "ftr": ("training", "open"),
        "mlma": ("training", "open"),
        "jigsaw_fr": ("training", "open"),
        "safety_fr": ("training", "open"),
        "cyberagression": ("training", "research"),
        "nlp_toolbox": ("training", "unlicensed"),
        "honest": ("evaluation", "open"),
        "hatecheck": ("evaluation", "evaluation"),
    }


def test_digests_are_those_of_the_mirror(root: Path, mirror: Path) -> None:
    index = {(f["repo"], f["path"]): f for f in json.loads((mirror / "index.json").read_text(encoding="utf-8"))}
    for card in load_cards(root / "datasets").values():
        for file in card.files:
            known = index[card.repository, file.path]
            assert (file.sha256, file.bytes, card.commit) == (known["sha256"], known["bytes"], known["commit"])


def header(card: Card, settings: Settings) -> list[str]:
    """The columns of a source's files; numbers where the file has no header."""
    path = next(iter(fetch(card, settings).values()))
    if path.suffix == ".xlsx":
        return [
            str(cell) for cell in next(load_workbook(path, read_only=True).worksheets[0].iter_rows(values_only=True))
        ]
    raw = zipfile.ZipFile(path).read("hate_speech_mlma/fr_dataset.csv") if path.suffix == ".zip" else path.read_bytes()
    first = next(
        csv.reader(io.StringIO(raw.decode("utf-8", "ignore")), delimiter="\t" if path.suffix == ".tsv" else ",")
    )
    return first if card.fields[0].name != "0" else [str(number) for number in range(len(first))]


def test_fields_are_columns_of_the_files_twins_first(root: Path, tmp_path: Path) -> None:
    settings = make_twins(tmp_path, root)
    for card in load_cards(settings.datasets).values():
        assert {field.name for field in card.fields} <= set(header(card, settings)), card.name


def test_fields_are_columns_of_the_mirrored_files(root: Path, mirror: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(Settings.from_env({}), mirror=mirror, cache=tmp_path)
    for card in load_cards(root / "datasets").values():
        assert {field.name for field in card.fields} <= set(header(card, settings)), card.name


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[presumed_negative]", "[presumed_negatives]", "did you mean 'presumed_negative'?"),
        ('positive = ["haine.origine"]', 'positive = ["haine.orgine"]', "did you mean 'haine.origine'?"),
        ("test_share = 0.22", "test_share = 0.1", "test_share"),
        ('licence_class = "open"', 'licence_class = "free"', "licence_class"),
        ("schema = 1", "schema = 2", "schema"),
        ("sha256 = ", 'sha256 = "xyz" #', "sha256"),
        ("url = ", 'url = "http://example.org/a" #', "url"),
        ('name = "ftr"', 'name = "autre"', "expected 'ftr'"),
        ("weight = 0.1\nlabels", "weight = 1.0\nlabels", "weight"),
        ("content = ", "contents = ", "did you mean 'content'?"),
        ("[[field]]", "[[fields]]", "field"),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(card_file: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError, match=r"ftr\.toml") as refused:
        load_card(edited(card_file, old, new))
    assert told in refused.value.detail


def test_a_label_is_not_both_true_and_false(card_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"names 'haine\.origine' twice"):
        load_card(edited(card_file, 'presumed_negative = ["contexte_protege"]', 'negative = ["haine.origine"]'))


def test_a_folder_without_cards_says_which_setting_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="VIGIE_DATASETS"):
        load_cards(tmp_path)


def test_an_unknown_source_names_the_nearest(root: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'jigsaw_fr'"):
        pick(load_cards(root / "datasets"), "jigsaw")


def test_a_licence_class_must_be_allowed(root: Path) -> None:
    card = load_cards(root / "datasets")["cyberagression"]
    check_allowed(card, ("open", "research"))
    with pytest.raises(ConfigError, match=r"'cyberagression'.*'research'.*licence_classes") as refused:
        check_allowed(card, ("open", "own"))
    assert refused.value.code == "licence_class"


def test_an_evaluation_source_is_never_trained_on(root: Path) -> None:
    card = load_cards(root / "datasets")["hatecheck"]
    assert card.use is Use.EVALUATION
    with pytest.raises(ConfigError, match="evaluation only"):
        check_allowed(card, tuple(LicenceClass))
