"""What was cut off the end of the log and made good inside shows against an anchor kept outside, and only there."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from serving.bundle import InputError
from serving.review import Anchor, DecisionForm, KeyKind, NewCase, Queue, Source, parse_anchor
from serving.review.database import writing

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
CUT = [
    "DELETE FROM decisions",
    "DELETE FROM events WHERE kind = 'decided'",
    "UPDATE cases SET state = 'scored', waiting = 1, not_by = NULL, event_count = event_count - 1, head = "
    "(SELECT hash FROM events WHERE events.case_id = cases.id AND number = cases.event_count - 1)",
    "DELETE FROM seals",
    "UPDATE events SET position = NULL",
]


def run(engine, *statements: str) -> None:
    with writing(engine) as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def anchor(queue, analyst):
    """Of a log with a decided case, sealed, and two policy changes."""
    queue.receive([NewCase(external_id="a", text="un texte")], source=PLATFORM)
    queue.decide(queue.claim(analyst).id, analyst, DecisionForm(illegal=False, action="maintien"))
    queue.rerank("cli")
    queue.rerank("cli")
    queue.seal()
    return queue.verify_chain().anchor


def test_the_log_that_went_on_holds_what_the_anchor_knows(queue, anchor):
    assert (anchor.position, anchor.change) == (3, 2)
    queue.receive([NewCase(external_id="b", text="un autre")], source=PLATFORM)
    queue.rerank("cli")
    queue.seal()
    report = queue.verify_chain(expected=parse_anchor(str(anchor)))
    assert report.first_bad is None
    assert (report.anchor.position, report.anchor.change) == (4, 3)


def test_an_empty_log_has_an_anchor_that_every_log_holds(queue):
    empty = queue.verify_chain().anchor
    assert (empty.position, empty.change) == (0, 0)
    queue.receive([NewCase(external_id="a", text="un texte")], source=PLATFORM)
    queue.seal()
    assert queue.verify_chain(expected=empty).first_bad is None


def test_an_end_cut_off_and_sealed_anew_shows_against_the_anchor_alone(engine, anchor, policy, taxonomy):
    run(engine, *CUT)
    fresh = Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.999)
    fresh.seal()
    assert fresh.verify_chain().first_bad is None
    bad = fresh.verify_chain(expected=anchor).first_bad
    assert (bad.case_id, bad.number) == ("", 3)
    assert bad.reason == "the anchor knows 3 sealed events and the log has 2: its end was cut off"


def test_events_that_took_the_place_of_others_show(engine, anchor, policy, taxonomy):
    run(engine, *CUT)
    fresh = Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.999)
    fresh.receive([NewCase(external_id="b", text="un autre")], source=PLATFORM)
    fresh.seal()
    assert "sealed events up to here are not those" in fresh.verify_chain(expected=anchor).first_bad.reason


def test_the_last_policy_change_cut_off_shows(queue, engine, anchor):
    run(engine, "DELETE FROM policy_changes WHERE number = 2")
    assert queue.verify_chain().first_bad is None
    bad = queue.verify_chain(expected=anchor).first_bad
    assert (bad.case_id, bad.number) == ("policy", 2)
    assert "knows 2 policy changes and the log has 1" in bad.reason
    queue.rerank("cli")
    assert "policy changes up to here are not those" in queue.verify_chain(expected=anchor).first_bad.reason


@pytest.mark.parametrize("written", ["", "3", "3.abc.2.def", "-1." + "0" * 64 + ".0." + "0" * 64, "x" * 500])
def test_what_is_no_anchor_is_refused(written):
    with pytest.raises(InputError, match="cannot be read") as refused:
        parse_anchor(written)
    assert len(refused.value.detail) < 300


def test_an_anchor_is_written_and_read_back():
    anchor = Anchor(12, "a" * 64, 3, "b" * 64)
    assert parse_anchor(f" {anchor}\n") == anchor
