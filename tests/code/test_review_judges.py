"""Who has decided a case is not handed it again: not its appeal, not their own dispute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.bundle import Conflict
from serving.review import (
    Account,
    Accounts,
    DecisionForm,
    KeyKind,
    NewCase,
    Queue,
    Role,
    SkipReason,
    Source,
    State,
)

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
SUPERVISOR = Account("pseudo-9", "Eva", Role.SUPERVISOR)
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
LONG = "score=0.7 des mots assez nombreux pour que ce texte soit connu"


@pytest.fixture
def bruno(engine, policy):
    account, _ = Accounts(engine, SECRET, policy.sign_in).create_user("Bruno", Role.ANALYST)
    return account


def decide(queue, case_id, person, form, now):
    queue.claim_case(case_id, person, now=now)
    return queue.decide(case_id, person, form, now=now)


def received(queue, classifier, now, name="a", text=LONG):
    (receipt,) = queue.receive([NewCase(external_id=name, text=text)], source=PLATFORM, now=now)
    queue.score_pending(classifier, now=now)
    return receipt.id


class TestAppeal:
    def test_it_goes_to_neither_of_two_readers_who_agreed(self, drawing, classifier, analyst, colleague, senior, noon):
        case_id = received(drawing, classifier, noon)
        decide(drawing, case_id, analyst, ILLEGAL, noon)
        assert decide(drawing, case_id, colleague, ILLEGAL, noon).state is State.DECIDED
        drawing.appeal(case_id, PLATFORM, now=noon)
        for person in (analyst, colleague):
            assert drawing.claim(person, now=noon) is None
            with pytest.raises(Conflict, match="had a part"):
                drawing.claim_case(case_id, person, now=noon)
        assert drawing.claim(senior, now=noon).id == case_id

    def test_of_a_copy_it_goes_to_nobody_whose_decision_was_copied(
        self, queue, classifier, bruno, analyst, colleague, noon
    ):
        source = received(queue, classifier, noon)
        decide(queue, source, bruno, ILLEGAL, noon)
        later = noon + timedelta(minutes=5)
        copy = received(queue, classifier, later, "b")
        assert queue.get(copy).decisions[0].copied_from == source
        queue.appeal(copy, PLATFORM, now=later)
        assert queue.claim(bruno, now=later) is None
        with pytest.raises(Conflict, match="had a part"):
            queue.claim_case(copy, bruno, now=later)
        with pytest.raises(Conflict, match="already judged"):
            queue.reassign(copy, SUPERVISOR, bruno.id, now=later)
        assert queue.claim(colleague, now=later).id == copy

    def test_an_appeal_decided_and_taken_back_is_still_closed_to_who_decided_first(
        self, queue, classifier, analyst, colleague, noon
    ):
        case_id = received(queue, classifier, noon)
        decide(queue, case_id, analyst, ILLEGAL, noon)
        queue.appeal(case_id, PLATFORM, now=noon)
        decide(queue, case_id, colleague, LEGAL, noon)
        queue.undo(case_id, colleague, now=noon)
        queue.release(case_id, colleague, now=noon)
        assert queue.claim(analyst, now=noon) is None
        assert queue.claim(colleague, now=noon).id == case_id


class TestDispute:
    def test_a_third_who_takes_it_back_does_not_hand_it_to_a_party(self, drawing, classifier, colleague, senior, noon):
        case_id = received(drawing, classifier, noon)
        decide(drawing, case_id, senior, ILLEGAL, noon)
        decide(drawing, case_id, colleague, LEGAL, noon)
        third = Account("pseudo-8", "Dora", Role.SENIOR)
        decide(drawing, case_id, third, LEGAL, noon)
        drawing.undo(case_id, third, now=noon)
        drawing.release(case_id, third, now=noon)
        assert drawing.claim(senior, now=noon) is None
        assert drawing.claim(third, now=noon).id == case_id

    def test_a_second_who_takes_it_back_excludes_the_first_no_more(self, drawing, classifier, analyst, colleague, noon):
        case_id = received(drawing, classifier, noon)
        decide(drawing, case_id, analyst, ILLEGAL, noon)
        decide(drawing, case_id, colleague, LEGAL, noon)
        drawing.undo(case_id, colleague, now=noon)
        drawing.release(case_id, colleague, now=noon)
        drawing.undo(case_id, analyst, now=noon)
        drawing.release(case_id, analyst, now=noon)
        assert drawing.claim(analyst, now=noon).id == case_id

    def test_one_who_had_skipped_and_was_handed_it_may_be_a_party(self, drawing, classifier, bruno, colleague, noon):
        case_id = received(drawing, classifier, noon)
        drawing.claim(bruno, now=noon)
        drawing.skip(case_id, bruno, SkipReason.FATIGUE, now=noon)
        drawing.reassign(case_id, SUPERVISOR, bruno.id, now=noon)
        drawing.decide(case_id, bruno, ILLEGAL, now=noon)
        assert decide(drawing, case_id, colleague, LEGAL, noon).state is State.SECOND_REVIEW
        with pytest.raises(Conflict, match="already judged"):
            drawing.reassign(case_id, SUPERVISOR, bruno.id, now=noon)


def test_a_golden_item_made_of_a_copy_is_not_for_whoever_judged_the_source(queue, classifier, analyst, noon):
    source = received(queue, classifier, noon)
    decide(queue, source, analyst, ILLEGAL, noon)
    later = noon + timedelta(minutes=5)
    queue.keep_golden(received(queue, classifier, later, "b"), SUPERVISOR, now=later)
    claims = queue.rules.policy.claims.model_copy(update={"golden_share": 1.0})
    policy = queue.rules.policy.model_copy(update={"claims": claims})
    assert Queue(queue.engine, policy, queue.rules.taxonomy, SECRET, draw=lambda: 0.5).claim(analyst, now=later) is None
