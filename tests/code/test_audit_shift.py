"""A change of source or of time: what a model that never saw a source loses, and periods a reader can compare."""

from __future__ import annotations

import re

import numpy as np
import pytest
from audit_rows import SECTION, label, learnt, rows_of
from source_twins import sentence

from serving.bundle import InputError
from training.audit.errors.neighbours import Learnt
from training.audit.groups.mentions import Mentions
from training.audit.periods import periods
from training.audit.rows import PERIOD, AuditRows, Columns, crossed, read_rows
from training.audit.shift import source_shifts
from training.evaluation.measure import Scored


def test_periods_are_the_finest_that_can_be_compared():
    days = [f"2026-03-{day:02d}" for day in range(1, 11)]
    assert periods("f", "date", days)[0] == ("2026-03-01",)
    months = [f"2026-{month:02d}-{day:02d}T08:00:00Z" for month in range(1, 8) for day in (2, 12, 22)]
    assert set(periods("f", "date", months)) == {(f"2026-{month:02d}",) for month in range(1, 8)}
    years = [f"{year}-{month:02d}-01" for year in range(2018, 2027) for month in range(1, 13)]
    assert set(periods("f", "date", years)) == {(str(year),) for year in range(2018, 2027)}
    assert periods("f", "date", ["2026-03-01", " "]) == [("2026-03-01",), ()]


def test_a_cell_that_is_no_date_is_said_without_its_content():
    with pytest.raises(InputError, match=re.escape("f.csv: row 2: quand is no date")) as error:
        periods("f.csv", "quand", ["2026-03-01", "jamais"])
    assert "jamais" not in error.value.detail


def test_a_french_date_is_refused_rather_than_read_as_an_american_one():
    for cell in ("03/04/2026", "31/03/2026", "3 avril 2026", "03-04-2026"):
        with pytest.raises(InputError, match="row 2: quand is no date; expected one like 2026-03-31"):
            periods("f.csv", "quand", ["2026-03-01", cell])
    mixed = ["2026-03-01", "2026-03-01 08:00:00", "2026-03-01T08:00:00+02:00", " 2026-03-01T08:00:00.25Z "]
    assert set(periods("f.csv", "quand", mixed)) == {("2026-03-01",)}


def test_a_dated_file_is_compared_by_period_and_not_crossed_with_it(tmp_path):
    path = tmp_path / "rows.csv"
    lines = [f"texte {n},{n % 2},2026-0{1 + n % 3}-15,v{n % 2}" for n in range(30)]
    path.write_text("\n".join(["text,haine,quand,ville", *lines]), encoding="utf-8")
    rows = read_rows(path, Columns(groups=("ville",), time="quand"), Mentions(()), {})
    assert set(rows.members(PERIOD)) == {"2026-01-15", "2026-02-15", "2026-03-15"}
    assert rows.title(PERIOD) == "Période"
    assert [name for name, _ in crossed(rows)] == ["mention × ville"]
    with pytest.raises(InputError, match="'period' is the audit's own column"):
        read_rows(path, Columns(groups=("period",)), Mentions(()), {})


@pytest.fixture(scope="module")
def two_places() -> tuple[AuditRows, Scored, Learnt]:
    """Source a says its hate with one word, source b with another: neither teaches the other."""
    sign = {"a": ("crapaud", "jardin"), "b": ("vipère", "verger")}
    number, rows = 0, []
    for source, (bad, good) in sign.items():
        for n in range(120):
            rows.append((source, f"{(bad if n % 2 else good)} {sentence(number)}", float(n % 2)))
            number += 1
    tested, taught = rows[::3], [row for place, row in enumerate(rows) if place % 3]
    groups = {"mention": [()] * len(tested), "source": [(source,) for source, *_ in tested]}
    audited = rows_of([text for _, text, _ in tested], [answer for *_, answer in tested], groups)
    known = learnt(
        [text for _, text, _ in taught], [answer for *_, answer in taught], [source for source, *_ in taught]
    )
    return audited, Scored(np.where(audited.labels["haine"] > 0, 0.9, 0.1), label()), known


def test_a_source_that_nothing_else_teaches_costs_what_it_taught(two_places):
    rows, scored, taught = two_places
    found = source_shifts(rows, ["haine"], {"haine": scored}, taught, SECTION)
    assert [item.source for item in found] == ["a", "b"]
    for item in found:
        assert item.bundle.value == 1.0
        assert item.taught.value > 0.95
        assert item.untaught.value < 0.8
        assert item.cost.value == pytest.approx(item.taught.value - item.untaught.value)
        assert item.cost.low <= item.cost.value <= item.cost.high


def test_a_source_that_was_not_learnt_from_has_no_shift(two_places):
    rows, scored, taught = two_places
    elsewhere = AuditRows(**{**rows.__dict__, "groups": {"source": [("c",)] * len(rows)}})
    assert source_shifts(elsewhere, ["haine"], {"haine": scored}, taught, SECTION) == ()
