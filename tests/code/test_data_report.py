"""The report adds up, and no text is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_twins import make_twins

from serving.bundle import OUTPUT_KEYS
from training.data.prepare import DataRecipe, Prepared, prepare
from training.data.report import read_report


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Prepared:
    data = DataRecipe(
        sources=("ftr", "mlma", "jigsaw_fr"),
        own_cases=True,
        instances_per_case=4,
        validation_share=0.25,
        near_duplicate=0.7,
        temperature=1.0,
    )
    return prepare(data, make_twins(tmp_path_factory.mktemp("twins"), root), licence_classes=("open", "own"), seed=1)


def test_rows_read_are_kept_or_counted_as_removed(prepared: Prepared) -> None:
    report = prepared.report
    late = sum(report.leakage.removed_late.values())
    lost = {s.name: s.read - s.exact_copies - s.near_copies - sum(s.rows.values()) for s in report.sources}
    assert sum(lost.values()) == late
    assert {s.name: s.exact_copies for s in report.sources} == {
        "vigie": 3,  # instances of a case whose text is also held out
        "ftr": 1,
        "jigsaw_fr": 1,
        "mlma": 1,
    }
    for split, table in prepared.tables.items():
        assert report.rows(split) == table.num_rows


def test_conflicts_are_counted_where_copies_disagree(prepared: Prepared) -> None:
    conflicts = {source.name: source.conflicts for source in prepared.report.sources}
    assert conflicts["mlma"]["haine"] == conflicts["mlma"]["toxicite"] == 1
    assert conflicts["jigsaw_fr"] == {}
    assert prepared.report.conflicting_copy_sets >= 1


def test_every_label_row_is_positive_negative_presumed_or_unknown(prepared: Prepared) -> None:
    report = prepared.report
    rows = {(source.name, split): count for source in report.sources for split, count in source.rows.items()}
    for count in report.labels:
        told = count.positive + count.negative + count.presumed_negative + count.unknown
        assert told == rows[count.source, count.split]
    assert {count.label for count in report.labels} == set(OUTPUT_KEYS)
    assert report.positives("haine", "train") > 0


def test_it_is_kept_beside_the_tables(prepared: Prepared) -> None:
    assert read_report(prepared.path) == prepared.report
    markdown = (prepared.path / "report.md").read_text(encoding="utf-8")
    assert "Étanchéité des partitions" in markdown
    assert f"{prepared.report.leakage.highest:.3f}" in markdown
    assert all(f"| {key} |" in markdown for key in OUTPUT_KEYS)


def test_no_text_is_in_it(prepared: Prepared) -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in prepared.path.glob("report.*"))
    for table in prepared.tables.values():
        assert not any(text in written for text in table["text"])
