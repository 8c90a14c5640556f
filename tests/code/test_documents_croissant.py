"""Croissant metadata: valid for the makers' own library, and no more than the cards say."""

from __future__ import annotations

import json
from pathlib import Path

import mlcroissant as mlc
import pytest

from serving.bundle import load_taxonomy
from training.data.cards import load_cards
from training.data.cases import load_cases
from training.data.digests import file_sha256
from training.documents.croissant import OWN_FIELDS, of_card, of_own_cases

CARDS = ("cyberagression", "ftr", "hatecheck", "honest", "jigsaw_fr", "mlma", "nlp_toolbox", "safety_fr")


def validated(metadata: dict) -> mlc.Metadata:
    """As read back from a file, checked by the library; an error raises."""
    found = mlc.Dataset(jsonld=json.loads(json.dumps(metadata))).metadata
    assert not found.ctx.issues.errors
    return found


@pytest.mark.parametrize("name", CARDS)
def test_every_card_is_valid_croissant_with_its_digests_and_columns(name: str, root: Path) -> None:
    cards = load_cards(root / "datasets")
    assert set(cards) == set(CARDS)
    card, found = cards[name], validated(of_card(cards[name]))
    published = [file for file in found.file_objects if not file.contained_in]
    assert {(file.content_url, file.sha256) for file in published} == {(file.url, file.sha256) for file in card.files}
    rows = next(record for record in found.record_sets if record.id == "rows")
    assert [field.name for field in rows.fields] == [field.name for field in card.fields]
    labels = next(record for record in found.record_sets if record.id == "labels")
    assert [line["labels/value"] for line in labels.data] == [note.value for note in card.annotations]
    assert found.data_limitations == list(card.traps)
    assert found.cite_as == card.citation


def test_licences_are_addresses_of_spdx_and_none_is_made_up(root: Path) -> None:
    cards = load_cards(root / "datasets")
    assert of_card(cards["ftr"])["license"] == "https://spdx.org/licenses/MIT.html"
    assert len(of_card(cards["jigsaw_fr"])["license"]) == 3
    assert "license" not in of_card(cards["nlp_toolbox"])


def test_our_own_cases_are_valid_croissant(root: Path) -> None:
    folder = root / "datasets/vigie"
    own = load_cases(folder)
    found = validated(of_own_cases(own, folder, load_taxonomy(root / "configs/taxonomy.toml")))
    names = {case.file for case in own.cases}
    assert {file.name: file.sha256 for file in found.file_objects} == {
        name: file_sha256(folder / name) for name in names
    }
    rows = next(record for record in found.record_sets if record.id == "rows")
    assert [field.name for field in rows.fields] == list(OWN_FIELDS)


def test_a_field_without_source_is_refused_by_the_library(root: Path) -> None:
    """The check of this file can fail."""
    metadata = of_card(load_cards(root / "datasets")["ftr"])
    for field in metadata["recordSet"][0]["field"]:
        field.pop("source")
    with pytest.raises(mlc.ValidationError):
        mlc.Dataset(jsonld=metadata)
