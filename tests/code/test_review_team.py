"""Working together on cases: skipping, opening a named one, passing on by a supervisor, notes, taking back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.bundle import Conflict, Forbidden, InputError, NotFound
from serving.review import Account, Accounts, DecisionForm, KeyKind, NewCase, Queue, Role, SkipReason, Source, State
from serving.review.records import COMPLAINT

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur", note="note privée")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
SUPERVISOR = Account("pseudo-9", "Eva", Role.SUPERVISOR)


def submit(queue, name="a", text="score=0.7", **fields) -> str:
    (receipt,) = queue.receive([NewCase(external_id=name, text=text, **fields)], source=PLATFORM)
    return receipt.id


@pytest.fixture
def held(queue, classifier, analyst, noon):
    """A scored case that ``analyst`` has claimed."""
    queue.receive([NewCase(external_id="a", text="score=0.7")], source=PLATFORM, now=noon)
    queue.score_pending(classifier, now=noon)
    return queue.claim(analyst, now=noon)


class TestSkip:
    @pytest.mark.parametrize("draw", [0.999, 0.0], ids=["by rank", "by the audit draw"])
    def test_a_skipped_case_goes_to_others_only(self, queue, classifier, analyst, colleague, draw):
        submit(queue, text="score=0.02")
        queue.score_pending(classifier)
        chancy = Queue(queue.engine, queue.rules.policy, queue.rules.taxonomy, SECRET, draw=lambda: draw)
        case = chancy.claim(analyst)
        assert chancy.skip(case.id, analyst, SkipReason.FATIGUE).state is State.SCORED
        assert chancy.claim(analyst) is None
        assert chancy.claim(colleague).id == case.id
        assert queue.verify_chain().first_bad is None

    def test_the_reasons_are_a_list(self, queue, held, analyst):
        with pytest.raises(InputError, match="conflict_of_interest"):
            queue.skip(held.id, analyst, "paresse")

    def test_only_what_one_holds_is_skipped(self, queue, held, colleague):
        with pytest.raises(Conflict, match="somebody else"):
            queue.skip(held.id, colleague, "topic")


class TestClaimNamed:
    def test_a_named_case_is_claimed_out_of_turn(self, queue, analyst, colleague):
        submit(queue, "premier", category="danger_vital")
        named = submit(queue, "second")
        case = queue.claim_case(named, analyst)
        assert (case.id, case.claimed_through, case.row.claimed_by) == (named, "named", analyst.id)
        with pytest.raises(Conflict, match="does not wait for you"):
            queue.claim_case(named, colleague)

    def test_the_rules_of_a_claim_hold(self, queue, held, analyst, colleague, senior):
        queue.escalate(held.id, analyst)
        for person in (analyst, colleague):
            with pytest.raises(Conflict):
                queue.claim_case(held.id, person)
        assert queue.claim_case(held.id, senior).state is State.CLAIMED
        with pytest.raises(Forbidden):
            queue.claim_case(held.id, Account("x", "X", Role.ADMIN))

    def test_a_skipped_case_is_not_found_again_by_a_search(self, queue, held, analyst):
        queue.skip(held.id, analyst, "topic")
        with pytest.raises(Conflict):
            queue.claim_case(held.id, analyst)


class TestReassign:
    @pytest.fixture
    def bruno(self, queue, policy):
        account, _ = Accounts(queue.engine, SECRET, policy.sign_in).create_user("Bruno", Role.ANALYST)
        return account

    def test_a_supervisor_hands_a_held_case_to_somebody(self, queue, held, analyst, bruno):
        row = queue.reassign(held.id, SUPERVISOR, bruno.id)
        assert (row.state, row.claimed_by) == (State.CLAIMED, bruno.id)
        with pytest.raises(Conflict):
            queue.decide(held.id, analyst, LEGAL)
        assert queue.release(held.id, bruno).state is State.SCORED
        assert queue.verify_chain().first_bad is None

    def test_nobody_else_does(self, queue, held, senior, bruno):
        with pytest.raises(Forbidden, match="supervisor"):
            queue.reassign(held.id, senior, bruno.id)

    def test_not_to_nobody_and_not_against_the_rules(self, queue, held, analyst, bruno, policy):
        admin, _ = Accounts(queue.engine, SECRET, policy.sign_in).create_user("Dina", Role.ADMIN)
        for nobody in ("personne", admin.id):
            with pytest.raises(NotFound):
                queue.reassign(held.id, SUPERVISOR, nobody)
        queue.escalate(held.id, analyst)
        with pytest.raises(Conflict, match="senior"):
            queue.reassign(held.id, SUPERVISOR, bruno.id)


class TestNotes:
    def test_a_note_is_kept_beside_the_case_and_only_hashed_in_the_chain(self, queue, held, analyst, colleague, noon):
        queue.add_note(held.id, analyst, "voir aussi le fil", now=noon)
        queue.add_note(held.id, colleague, "vu", now=noon)
        assert [(note.analyst, note.text) for note in queue.notes(held.id)] == [
            (analyst.id, "voir aussi le fil"),
            (colleague.id, "vu"),
        ]
        assert not any("fil" in event.body for event in queue.get(held.id).events)
        assert queue.get(held.id).state is State.CLAIMED

    @pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "x" * 20_001])
    def test_what_cannot_be_kept_is_refused(self, queue, held, analyst, text):
        with pytest.raises(InputError) as caught:
            queue.add_note(held.id, analyst, text)
        assert caught.value.pointer == "/text"

    def test_a_note_goes_with_the_text(self, queue, held, analyst, noon):
        queue.add_note(held.id, analyst, "à revoir", now=noon)
        queue.decide(held.id, analyst, LEGAL, now=noon)
        queue.erase_expired(now=noon + timedelta(days=200))
        assert queue.notes(held.id) == []
        with pytest.raises(Conflict, match="erased"):
            queue.add_note(held.id, analyst, "trop tard")
        assert queue.verify_chain().first_bad is None

    def test_words_that_come_with_a_move_are_for_the_next_reader_and_go_with_the_text(
        self, queue, held, analyst, senior, colleague, noon
    ):
        queue.release(held.id, analyst, "reprise par équipe", now=noon)
        queue.claim(analyst, now=noon)
        queue.escalate(held.id, analyst, "doute sur le fil", now=noon)
        queue.claim(senior, now=noon)
        queue.decide(held.id, senior, LEGAL, now=noon)
        queue.appeal(held.id, PLATFORM, "nous contestons", now=noon)
        queue.claim(colleague, now=noon)
        assert [(note.analyst, note.text) for note in queue.notes(held.id)] == [
            (analyst.id, "reprise par équipe"),
            (analyst.id, "doute sur le fil"),
            (COMPLAINT, "nous contestons"),
        ]
        assert not any("doute" in event.body for event in queue.get(held.id).events)
        queue.decide(held.id, colleague, LEGAL, now=noon)
        queue.erase_expired(now=noon + timedelta(days=200))
        assert queue.notes(held.id) == []

    def test_a_person_signs_their_appeal_and_blank_words_are_no_note(self, queue, held, analyst, colleague):
        queue.release(held.id, analyst, " \n")
        queue.claim(analyst)
        queue.decide(held.id, analyst, LEGAL)
        queue.appeal(held.id, colleague, "à revoir")
        assert [(note.analyst, note.text) for note in queue.notes(held.id)] == [(colleague.id, "à revoir")]

    def test_what_the_first_reader_wrote_when_giving_it_back_stays_hidden_from_a_blind_second(
        self, drawing, held, analyst, colleague
    ):
        drawing.release(held.id, analyst, "je penche pour la légalité")
        drawing.claim(analyst)
        drawing.decide(held.id, analyst, LEGAL)
        drawing.claim(colleague)
        assert drawing.notes(held.id) == []


class TestUndo:
    def test_a_decision_is_taken_back_within_the_minute(self, queue, held, analyst, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        row = queue.undo(held.id, analyst, now=noon + timedelta(seconds=60))
        case = queue.get(held.id)
        assert (row.state, row.claimed_by, case.decisions) == (State.CLAIMED, analyst.id, ())
        assert [event.kind for event in case.events][-2:] == ["decided", "undone"]
        assert queue.release(held.id, analyst).state is State.SCORED
        assert queue.claim(analyst).id == held.id
        assert queue.verify_chain().first_bad is None

    def test_too_late_is_too_late(self, queue, held, analyst, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        with pytest.raises(Conflict, match="60 seconds"):
            queue.undo(held.id, analyst, now=noon + timedelta(seconds=61))

    def test_only_ones_own_and_only_untouched(self, queue, held, analyst, colleague, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        with pytest.raises(Conflict, match="not yours"):
            queue.undo(held.id, colleague, now=noon)
        queue.appeal(held.id, PLATFORM, now=noon)
        with pytest.raises(Conflict, match="appealed"):
            queue.undo(held.id, analyst, now=noon)
        queue.claim(colleague, now=noon)
        with pytest.raises(Conflict, match="somebody else"):
            queue.undo(held.id, analyst, now=noon)

    def test_who_was_excluded_is_excluded_again(self, queue, held, analyst, senior, noon):
        queue.escalate(held.id, analyst, now=noon)
        queue.claim(senior, now=noon)
        queue.decide(held.id, senior, LEGAL, now=noon)
        queue.undo(held.id, senior, now=noon)
        queue.release(held.id, senior, now=noon)
        assert queue.claim(analyst, now=noon) is None
        assert queue.claim(senior, now=noon).id == held.id

    def test_followers_are_told_of_the_retraction(self, queue, held, analyst, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        told = queue.changed_since(0)
        queue.undo(held.id, analyst, now=noon)
        assert [row.state for row in queue.changed_since(told.cursor).rows] == [State.CLAIMED]
