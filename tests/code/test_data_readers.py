"""Readers on twins of the published files: formats, traps and values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from source_twins import make_twins, sentence

from serving.bundle import InputError
from serving.settings import Settings
from training.data.cards import load_cards
from training.data.fetch import fetch
from training.data.readers import READERS, Reading, Row


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


def read(settings: Settings, name: str) -> Reading:
    card = load_cards(settings.datasets)[name]
    reading = READERS[card.reader](fetch(card, settings))
    for row in reading.rows:
        for value in row.values:
            card.annotation(value)  # every value that a reader emits is explained by its card
    return reading


def values(reading: Reading) -> Counter[str]:
    return Counter(value for row in reading.rows for value in row.values)


def test_keys_are_unique_in_every_source(settings: Settings) -> None:
    for name in READERS:
        rows = read(settings, name).rows
        assert rows
        assert len({row.key for row in rows}) == len(rows)


def test_ftr_repairs_a_character_cut_in_two(settings: Settings) -> None:
    reading = read(settings, "ftr")
    assert reading.notes == {"broken_utf8_repaired": 1}
    assert reading.rows[-1] == Row(sentence(903) + " caf", "104", "104", frozenset({"other"}))


def test_ftr_knows_its_two_fillers(settings: Settings) -> None:
    by_key = {row.key: row.values for row in read(settings, "ftr").rows}
    assert by_key["0"] == {"racist"}
    assert by_key["1"] == {"other"}
    assert by_key["100"] == {"racist_nazi"}
    assert by_key["101"] == {"other_creve"}


def test_mlma_reads_the_french_file_of_the_zip(settings: Settings) -> None:
    rows = {row.key: row for row in read(settings, "mlma").rows}
    assert len(rows) == 64
    assert rows["0"].text == f"@user {sentence(2000)} <url>"
    assert rows["0"].values == {"hateful", "hateful_origin"}
    assert rows["1"].values == {"normal"}
    assert rows["2"].values == {"offensive"}  # not hateful: whether it is hatred stays unknown
    assert rows["3"].values == {"hateful", "offensive", "hateful_jews"}
    assert rows["4"].values == {"mixed", "fearful"}
    assert rows["5"].values == {"hateful"}  # the group is an artefact: no ground


def test_jigsaw_reads_the_french_column_and_keeps_copies_together(settings: Settings) -> None:
    rows = read(settings, "jigsaw_fr").rows
    assert rows[0].text == f"{sentence(4000)},\n0"
    assert rows[0].values == {"toxic", "not_obscene", "threat", "not_insult", "not_identity_hate"}
    assert "clean" in rows[2].values
    assert "clean" not in rows[4].values
    assert (rows[7].text, rows[7].group) == (rows[-1].text, rows[-1].group)


def test_safety_joins_cut_lines_and_drops_the_common_instruction(settings: Settings) -> None:
    reading = read(settings, "safety_fr")
    assert values(reading) == {"insult": 31, "mental_health": 31, "commonsense": 31}
    assert reading.notes["instruction_dropped"] == 30
    assert not any("choix dangereux" in row.text for row in reading.rows)
    assert f"{sentence(6090)}, {sentence(6091)}" in {row.text for row in reading.rows}
    assert reading.rows[0].text[0] != "\ufeff"


def test_chats_keep_their_order_and_are_groups(settings: Settings) -> None:
    reading = read(settings, "cyberagression")
    assert reading.notes == {"empty_text": 1}
    assert len({row.group for row in reading.rows}) == 12
    assert [row.key for row in reading.rows] == sorted(row.key for row in reading.rows)
    assert all(row.group.isascii() for row in reading.rows)


def test_chats_tell_the_aggressor_from_who_hits_back(settings: Settings) -> None:
    chat = [row.values for row in read(settings, "cyberagression").rows[11:17]]  # the second chat
    assert chat == [
        {"aggressor:OAG", "aggressor:THR"},
        {"other_side:OAG"},
        {"other_side:NAG", "counter_speech"},
        {"aggressor:CAG", "aggressor:DNG"},  # "bully " with a space
        {"aggressor:NAG"},
        {"aggressor:OAG", "aggressor:NCG"},
    ]


def test_toolbox_has_no_header(settings: Settings) -> None:
    assert values(read(settings, "nlp_toolbox")) == {"toxic": 20, "not_toxic": 20}


def test_a_line_that_is_not_of_the_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,bien\ntoxic,mal\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2") as refused:
        READERS["nlp_toolbox"]({"a.csv": tmp_path / "a.csv"})
    assert "mal" not in refused.value.detail


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,label\n1,bien,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="column 'tweet' is missing; found id, text, label"):
        READERS["ftr"]({"a.csv": tmp_path / "a.csv"})


def test_honest_masks_become_an_ellipsis(settings: Settings) -> None:
    assert read(settings, "honest").rows[0].text == sentence(14000, 3) + " …."


def test_hatecheck_groups_by_template(settings: Settings) -> None:
    reading = read(settings, "hatecheck")
    assert values(reading) == {"hateful": 3, "non-hateful": 3}
    assert len({row.group for row in reading.rows}) == 3
