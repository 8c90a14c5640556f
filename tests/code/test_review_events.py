"""The chain of events: whole when untouched, and the first bad link is named when somebody touched it."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import text

from serving.bundle import Unavailable
from serving.review import DecisionForm, KeyKind, NewCase, Queue, Source
from serving.review.database import writing

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"


@pytest.fixture
def worked(queue, classifier, analyst):
    """Three cases with four events each: received, scored, claimed, decided. Returns their ids, oldest first."""
    receipts = [
        queue.receive([NewCase(external_id=name, text="score=0.5")], source=PLATFORM)[0] for name in ("a", "b", "c")
    ]
    queue.score_pending(classifier)
    while case := queue.claim(analyst):
        queue.decide(case.id, analyst, DecisionForm(illegal=False, action="maintien"))
    return [receipt.id for receipt in receipts]


def run(engine, statement: str, **values) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement), values)


class TestChain:
    def test_an_untouched_chain_holds(self, queue, worked):
        report = queue.verify_chain()
        assert (report.cases, report.events, report.unsealed, report.first_bad) == (3, 12, 12, None)
        assert queue.verify_chain(worked[1]).events == 4

    def test_events_follow_each_other(self, queue, worked):
        for case_id in worked:
            events = queue.get(case_id).events
            assert [event.number for event in events] == [1, 2, 3, 4]
            assert [event.kind for event in events] == ["received", "scored", "claimed", "decided"]
            assert all(later.prev_hash == earlier.hash for earlier, later in itertools.pairwise(events))

    @pytest.mark.parametrize(
        ("change", "number", "said"),
        [
            ("UPDATE events SET body = '{}' WHERE case_id = :id AND number = 2", 2, "content was changed"),
            ("UPDATE events SET actor = 'autre' WHERE case_id = :id AND number = 4", 4, "content was changed"),
            ("UPDATE events SET kind = 'released' WHERE case_id = :id AND number = 3", 3, "content was changed"),
            ("DELETE FROM events WHERE case_id = :id AND number = 2", 3, "event 2 is missing"),
            ("DELETE FROM events WHERE case_id = :id AND number = 1", 2, "event 1 is missing"),
            ("DELETE FROM events WHERE case_id = :id AND number = 4", 3, "cut off"),
            ("DELETE FROM events WHERE case_id = :id", 1, "no events"),
            ("UPDATE cases SET head = prev_hash FROM events WHERE cases.id = :id AND events.case_id = :id", 4, "end"),
        ],
    )
    def test_tampering_is_located(self, queue, engine, worked, change, number, said):
        run(engine, change, id=worked[1])
        for report in (queue.verify_chain(), queue.verify_chain(worked[1])):
            assert (report.first_bad.case_id, report.first_bad.number) == (worked[1], number)
            assert said in report.first_bad.reason
        assert queue.verify_chain(worked[0]).first_bad is None

    def test_of_two_bad_events_the_earlier_written_is_named(self, queue, engine, worked):
        for case_id, number in ((worked[0], 4), (worked[2], 1)):
            run(engine, "UPDATE events SET body = '{}' WHERE case_id = :id AND number = :n", id=case_id, n=number)
        assert (queue.verify_chain().first_bad.case_id, queue.verify_chain().first_bad.number) == (worked[2], 1)

    def test_a_chain_cannot_be_forged_without_the_secret(self, queue, engine, worked, policy, taxonomy):
        stranger = Queue(engine, policy, taxonomy, b"another secret of enough bytes")
        stranger.change_reach(
            stranger.receive([NewCase(external_id="z", text="x")], source=PLATFORM)[0].id, 3, PLATFORM
        )
        bad = queue.verify_chain().first_bad
        assert (bad.number, bad.reason) == (1, "its content was changed")

    def test_an_event_moved_to_another_case_shows(self, queue, engine, worked):
        run(engine, "DELETE FROM events WHERE case_id = :id AND number = 4", id=worked[0])
        run(engine, "UPDATE events SET case_id = :to WHERE case_id = :id AND number = 4", to=worked[0], id=worked[1])
        assert queue.verify_chain(worked[0]).first_bad.number == 4


class TestDecisions:
    """Rows of ``decisions`` against the events that tell them."""

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("UPDATE decisions SET illegal = 1 WHERE case_id = :id", "otherwise than this event: illegal"),
            ("UPDATE decisions SET ground = 'cp.menace' WHERE case_id = :id", "otherwise than this event: ground"),
            ("UPDATE decisions SET action = 'retrait' WHERE case_id = :id", "otherwise than this event: action"),
            ("UPDATE decisions SET analyst = 'autre' WHERE case_id = :id", "otherwise than this event: analyst"),
            ("UPDATE decisions SET at = '2020-01-01 00:00:00.000000' WHERE case_id = :id", "event: at"),
            ("UPDATE decisions SET stage = 'appealed' WHERE case_id = :id", "otherwise than this event: stage"),
            ("UPDATE decisions SET note = 'autre' WHERE case_id = :id", "otherwise than this event: note"),
            ("UPDATE decisions SET copied_from = case_id WHERE case_id = :id", "this event: copied_from"),
            ("DELETE FROM decisions WHERE case_id = :id", "has no row"),
        ],
    )
    def test_a_row_that_says_otherwise_is_located(self, queue, engine, worked, change, said):
        run(engine, change, id=worked[1])
        for report in (queue.verify_chain(), queue.verify_chain(worked[1])):
            assert (report.first_bad.case_id, report.first_bad.number) == (worked[1], 4)
            assert said in report.first_bad.reason
        assert queue.verify_chain(worked[0]).first_bad is None

    def test_a_row_without_an_event_is_located(self, queue, engine, worked):
        run(engine, "UPDATE decisions SET case_id = :to WHERE case_id = :id", to=worked[0], id=worked[1])
        assert "told by no event" in queue.verify_chain(worked[0]).first_bad.reason
        assert "has no row" in queue.verify_chain(worked[1]).first_bad.reason

    def test_undo_appeal_and_erasure_leave_rows_and_events_alike(self, queue, analyst, colleague, noon):
        (case,) = queue.receive([NewCase(external_id="a", text="un texte")], source=PLATFORM, now=noon)
        noted = DecisionForm(illegal=False, action="maintien", note="une raison")
        for form in (noted.model_copy(update={"note": "reprise"}), noted):
            queue.claim_case(case.id, analyst, now=noon)
            queue.decide(case.id, analyst, form, now=noon)
            if form is not noted:
                queue.undo(case.id, analyst, now=noon)
                queue.release(case.id, analyst, now=noon)
        queue.appeal(case.id, PLATFORM, now=noon)
        queue.claim_case(case.id, colleague, now=noon)
        queue.decide(case.id, colleague, noted, now=noon)
        assert queue.verify_chain().first_bad is None
        assert queue.erase_expired(noon + timedelta(days=2000)) == 1
        assert queue.verify_chain().first_bad is None

    def test_a_note_taken_away_without_an_erasure_shows(self, queue, engine, analyst):
        (case,) = queue.receive([NewCase(external_id="a", text="un texte")], source=PLATFORM)
        queue.claim_case(case.id, analyst)
        queue.decide(case.id, analyst, DecisionForm(illegal=False, action="maintien", note="une raison"))
        run(engine, "UPDATE decisions SET note = ''")
        assert queue.verify_chain().first_bad.reason.endswith("this event: note")

    def test_the_decision_of_an_equal_text_is_compared_too(self, queue, engine, classifier, analyst, noon):
        words = "un texte assez long pour être reconnu une autre fois"
        queue.receive([NewCase(external_id="a", text=words)], source=PLATFORM, now=noon)
        queue.decide(queue.claim(analyst, now=noon).id, analyst, DecisionForm(illegal=False, action="maintien"), noon)
        later = noon + timedelta(hours=1)
        (copy,) = queue.receive([NewCase(external_id="b", text=words)], source=PLATFORM, now=later)
        queue.score_pending(classifier, now=later)
        assert queue.get(copy.id).decisions[-1].copied_from is not None
        assert queue.verify_chain().first_bad is None
        run(engine, "UPDATE decisions SET copied_from = NULL")
        assert queue.verify_chain().first_bad.case_id == copy.id


class TestSeals:
    def test_sealing_numbers_every_event_once(self, queue, worked):
        assert (queue.seal(), queue.seal()) == (12, 0)
        report = queue.verify_chain()
        assert (report.unsealed, report.first_bad) == (0, None)

    def test_the_tail_that_is_not_sealed_yet_is_told(self, queue, worked):
        queue.seal()
        queue.receive([NewCase(external_id="d", text="x")], source=PLATFORM)
        assert queue.verify_chain().unsealed == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ("DELETE FROM seals WHERE first_position = 1", "missing or changed"),
            ("UPDATE seals SET digest = prev_digest WHERE first_position = 1", "does not match"),
            ("DELETE FROM seals WHERE first_position > 1", "no seal covers"),
        ],
    )
    def test_tampering_with_seals_shows(self, queue, engine, worked, change, said):
        queue.seal()
        queue.receive([NewCase(external_id="d", text="x")], source=PLATFORM)
        queue.seal()
        run(engine, change)
        assert said in queue.verify_chain().first_bad.reason

    @pytest.mark.parametrize(
        "change",
        [
            ["DELETE FROM seals"],
            ["DELETE FROM seals", "UPDATE events SET position = NULL"],
            ["UPDATE seals SET digest = prev_digest"],
        ],
    )
    def test_a_process_seals_nothing_over_a_log_that_lost_its_seals(self, queue, engine, worked, change):
        queue.seal()
        for statement in change:
            run(engine, statement)
        queue.receive([NewCase(external_id="d", text="x")], source=PLATFORM)
        with pytest.raises(Unavailable, match="vigie log verify"):
            queue.seal()
        with pytest.raises(Unavailable, match="vigie log verify"):
            queue.changed_since()

    def test_another_process_refuses_positions_that_no_seal_covers(self, queue, engine, worked, policy, taxonomy):
        queue.seal()
        run(engine, "DELETE FROM seals")
        queue.receive([NewCase(external_id="d", text="x")], source=PLATFORM)
        with pytest.raises(Unavailable, match="vigie log verify"):
            Queue(engine, policy, taxonomy, SECRET).seal()

    def test_processes_seal_in_turn(self, queue, engine, worked, policy, taxonomy):
        other = Queue(engine, policy, taxonomy, SECRET)
        for place, each in enumerate((queue, other, queue, other)):
            queue.receive([NewCase(external_id=f"d{place}", text="x")], source=PLATFORM)
            assert each.seal() > 0
        assert queue.verify_chain().first_bad is None

    def test_a_whole_case_that_vanishes_shows(self, queue, engine, worked):
        queue.seal()
        for table, column in (("bands", "case_id"), ("events", "case_id"), ("decisions", "case_id"), ("cases", "id")):
            run(engine, f"DELETE FROM {table} WHERE {column} = :id", id=worked[1])
        bad = queue.verify_chain().first_bad
        assert (bad.number, bad.reason) == (2, "the sealed event at position 2 is gone")
