"""Decisions, second reviews, appeals, retention: one wins, the other is told, and the right person reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from serving.bundle import Conflict, InputError, NotFound, VigieError
from serving.review import Account, DecisionForm, EventKind, KeyKind, NewCase, Role, Source, State
from serving.review.transitions import STARTS

PLATFORM = Source("clef", KeyKind.PLATFORM)
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur", note="note privée")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")


@pytest.fixture
def held(queue, classifier, analyst, noon):
    """A scored case that ``analyst`` has claimed."""
    queue.receive([NewCase(external_id="a", text="score=0.7", target_id="cible")], source=PLATFORM, now=noon)
    queue.score_pending(classifier, now=noon)
    return queue.claim(analyst, now=noon)


class TestDecide:
    def test_a_decision_is_kept_with_what_the_machine_had_said(self, queue, held, analyst, noon):
        row = queue.decide(held.id, analyst, ILLEGAL, now=noon)
        case = queue.get(held.id)
        (decision,) = case.decisions
        assert (row.state, case.state, row.claimed_by) == (State.DECIDED, State.DECIDED, None)
        assert (decision.illegal, decision.ground, decision.action) == (True, ILLEGAL.ground, ILLEGAL.action)
        assert (decision.analyst, decision.at, decision.note) == (analyst.id, noon, "note privée")
        assert (decision.stage, decision.bundle) == (State.SCORED, case.row.bundle)
        assert queue.top() == []

    def test_a_note_is_in_no_event(self, queue, held, analyst):
        queue.decide(held.id, analyst, ILLEGAL)
        bodies = [event.body for event in queue.get(held.id).events]
        assert not any("privée" in body for body in bodies)
        assert '"action":"notification_hebergeur"' in bodies[-1]

    @pytest.mark.parametrize(
        ("form", "pointer", "said"),
        [
            ({"illegal": True, "ground": "loi1881.injures", "action": "retrait"}, "/ground", "mean 'loi1881.injure'"),
            ({"illegal": True, "action": "retrait"}, "/ground", "required"),
            ({"illegal": True, "ground": "loi1881.injure", "action": "retraits"}, "/action", "mean 'retrait'"),
            ({"illegal": True, "ground": "loi1881.injure", "action": "maintien"}, "/action", "does not follow"),
            ({"illegal": False, "action": "notification_hebergeur"}, "/action", "does not follow"),
        ],
    )
    def test_a_decision_that_makes_no_sense_is_refused(self, queue, held, analyst, form, pointer, said):
        with pytest.raises(InputError, match=said) as caught:
            queue.decide(held.id, analyst, DecisionForm(**form))
        assert caught.value.pointer == pointer
        assert queue.get(held.id).state is State.CLAIMED

    def test_only_the_analyst_who_holds_it_decides(self, queue, held, colleague):
        with pytest.raises(Conflict, match="somebody else"):
            queue.decide(held.id, colleague, LEGAL)

    def test_an_unclaimed_case_is_not_decided(self, queue, held, analyst):
        queue.release(held.id, analyst)
        with pytest.raises(Conflict, match="scored, not claimed by you"):
            queue.decide(held.id, analyst, LEGAL)

    def test_an_unknown_case_is_not_found(self, queue, analyst):
        with pytest.raises(NotFound, match="'nulle-part'"):
            queue.decide("nulle-part", analyst, LEGAL)
        with pytest.raises(NotFound, match="'nulle-part'"):
            queue.get("nulle-part")

    def test_of_two_decisions_one_wins_and_the_other_is_told(self, queue, held, analyst):
        def decide(form):
            try:
                return queue.decide(held.id, analyst, form)
            except Conflict as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(decide, [ILLEGAL, LEGAL]))
        assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True]
        assert len(queue.get(held.id).decisions) == 1

    def test_a_late_decision_counts_until_somebody_else_claims(self, queue, held, analyst, colleague, noon):
        queue.claim(colleague, now=noon + timedelta(hours=1))
        with pytest.raises(Conflict):
            queue.decide(held.id, analyst, LEGAL, now=noon + timedelta(hours=1))
        assert queue.decide(held.id, colleague, LEGAL, now=noon + timedelta(hours=3)).state is State.DECIDED


class TestEscalate:
    def test_a_senior_other_than_the_analyst_gets_it(self, queue, held, analyst, colleague, senior):
        assert queue.escalate(held.id, analyst, "doute").state is State.SECOND_REVIEW
        assert queue.claim(analyst) is None
        assert queue.claim(colleague) is None
        assert queue.claim(senior).id == held.id
        assert queue.decide(held.id, senior, LEGAL).state is State.DECIDED
        assert queue.get(held.id).decisions[0].stage is State.SECOND_REVIEW

    def test_a_senior_does_not_second_guess_themselves(self, queue, classifier, senior):
        queue.receive([NewCase(external_id="a", text="x")], source=PLATFORM)
        case = queue.claim(senior)
        queue.escalate(case.id, senior)
        assert queue.claim(senior) is None
        assert queue.claim(Account("autre", "Dora", Role.SUPERVISOR)).id == case.id

    def test_a_danger_to_life_goes_before_everything(self, queue, held, analyst, senior):
        queue.receive([NewCase(external_id="b", text="illisible")], source=Source("k", KeyKind.AUTHORITY))
        row = queue.escalate(held.id, analyst, vital=True)
        assert row.vital
        assert row.reasons[0] == "Danger pour la vie\u00a0: signalé par un analyste"
        assert queue.top()[0].id == held.id
        queue.change_reach(held.id, 50, PLATFORM)
        assert queue.get(held.id).row.vital


class TestAppeal:
    def test_another_analyst_reads_the_appeal_and_closes_the_case(self, queue, held, analyst, colleague):
        queue.decide(held.id, analyst, ILLEGAL)
        assert queue.appeal(held.id, PLATFORM, "contestation").state is State.APPEALED
        assert queue.claim(analyst) is None
        assert queue.claim(colleague).id == held.id
        assert queue.decide(held.id, colleague, LEGAL).state is State.CLOSED
        assert [decision.illegal for decision in queue.get(held.id).decisions] == [True, False]
        with pytest.raises(Conflict, match="closed"):
            queue.appeal(held.id, PLATFORM)

    def test_what_is_not_decided_cannot_be_appealed(self, queue, held, analyst):
        with pytest.raises(Conflict, match="claimed"):
            queue.appeal(held.id, analyst)

    def test_an_appeal_is_not_passed_on(self, queue, held, analyst, colleague):
        queue.decide(held.id, analyst, LEGAL)
        queue.appeal(held.id, analyst)
        queue.claim(colleague)
        with pytest.raises(Conflict, match="not passed on"):
            queue.escalate(held.id, colleague)
        assert queue.release(held.id, colleague).state is State.APPEALED


class TestRead:
    def test_cases_that_aim_at_the_same_person_are_found(self, queue, held, noon):
        others = [NewCase(external_id=name, text="x", target_id=who) for name, who in [("b", "cible"), ("c", "autre")]]
        queue.receive([*others, NewCase(external_id="d", text="x")], source=PLATFORM, now=noon)
        assert [row.external_id for row in queue.same_target(held.id)] == ["b"]
        untargeted = next(row.id for row in queue.top() if row.external_id == "d")
        assert queue.same_target(untargeted) == []

    def test_the_figures_add_up(self, queue, held, analyst, noon):
        queue.receive(
            [
                NewCase(external_id="b", text="x", category="danger_vital"),
                NewCase(external_id="c", text="x", order={"authority": "a", "reference": "TCO-1"}),
            ],
            source=Source("k", KeyKind.AUTHORITY),
            now=noon,
        )
        queue.decide(held.id, analyst, LEGAL, now=noon)
        stats = queue.stats(now=noon + timedelta(hours=2))
        assert {state: count for state, count in stats.states.items() if count} == {"decided": 1, "received": 2}
        assert stats.waiting == {"authority": 2}
        assert (stats.vital, stats.due_within_margin, stats.overdue, stats.unscored) == (1, 1, 1, 2)
        assert (stats.oldest_waiting_at, stats.decided_last_day) == (noon, 1)

    def test_changes_are_followed_by_a_cursor(self, queue, held, analyst):
        first = queue.changed_since(0, limit=1)
        assert [row.id for row in first.rows] == [held.id]
        rest = queue.changed_since(first.cursor)
        assert rest.cursor > first.cursor
        assert queue.changed_since(rest.cursor).rows == ()
        queue.decide(held.id, analyst, LEGAL)
        last = queue.changed_since(rest.cursor)
        assert [row.state for row in last.rows] == [State.DECIDED]
        assert queue.changed_since(last.cursor) == type(last)(last.cursor, ())

    def test_a_key_follows_only_its_own_cases(self, queue, held):
        queue.receive([NewCase(external_id="b", text="x")], source=Source("autre", KeyKind.PLATFORM))
        assert [row.external_id for row in queue.changed_since(0, key_id="autre").rows] == ["b"]
        assert queue.changed_since(0, key_id="personne").rows == ()

    def test_a_cursor_misses_nothing_while_others_write(self, queue):
        def write(number: int) -> None:
            for turn in range(5):
                queue.receive([NewCase(external_id=f"{number}-{turn}", text="x")], source=PLATFORM)

        seen: list[str] = []
        cursor = 0
        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, number) for number in range(4)]
            while not all(writer.done() for writer in writers):
                changes = queue.changed_since(cursor)
                cursor, _ = changes.cursor, seen.extend(row.external_id for row in changes.rows)
            for writer in writers:
                writer.result()
        seen.extend(row.external_id for row in queue.changed_since(cursor).rows)
        assert sorted(seen) == sorted(f"{number}-{turn}" for number in range(4) for turn in range(5))


class TestRetention:
    def test_what_nobody_read_is_erased_after_its_time(self, queue, noon):
        (receipt,) = queue.receive([NewCase(external_id="a", text="x")], source=PLATFORM, now=noon)
        assert queue.erase_expired(now=noon + timedelta(days=29)) == 0
        assert queue.erase_expired(now=noon + timedelta(days=31)) == 1
        case = queue.get(receipt.id)
        assert (case.text, case.state) == (None, State.CLOSED)

    def test_a_decided_case_keeps_its_figures_and_its_chain(self, queue, held, analyst, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        assert queue.erase_expired(now=noon + timedelta(days=183)) == 0
        assert queue.erase_expired(now=noon + timedelta(days=185)) == 1
        assert queue.erase_expired(now=noon + timedelta(days=400)) == 0
        case = queue.get(held.id)
        assert (case.text, case.thread, case.notice, case.decisions[0].note) == (None, (), None, "")
        assert (case.decisions[0].illegal, case.verdict.scores["haine"]) == (True, 0.7)
        assert queue.verify_chain().first_bad is None

    def test_an_open_appeal_keeps_its_text(self, queue, held, analyst, noon):
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        queue.appeal(held.id, PLATFORM, now=noon)
        assert queue.erase_expired(now=noon + timedelta(days=400)) == 0


MOVES = {
    EventKind.CLAIMED: lambda queue, case_id, analyst: queue.claim(analyst) or pytest.fail("nothing to claim"),
    EventKind.RELEASED: lambda queue, case_id, analyst: queue.release(case_id, analyst),
    EventKind.DECIDED: lambda queue, case_id, analyst: queue.decide(case_id, analyst, LEGAL),
    EventKind.ESCALATED: lambda queue, case_id, analyst: queue.escalate(case_id, analyst),
    EventKind.APPEALED: lambda queue, case_id, analyst: queue.appeal(case_id, analyst),
    EventKind.REACH_CHANGED: lambda queue, case_id, analyst: queue.change_reach(case_id, 5, PLATFORM),
}


class TestTable:
    """From every state that can be reached in a few steps, each move is allowed exactly where the table says so."""

    @pytest.mark.parametrize("path", [(), ("claim",), ("claim", "decide"), ("claim", "decide", "appeal")])
    @pytest.mark.parametrize("move", [kind for kind in MOVES if kind is not EventKind.CLAIMED])
    def test_moves(self, queue, analyst, noon, path, move):
        (receipt,) = queue.receive([NewCase(external_id="a", text="x")], source=PLATFORM, now=noon)
        walk = {
            "claim": lambda: queue.claim(analyst),
            "decide": lambda: queue.decide(receipt.id, analyst, LEGAL),
            "appeal": lambda: queue.appeal(receipt.id, PLATFORM),
        }
        for step in path:
            walk[step]()
        state = queue.get(receipt.id).state
        before = len(queue.get(receipt.id).events)
        try:
            MOVES[move](queue, receipt.id, analyst)
            moved = True
        except VigieError:
            moved = False
        assert moved is (state in STARTS[move])
        assert len(queue.get(receipt.id).events) == before + moved
