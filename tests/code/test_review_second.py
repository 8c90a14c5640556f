"""Blind double review: who reads what, what follows from agreeing or not, and how well analysts agree."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.review import Account, DecisionForm, KeyKind, NewCase, Role, Source, State
from serving.review.second import alpha

PLATFORM = Source("clef", KeyKind.PLATFORM)
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
OTHER = DecisionForm(illegal=True, ground="loi1881.diffamation", action="notification_hebergeur")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")


def decided(queue, classifier, analyst, noon, form=ILLEGAL, name="a", **fields):
    """A case that ``analyst`` has decided."""
    queue.receive([NewCase(external_id=name, text="score=0.7", **fields)], source=PLATFORM, now=noon)
    queue.score_pending(classifier, now=noon)
    case = queue.claim(analyst, now=noon)
    return queue.decide(case.id, analyst, form, now=noon)


class TestReading:
    def test_a_second_analyst_reads_without_the_first_decision(self, drawing, classifier, analyst, colleague, noon):
        row = decided(drawing, classifier, analyst, noon)
        drawing.add_note(row.id, analyst, "je penche pour l'injure", now=noon)
        assert row.state is State.SECOND_REVIEW
        assert drawing.claim(analyst, now=noon) is None
        case = drawing.claim(colleague, now=noon)
        assert (case.id, case.decisions) == (row.id, ())
        assert "injure" not in " ".join(event.body for event in case.events)
        assert drawing.notes(row.id) == []
        drawing.decide(row.id, colleague, ILLEGAL, now=noon)
        after = drawing.get(row.id)
        assert (after.state, len(after.decisions), len(drawing.notes(row.id))) == (State.DECIDED, 2, 1)
        assert drawing.verify_chain().first_bad is None

    def test_the_probability_of_the_draw_is_kept(self, drawing, classifier, analyst, noon):
        row = decided(drawing, classifier, analyst, noon)
        with drawing.engine.connect() as connection:
            stored = connection.exec_driver_sql("SELECT review_probability FROM cases").scalar()
        assert (row.state, stored) == (State.SECOND_REVIEW, 1.0)

    @pytest.mark.parametrize("second", [LEGAL, OTHER], ids=["finding", "ground"])
    def test_two_who_disagree_leave_it_to_a_third_who_is_senior(
        self, drawing, classifier, analyst, colleague, senior, noon, second
    ):
        row = decided(drawing, classifier, analyst, noon)
        drawing.claim(colleague, now=noon)
        assert drawing.decide(row.id, colleague, second, now=noon).state is State.SECOND_REVIEW
        for person in (analyst, colleague, Account("x", "X", Role.ANALYST)):
            assert drawing.claim(person, now=noon) is None
        case = drawing.claim(senior, now=noon)
        assert len(case.decisions) == 2
        assert drawing.decide(row.id, senior, LEGAL, now=noon).state is State.DECIDED

    def test_a_senior_who_was_first_is_not_the_third(self, drawing, classifier, colleague, senior, noon):
        row = decided(drawing, classifier, senior, noon)
        drawing.claim(colleague, now=noon)
        drawing.decide(row.id, colleague, LEGAL, now=noon)
        assert drawing.claim(senior, now=noon) is None

    @pytest.mark.parametrize(
        "fields", [{"category": "danger_vital"}, {"order": {"authority": "OCLCTIC", "reference": "TCO-1"}}]
    )
    def test_nothing_urgent_waits_for_a_second_reader(self, drawing, classifier, analyst, noon, fields):
        assert decided(drawing, classifier, analyst, noon, **fields).state is State.DECIDED

    def test_a_drawn_decision_can_be_taken_back(self, drawing, classifier, analyst, colleague, noon):
        row = decided(drawing, classifier, analyst, noon)
        assert drawing.undo(row.id, analyst, now=noon).state is State.CLAIMED
        drawing.release(row.id, analyst, now=noon)
        assert drawing.claim(colleague, now=noon).id == row.id
        assert drawing.decide(row.id, colleague, LEGAL, now=noon).state is State.SECOND_REVIEW

    def test_a_second_reader_may_pass_it_on(self, drawing, classifier, analyst, colleague, senior, noon):
        row = decided(drawing, classifier, analyst, noon)
        drawing.claim(colleague, now=noon)
        drawing.escalate(row.id, colleague, now=noon)
        assert drawing.claim(analyst, now=noon) is None
        assert len(drawing.claim(senior, now=noon).decisions) == 1
        assert drawing.decide(row.id, senior, LEGAL, now=noon).state is State.DECIDED

    def test_chance_chooses_by_level(self, policy):
        assert policy.second_review.share_of("possible") > policy.second_review.share_of("tres_probable")


class TestAgreement:
    def test_the_published_example(self):
        # Krippendorff (2011), section B: ten units, two observers, coincidences 10, 4 and 2; alpha 0.095.
        meg, jim = "0100000000", "1110010010"
        assert alpha(list(zip(meg, jim, strict=True))) == pytest.approx(0.095, abs=5e-4)

    @pytest.mark.parametrize(("pairs", "expected"), [([], None), ([("a", "a")], None), ([("a", "a"), ("b", "b")], 1.0)])
    def test_the_ends(self, pairs, expected):
        assert alpha(pairs) == expected

    def test_it_is_measured_on_what_was_read_twice(self, drawing, classifier, analyst, colleague, noon):
        for number, (first, second) in enumerate([(ILLEGAL, ILLEGAL), (LEGAL, LEGAL), (ILLEGAL, LEGAL)]):
            row = decided(drawing, classifier, analyst, noon, first, f"{number}")
            drawing.claim(colleague, now=noon)
            drawing.decide(row.id, colleague, second, now=noon)
        decided(drawing, classifier, analyst, noon, LEGAL, "une seule lecture")
        found = drawing.agreement(noon - timedelta(days=1))
        assert (found.pairs, found.alpha) == (3, pytest.approx(alpha([("i", "i"), ("l", "l"), ("i", "l")])))
        assert found.low <= found.alpha <= found.high
        assert drawing.agreement(noon + timedelta(days=1)).pairs == 0
