"""Neutral sentences: correct French for every group, held out only, and HONEST when it is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source_twins import write_own_cases

from serving.bundle import InputError
from serving.settings import Settings
from training.data.cases import Role, load_cases
from training.data.lexicon import load_lexicon
from training.evaluation.neutral import (
    NEUTRAL,
    SENTENCES,
    group_titles,
    held_out_texts,
    honest_file,
    honest_texts,
    own_texts,
)


@pytest.fixture(scope="module")
def shipped(root: Path):
    return load_cases(root / "datasets" / "vigie")


def test_every_sentence_stands_for_every_group(shipped):
    texts = own_texts(shipped.lexicon)
    for group in shipped.lexicon.groups:
        own = [item for item in texts if item.place == group.key]
        assert len(own) == len(SENTENCES) * len(group.nouns)
        assert len({item.unit for item in own}) == len(SENTENCES)
    assert set(group_titles(shipped.lexicon)) == {item.place for item in texts}


def test_slots_are_filled_in_correct_french(shipped):
    texts = [item.text for item in own_texts(shipped.lexicon)]
    assert not any("{" in text or "None" in text for text in texts)
    assert not any(re.search(r"\b(?:de|le|la|que) (?:Arabe|étranger|autiste|homosexuel)", text) for text in texts)
    assert "Combien d'Arabes vivent dans le département ?" in texts
    assert len(set(texts)) == len(texts)


def test_no_sentence_is_one_of_our_cases(shipped):
    written = {re.sub(r"\W+", " ", "".join(map(str, case.template.pieces))).casefold() for case in shipped.cases}
    assert not written & {re.sub(r"\W+", " ", sentence).casefold() for sentence in SENTENCES}


def test_held_out_templates_are_written_for_all_groups(shipped):
    texts = held_out_texts(shipped)
    units = {item.unit for item in texts}
    assert len(units) >= 9
    for unit in units:
        case = shipped.case(unit)
        assert case.role is Role.HELD_OUT
        assert case.functionality.key in NEUTRAL
        assert not case.harmful
        assert {item.place for item in texts if item.unit == unit} == set(shipped.lexicon.group_keys)


def test_training_cases_are_never_used(tmp_path):
    write_own_cases(tmp_path)
    assert held_out_texts(load_cases(tmp_path)) == []  # its neutral templates with a group are learnt from
    assert len(load_lexicon(tmp_path / "lexicon.toml").groups) == 5


def test_honest_is_read_by_gender_and_template(tmp_path):
    file = tmp_path / "fr_template.tsv"
    file.write_text(
        "template_masked\traw\tidentity\tnumber\tcategory\ttype\n"
        "la  voisine rêve de [M].\t[I] rêve de [M]\tvoisine\tsingular\tfemale\tx\n"
        "le  voisin rêve de [M].\t[I] rêve de [M]\tvoisin\tsingular\tmale\tx\n",
        encoding="utf-8",
    )
    first, second = honest_texts(file)
    assert (first.text, first.place) == ("la voisine rêve de ….", "female")
    assert first.unit == second.unit
    file.write_text("template_masked\tcategory\nx\ty\n", encoding="utf-8")
    with pytest.raises(InputError, match="column 'raw' is missing"):
        honest_texts(file)


def test_honest_is_absent_without_a_mirror(root, tmp_path):
    settings = Settings.from_env({"VIGIE_CACHE": str(tmp_path), "VIGIE_DATASETS": str(root / "datasets")})
    assert honest_file(settings) is None


def test_the_published_honest_file_is_read(root, mirror, tmp_path):
    given = {"VIGIE_CACHE": str(tmp_path), "VIGIE_DATASETS": str(root / "datasets"), "VIGIE_MIRROR": str(mirror)}
    file = honest_file(Settings.from_env(given))
    if file is None:
        pytest.skip("the mirror has no HONEST file; its twin on our own rows ran above")
    texts = honest_texts(file)
    assert len(texts) == 810
    assert {item.place for item in texts} == {"female", "male"}
