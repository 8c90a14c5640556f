"""Bias of the queue from files: who waits, who is read, whose decisions are overturned; varieties as guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from audit_rows import SECTION

from serving.bundle import InputError, Interval
from training.audit.groups.mentions import Mentions
from training.audit.groups.varieties import TITLES, Varieties
from training.audit.queue.figures import audit_queue
from training.audit.queue.rows import read_queue
from training.data.cases import Register, load_cases

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MENTIONS = Mentions((("juifs", re.compile(r"\bjuifs?\b")), ("femmes", re.compile(r"\bfemmes?\b"))))


class Fixed:
    """Varieties of a text by its first word."""

    recall = Interval(value=0.5, low=0.4, high=0.6)
    cases = 10

    def named(self, texts):
        return [("sms",) if text.startswith("slt") else ("standard",) for text in texts]


def export(path, rows: int = 120):
    """Texts that name Jews wait ten times as long; half of the decisions on women are overturned; some wait still."""
    lines = []
    for n in range(rows):
        jews, undecided = n % 2 == 0, n % 6 == 5
        minutes = (600 if jews else 60) + n % 7
        lines.append(
            {
                "row_id": f"c{n}",
                "text": f"{'slt' if n % 3 else 'bonjour'} des {'juifs' if jews else 'femmes'} passent",
                "illegal": None if undecided else float(n % 4 < 2),
                "ground": None if undecided else "loi1881.injure",
                "readings": 0 if undecided else 2,
                "received_at": NOW,
                "decided_at": None if undecided else NOW + timedelta(minutes=minutes + 999),
                "first_decided_at": None if undecided else NOW + timedelta(minutes=minutes),
                "overturned": None if undecided else (not jews and n % 4 == 1),
            }
        )
    pd.DataFrame(lines).to_parquet(path)
    return path


def group(audit, column: str, name: str, order: str = ""):
    (table,) = (t for t in audit.tables if (t.column, t.order) == (column, order))
    return next(item for item in table.groups if item.group == name)


def test_an_export_tells_who_waits_who_is_read_and_whose_decisions_fall(tmp_path):
    file = read_queue(export(tmp_path / "queue.parquet"))
    audit = audit_queue(file, MENTIONS, Fixed(), {"juifs": "Juifs"}, SECTION)
    jews, women = group(audit, "mention", "juifs"), group(audit, "mention", "femmes")
    assert jews.title == "Juifs"
    assert jews.figures["waited"].value == pytest.approx(603, abs=3)
    assert women.figures["waited"].value == pytest.approx(63, abs=3)
    assert jews.adjusted["waited"] < 0.001
    assert jews.figures["read"].value == 1.0
    assert women.figures["read"].value == pytest.approx(2 / 3)
    assert (jews.figures["overturned"].value, women.figures["overturned"].value) == (0.0, pytest.approx(0.5))
    assert group(audit, "variety", "sms").rows == 80
    assert (audit.kind, audit.rows, audit.variety_recall) == ("export", 120, Fixed.recall)


def test_a_ground_may_hold_any_sign(tmp_path):
    path = export(tmp_path / "queue.parquet")
    table = pd.read_parquet(path)
    table["ground"] = ["a|b|c × d" if n % 2 else "e" for n in range(len(table))]
    table.to_parquet(path)
    found = group(audit_queue(read_queue(path), MENTIONS, Fixed(), {}, SECTION), "ground", "a|b|c × d")
    assert (found.rows, found.figures["waited"].value) == (60, pytest.approx(63, abs=3))


def test_figures_that_a_file_cannot_answer_are_left_out(tmp_path):
    path = export(tmp_path / "queue.parquet")
    table = pd.read_parquet(path)
    table[table["readings"] > 0].drop(columns=["overturned", "first_decided_at"]).to_parquet(path)
    audit = audit_queue(read_queue(path), MENTIONS, Fixed(), {}, SECTION)
    jews = group(audit, "mention", "juifs")
    assert set(jews.figures) == {"waited", "waited_illegal"}
    assert jews.figures["waited"].value == pytest.approx(1602, abs=3)  # the last decision, for want of the first


def test_a_group_of_few_texts_is_shown_and_not_tested(tmp_path):
    path = tmp_path / "queue.parquet"
    export(path)
    table = pd.read_parquet(path)
    table["text"] = ["des juifs passent" if n < 4 else "des femmes passent" for n in range(len(table))]
    table.to_parquet(path)
    jews = group(audit_queue(read_queue(path), MENTIONS, Fixed(), {}, SECTION), "mention", "juifs")
    assert jews.small
    assert (jews.rows, jews.adjusted, jews.difference) == (4, {}, {})


def test_a_figure_of_few_texts_is_shown_and_not_tested_though_the_group_is_large(tmp_path):
    path = tmp_path / "queue.parquet"
    export(path)
    table = pd.read_parquet(path)
    jews = table["text"].str.contains("juifs")
    table["illegal"] = [float(n < 4) if named else 1.0 for n, named in enumerate(jews)]  # two texts, which agree
    table.to_parquet(path)
    found = group(audit_queue(read_queue(path), MENTIONS, Fixed(), {}, SECTION), "mention", "juifs")
    assert not found.small
    assert {"waited", "read"} <= set(found.adjusted)
    assert {"waited_illegal", "read_illegal"}.isdisjoint(found.adjusted)
    assert found.figures["read_illegal"].value == 1.0
    assert found.figures["read_illegal"].low < 0.5  # Wilson's interval of two texts


def cases(path, texts, *, waited, read, overturned):
    """An export of decided and undecided cases, each of its own unit."""
    frame = {
        "row_id": [f"c{n}" for n in range(len(texts))],
        "text": texts,
        "illegal": 1.0,
        "ground": "loi1881.injure",
        "readings": np.asarray(read, dtype=int),
        "received_at": NOW,
        "decided_at": [NOW + timedelta(minutes=float(minutes)) for minutes in waited],
        "overturned": np.asarray(overturned, dtype=bool),
    }
    pd.DataFrame(frame).to_parquet(path)
    return path


def test_chance_alone_is_hardly_ever_told_as_a_difference(tmp_path):
    mentions = Mentions(tuple((f"g{n}", re.compile(rf"\bg{n}\b")) for n in range(10)))
    draws, told = np.random.default_rng(0), 0
    for _ in range(40):
        path = cases(
            tmp_path / "queue.parquet",
            [f"bonjour g{n % 10}" for n in range(200)],
            waited=draws.lognormal(4, 1.5, 200),
            read=draws.random(200) < 0.9,
            overturned=draws.random(200) < 0.05,
        )
        audit = audit_queue(read_queue(path), mentions, Fixed(), {}, SECTION)
        (table,) = (table for table in audit.tables if table.column == "mention")
        assert table.tested == 50
        told += any(p <= 0.05 for item in table.groups for p in item.adjusted.values())
    assert told <= 5  # of 40 tables, where Holm allows one in twenty


def test_none_overturned_of_a_few_is_not_told_from_few_of_many(tmp_path):
    few = np.arange(5015) < 15
    path = cases(
        tmp_path / "queue.parquet",
        np.where(few, "bonjour aux juifs", "bonjour aux femmes").tolist(),
        waited=np.where(few, 10.0, 200.0) + np.arange(5015) % 7,
        read=np.ones(5015),
        overturned=~few & (np.arange(5015) % 20 == 0),
    )
    jews = group(audit_queue(read_queue(path), MENTIONS, Fixed(), {}, SECTION), "mention", "juifs")
    assert jews.figures["overturned"].value == 0.0
    assert jews.adjusted["overturned"] > 0.05
    assert jews.difference["overturned"].high > 0
    assert jews.adjusted["waited"] < 0.001  # all of fifteen, far from half of the others


def simulated(path):
    lines = [
        (order, 1.5, f"t{n}", "des juifs" if n % 2 else "des femmes", "haine;haine.origine" if n % 2 else "", n % 2,
         (30 if order == "oracle" else 300) * (1 + n % 2) + n % 5, int(order == "oracle" or n % 2 == 0))
        for order in ("oracle", "fifo")
        for n in range(80)
    ]  # fmt: skip
    names = ["order", "load", "text_id", "text", "labels", "illegal", "waited_minutes", "read"]
    pd.DataFrame(lines, columns=names).to_csv(path, index=False)
    return path


def test_a_simulation_is_judged_order_by_order(tmp_path):
    audit = audit_queue(read_queue(simulated(tmp_path / "readings.csv")), MENTIONS, Fixed(), {}, SECTION)
    assert {table.order for table in audit.tables} == {"oracle, charge 1.5", "fifo, charge 1.5"}
    slow, fast = (group(audit, "mention", "juifs", f"{order}, charge 1.5") for order in ("fifo", "oracle"))
    assert slow.figures["waited"].value > 5 * fast.figures["waited"].value
    assert (slow.figures["read"].value, fast.figures["read"].value) == (0.0, 1.0)
    assert group(audit, "ground", "haine.origine", "fifo, charge 1.5").rows == 40


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,haine\nx,1\n"), ("a.parquet", "not parquet")])
def test_a_file_of_another_kind_is_refused_in_words(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"not a (file of the queue|UTF-8 CSV or Parquet file)"):
        read_queue(tmp_path / name)
    with pytest.raises(InputError, match="not readable"):
        read_queue(tmp_path / "absent.csv")


def test_a_cell_that_is_not_as_it_was_written_is_refused_in_words(tmp_path):
    path = tmp_path / "queue.parquet"
    for column, value in (("received_at", "31/03/2026 10:00"), ("illegal", "peut-être")):
        table = pd.read_parquet(export(path))
        table[column] = value
        table.to_parquet(path)
        with pytest.raises(InputError, match="a cell is not what its column holds in an export"):
            read_queue(path)
    readings = simulated(tmp_path / "readings.csv")
    readings.write_text(readings.read_text(encoding="utf-8").replace("des ", "oui, des "), encoding="utf-8")
    with pytest.raises(InputError, match="more cells than the header"):
        read_queue(readings)


def test_varieties_are_guessed_with_a_measured_quality(root):
    found = Varieties.of(load_cases(root / "datasets/vigie"), 0)
    assert set(TITLES) == set(Register)
    assert found.cases > 300
    assert found.recall.low > 1.5 / len(TITLES)  # well above chance; the report says how far from sure
    assert found.named(["", "jpp mdr tkt jsuis la ds 2 min"]) == [(), ("sms",)]
    assert np.isfinite(found.recall.high)
