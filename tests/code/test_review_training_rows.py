"""Decisions leave as training rows: soft labels, weights, provenance, and a trace of what is erased later."""

from __future__ import annotations

import json
import stat
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from serving.bundle import ConfigError
from serving.review import DecisionForm, KeyKind, NewCase, Queue, Source
from serving.review.training_rows import COLUMNS, export, write_parquet

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")


@pytest.fixture
def decide(queue, classifier, analyst, noon):
    """Receives, claims and decides a case; returns its id."""

    def run(name, form=ILLEGAL, text="score=0.7", through=queue, **fields):
        new = NewCase(external_id=name, text=text, **fields)
        queue.receive([new], source=PLATFORM, now=noon)
        queue.score_pending(classifier, now=noon)
        case = through.claim(analyst, now=noon)
        through.decide(case.id, analyst, form, now=noon)
        return case.id

    return run


def other(queue, draw, **changes):
    """The same queue under another chance and other rules."""
    return Queue(
        queue.engine, queue.rules.policy.model_copy(update=changes), queue.rules.taxonomy, SECRET, draw=lambda: draw
    )


def test_a_decision_is_a_row_with_its_provenance(queue, decide, noon):
    case_id = decide("a")
    (row,) = queue.training_rows()
    assert list(row) == list(COLUMNS)
    assert (row["row_id"], row["text"], row["illegal"], row["ground"]) == (case_id, "score=0.7", 1.0, ILLEGAL.ground)
    assert (row["readings"], row["agreed"], row["audit"], row["weight"]) == (1, True, False, 1.0)
    assert (row["decided_at"], row["bundle"]) == (noon, queue.get(case_id).row.bundle)


def test_readers_who_disagree_make_a_soft_label(queue, decide, colleague, senior, noon):
    always = queue.rules.policy.second_review.model_copy(update={"share": 1.0, "uncertain_share": 1.0})
    double = other(queue, 0.5, second_review=always)
    case_id = decide("a", through=double)
    assert list(queue.training_rows()) == []
    double.claim(colleague, now=noon)
    double.decide(case_id, colleague, LEGAL, now=noon)
    double.claim(senior, now=noon)
    double.decide(case_id, senior, ILLEGAL, now=noon)
    (row,) = queue.training_rows()
    assert (row["illegal"], row["readings"], row["agreed"]) == (pytest.approx(2 / 3), 3, False)


def test_an_appeal_replaces_what_it_was_about(queue, decide, colleague, noon):
    case_id = decide("a")
    queue.appeal(case_id, PLATFORM, now=noon)
    queue.claim(colleague, now=noon)
    queue.decide(case_id, colleague, LEGAL, now=noon)
    (row,) = queue.training_rows()
    assert (row["illegal"], row["readings"]) == (0.0, 1)


def test_who_waited_and_what_fell_can_be_told(queue, decide, colleague, noon):
    case_id = decide("a")
    (row,) = queue.training_rows()
    assert (row["first_decided_at"], row["overturned"]) == (noon, None)
    queue.appeal(case_id, PLATFORM, now=noon)
    queue.claim(colleague, now=noon)
    queue.decide(case_id, colleague, LEGAL, now=noon + timedelta(hours=2))
    (row,) = queue.training_rows()
    assert (row["first_decided_at"], row["overturned"]) == (noon, True)
    assert row["decided_at"] == noon + timedelta(hours=2)


def test_cases_that_nobody_read_are_rows_when_asked_for(queue, decide, analyst, noon, tmp_path):
    read = decide("a")
    queue.receive([NewCase(external_id="b", text="score=0.4")], source=PLATFORM, now=noon)
    appealed = decide("c", text="score=0.9")
    queue.appeal(appealed, PLATFORM, now=noon)
    assert [row["row_id"] for row in queue.training_rows()] == [read]
    rows = {row["row_id"]: row for row in export(queue.engine, queue.rules, noon, waiting=True)}
    (unread,) = rows.keys() - {read}
    assert unread != appealed
    assert (rows[unread]["readings"], rows[unread]["illegal"], rows[unread]["decided_at"]) == (0, None, None)
    assert write_parquet(tmp_path / "all.parquet", rows.values()) == 2


def test_a_drawn_case_is_weighed_by_its_probability(queue, decide, policy):
    never = policy.second_review.model_copy(update={"share": 0.0, "uncertain_share": 0.0})
    decide("a", LEGAL, "score=0.02", other(queue, 0.01, second_review=never))
    (row,) = queue.training_rows()
    assert row["audit"]
    assert row["weight"] == pytest.approx(1 / policy.claims.audit_share)


def test_a_copy_of_a_known_text_is_counted_not_repeated(queue, decide, classifier, noon):
    text = "un texte assez long pour être reconnu score=0.7"
    decide("a", text=text)
    queue.receive([NewCase(external_id="b", text=text)], source=PLATFORM, now=noon + timedelta(minutes=2))
    queue.score_pending(classifier, now=noon + timedelta(minutes=2))
    (row,) = queue.training_rows()
    assert row["known_copies"] == 1


def test_an_erasure_is_traced_to_the_files(queue, decide, noon):
    case_id = decide("a")
    (row,) = queue.training_rows()
    assert queue.erased_rows() == []
    queue.erase_expired(now=noon + timedelta(days=200))
    assert queue.erased_rows() == [(case_id, row["export_id"])]
    body = json.loads(queue.get(case_id).events[-1].body)
    assert body["exports"] == [row["export_id"]]
    assert list(queue.training_rows()) == []


def test_the_file_is_the_owners_alone_and_whole(queue, decide, tmp_path):
    decide("a")
    path = tmp_path / "rows.parquet"
    assert write_parquet(path, queue.training_rows()) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    table = pq.read_table(path)
    assert table.column_names == list(COLUMNS)
    assert table.to_pylist()[0]["illegal"] == 1.0
    assert [found.name for found in tmp_path.glob("rows*")] == ["rows.parquet"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written"):
        write_parquet(tmp_path / "nulle-part" / "rows.parquet", [])
