"""Decisions of a queue as training rows: what they say and do not say, what they weigh, where they go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_twins import data_table, make_twins

from serving.bundle import OUTPUT_KEYS, ConfigError
from serving.settings import Settings
from training.data.feedback import FEEDBACK, FeedbackSection, feedback_examples
from training.data.prepare import DataRecipe, prepare

ROW = {
    "row_id": "a",
    "text": "vous dégagez tous d’ici",
    "illegal": 1.0,
    "family": "haine",
    "audit": False,
    "weight": 1.0,
}


def written(folder: Path, *changes: dict[str, object], **section: float) -> FeedbackSection:
    """A file with one row for each dictionary of changes."""
    rows = [ROW | {"row_id": f"r{place}"} | change for place, change in enumerate(changes)]
    path = folder / "decisions.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return FeedbackSection(file=path, **{"weight": 1.0, "most": 5.0, "longest_words": 20} | section)


def known(section: FeedbackSection) -> list[dict[str, float]]:
    """The targets of each row where something is known."""
    examples, _ = feedback_examples(section)
    return [
        {key: float(e.truth.target[n]) for n, key in enumerate(OUTPUT_KEYS) if e.truth.mask[n] > 0} for e in examples
    ]


def test_an_illegal_text_is_of_its_ground_s_family_and_the_rest_is_unknown(tmp_path: Path) -> None:
    assert known(written(tmp_path, {})) == [{"haine": 1.0}]


def test_a_legal_text_is_of_no_family_and_context_stays_unknown(tmp_path: Path) -> None:
    (found,) = known(written(tmp_path, {"illegal": 0.0, "family": None}))
    assert set(found.values()) == {0.0}
    assert {"haine", "terrorisme", "harcelement", "haine.genre", "terrorisme.menace"} <= set(found)
    assert not {"contexte_protege", "toxicite", "vulgarite"} & set(found)


def test_readers_who_disagree_make_a_soft_target(tmp_path: Path) -> None:
    assert known(written(tmp_path, {"illegal": 0.5, "family": "terrorisme"})) == [{"terrorisme": 0.5}]


def test_audit_rows_weigh_by_their_inverse_probability_around_one_and_no_more_than_told(tmp_path: Path) -> None:
    drawn = [{"audit": True, "weight": weight} for weight in (10.0, 10.0, 10.0, 370.0)]
    section = written(tmp_path, {}, *drawn, weight=2.0, most=3.0)
    examples, notes = feedback_examples(section)
    assert [e.truth.weight for e in examples] == pytest.approx([2.0, 0.2, 0.2, 0.2, 6.0])
    assert (notes["read"], notes["audit"]) == (5, 4)


def test_rows_without_text_too_long_or_of_another_ground_are_counted_and_left_out(tmp_path: Path) -> None:
    long = {"text": "mot " * 21, "illegal": 0.0, "family": None}
    examples, notes = feedback_examples(written(tmp_path, {"text": " "}, {"family": None}, {}, long))
    assert [e.row_id for e in examples] == ["feedback/r2"]
    assert (notes["no_text"], notes["other_ground"], notes["too_long"]) == (1, 1, 1)


def test_a_wrong_file_is_named_and_says_what_writes_one(tmp_path: Path) -> None:
    section = FeedbackSection(file=tmp_path / "rien.parquet", weight=1, most=1, longest_words=20)
    with pytest.raises(ConfigError, match=r"rien\.parquet.*vigie queue export"):
        feedback_examples(section)
    pq.write_table(pa.table({"row_id": ["a"]}), section.file)
    with pytest.raises(ConfigError, match="no column 'text'"):
        feedback_examples(section)


def test_decisions_are_learnt_from_alone_and_never_double_what_is_tested(tmp_path: Path, root: Path) -> None:
    settings: Settings = make_twins(tmp_path / "twins", root)
    base = data_table(sources=(), own_cases=True)
    plain = prepare(DataRecipe(**base), settings, licence_classes=("open",), seed=1)
    tested = plain.tables["test"]["text"][0]
    section = written(tmp_path, {"text": tested}, {"text": "une phrase que personne d’autre n’a écrite avant nous"})
    found = prepare(DataRecipe(**base, feedback=section), settings, licence_classes=("open",), seed=1)
    rows = {split: table.filter(lambda row: row["source"] == FEEDBACK) for split, table in found.tables.items()}
    assert [len(rows[split]) for split in ("train", "validation", "test")] == [1, 0, 0]
    assert np.allclose(rows["train"]["target"][0][OUTPUT_KEYS.index("haine")], 1.0)
    (record,) = [record for record in found.records if record.name == FEEDBACK]
    assert (record.rows, record.licence_class) == (1, "own")
    assert found.path != plain.path
