"""Golden items: handed out like any other case, answered, reported to the team, and to nobody else."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from serving.bundle import Conflict, Forbidden, InputError, NotFound
from serving.review import Account, DecisionForm, KeyKind, NewCase, Queue, Role, Source, State

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
SUPERVISOR = Account("pseudo-9", "Eva", Role.SUPERVISOR)


@pytest.fixture
def golden(engine, policy, taxonomy, classifier, noon):
    """A queue that hands out a golden item whenever it can, with one item and one real case."""
    claims = policy.claims.model_copy(update={"golden_share": 1.0, "audit_share": 0.0, "ordinary_share": 0.0})
    queue = Queue(engine, policy.model_copy(update={"claims": claims}), taxonomy, SECRET, draw=lambda: 0.5)
    queue.receive([NewCase(external_id="vrai", text="score=0.7")], source=PLATFORM, now=noon)
    queue.add_golden(NewCase(external_id="étalon", text="score=0.8"), ILLEGAL, SUPERVISOR, now=noon)
    queue.score_pending(classifier, now=noon)
    return queue


def test_a_copy_looks_like_any_case(golden, analyst, noon):
    later = noon + timedelta(days=3)
    copy, real = golden.claim(analyst, now=later), golden.claim(analyst, now=later)
    assert (copy.text, real.text) == ("score=0.8", "score=0.7")
    assert copy.row.key_id == real.row.key_id == "clef"
    assert copy.claimed_through == real.claimed_through == "ordinary"
    assert copy.row.levels == {**real.row.levels, "haine": "probable"}
    assert "golden" not in str(copy).lower()


def test_its_events_and_moments_are_those_of_a_real_one(golden, classifier, analyst, noon):
    arrived, judged, later = (noon + timedelta(hours=hours) for hours in (1, 2, 72))
    golden.receive([NewCase(external_id="récent", text="score=0.65")], source=PLATFORM, now=arrived)
    golden.score_pending(classifier, now=judged)
    copy = golden.claim(analyst, now=later)
    real = golden.claim_case(next(row.id for row in golden.top() if row.external_id == "récent"), analyst, now=later)
    assert (copy.text, real.text) == ("score=0.8", "score=0.65")
    assert [(event.kind, event.at, event.actor) for event in copy.events] == [
        (event.kind, event.at, event.actor) for event in real.events
    ]
    assert [event.at for event in copy.events] == [arrived, judged, later]
    for mine, theirs in zip(copy.events[:2], real.events[:2], strict=True):
        assert json.loads(mine.body).keys() == json.loads(theirs.body).keys()
    assert json.loads(copy.events[1].body)["rank"] == copy.row.rank
    assert (copy.row.created_at, copy.row.lane, copy.row.key_kind) == (arrived, real.row.lane, real.row.key_kind)
    assert copy.id[:12] == real.id[:12]
    assert golden.verify_chain().first_bad is None


def test_it_is_like_a_case_of_its_own_lane(golden, classifier, analyst, noon):
    later = noon + timedelta(hours=1)
    golden.receive([NewCase(external_id="b", text="x")], source=Source("autorité", KeyKind.AUTHORITY), now=later)
    golden.score_pending(classifier, now=later)
    copy = golden.claim(analyst, now=later)
    assert (copy.row.key_id, copy.row.created_at) == ("clef", noon)


def test_one_that_the_model_cannot_read_says_so_as_real_ones_do(golden, classifier, analyst, colleague, noon):
    golden.decide(golden.claim(analyst, now=noon).id, analyst, ILLEGAL, now=noon)
    golden.add_golden(NewCase(external_id="autre", text="illisible"), LEGAL, SUPERVISOR, now=noon)
    golden.score_pending(classifier, now=noon)
    copy = golden.claim(analyst, now=noon)
    assert [event.kind for event in copy.events] == ["received", "score_failed", "claimed"]
    assert golden.release(copy.id, analyst, now=noon).state is State.RECEIVED
    assert golden.verify_chain().first_bad is None


def test_each_analyst_gets_an_item_once(golden, analyst, colleague, noon):
    first = golden.claim(analyst, now=noon)
    golden.decide(first.id, analyst, ILLEGAL, now=noon)
    assert golden.claim(analyst, now=noon).row.external_id == "vrai"
    assert golden.claim(analyst, now=noon) is None
    assert golden.claim(colleague, now=noon).text == "score=0.8"


def test_answers_are_told_by_what_was_right(golden, analyst, colleague, noon):
    for person, form in ((analyst, ILLEGAL), (colleague, LEGAL)):
        golden.decide(golden.claim(person, now=noon).id, person, form, now=noon)
    everybody, one = golden.golden_report(), golden.golden_report(analyst.id)
    assert (everybody.answers, everybody.findings, everybody.grounds, everybody.actions) == (2, 1, 1, 1)
    assert (one.answers, one.findings) == (1, 1)
    assert golden.verify_chain().first_bad is None


def test_they_are_no_work_and_nobody_outside_hears_of_them(golden, analyst, noon):
    copy = golden.claim(analyst, now=noon)
    golden.decide(copy.id, analyst, ILLEGAL, now=noon)
    stats = golden.stats(now=noon)
    assert sum(stats.states.values()) == 1
    assert stats.decided_last_day == 0
    assert [row.external_id for row in golden.changed_since(0).rows] == ["vrai"]
    assert [row.external_id for row in golden.search()] == ["vrai"]
    assert [row.external_id for row in golden.top(now=noon)] == ["vrai"]


def test_one_that_is_given_back_waits_for_nobody(golden, analyst, noon):
    copy = golden.claim(analyst, now=noon)
    assert golden.release(copy.id, analyst, now=noon).state is State.SCORED
    assert copy.id not in {row.id for row in golden.top(now=noon)}
    assert golden.erase_expired(now=noon + timedelta(days=31)) == 2
    assert golden.get(copy.id).text is None
    assert golden.claim(analyst, now=noon + timedelta(days=31)).text == "score=0.8"


def test_only_a_supervisor_adds_one_and_it_must_make_sense(golden, senior):
    with pytest.raises(Forbidden):
        golden.add_golden(NewCase(external_id="b", text="x"), LEGAL, senior)
    with pytest.raises(InputError):
        golden.add_golden(NewCase(external_id="b", text="x"), DecisionForm(illegal=True, action="retrait"), SUPERVISOR)


class TestMadeOfACase:
    @pytest.fixture
    def decided(self, queue, classifier, analyst, noon):
        """A decided case whose body has everything; its id."""
        new = NewCase.model_validate(
            {
                "external_id": "source",
                "text": "score=0.7 assez",
                "category": "lettre",
                "reach": 12,
                "author_id": "auteur",
                "notice": {"explanation": "motif", "name": "Nom"},
                "thread": [{"text": "avant", "author_id": "auteur"}],
            }
        )
        (receipt,) = queue.receive([new], source=PLATFORM, now=noon)
        queue.score_pending(classifier, now=noon)
        queue.claim_case(receipt.id, analyst, now=noon)
        queue.decide(receipt.id, analyst, ILLEGAL, now=noon)
        return receipt.id

    @pytest.fixture
    def generous(self, queue):
        """The same queue, which hands out a golden item whenever it can."""
        claims = queue.rules.policy.claims.model_copy(update={"golden_share": 1.0, "audit_share": 0.0})
        policy = queue.rules.policy.model_copy(update={"claims": claims})
        return Queue(queue.engine, policy, queue.rules.taxonomy, SECRET, draw=lambda: 0.5)

    def test_its_decision_is_the_right_one_and_whoever_took_it_is_not_asked(
        self, generous, decided, classifier, analyst, colleague, noon
    ):
        generous.keep_golden(decided, SUPERVISOR, now=noon)
        generous.score_pending(classifier, now=noon)
        assert generous.serves_as_golden(decided)
        assert generous.claim(analyst, now=noon) is None
        copy = generous.claim(colleague, now=noon)
        assert (copy.text, copy.row.category, copy.row.reach) == ("score=0.7 assez", "lettre", 12)
        assert (copy.author, copy.notice, [post.author for post in copy.thread]) == (
            None,
            {"explanation": "motif"},
            [None],
        )
        assert decided not in copy.row.external_id
        generous.decide(copy.id, colleague, ILLEGAL, now=noon)
        assert generous.golden_report().actions == 1

    def test_one_that_is_retired_is_handed_out_no_more_and_forgotten(
        self, generous, decided, classifier, colleague, noon
    ):
        item = generous.keep_golden(decided, SUPERVISOR, now=noon)
        generous.score_pending(classifier, now=noon)
        generous.retire_golden(decided, SUPERVISOR, now=noon)
        assert generous.claim(colleague, now=noon) is None
        assert generous.get(item.id).text is None
        assert not generous.serves_as_golden(decided)
        assert generous.verify_chain().first_bad is None
        with pytest.raises(NotFound):
            generous.retire_golden(decided, SUPERVISOR, now=noon)

    def test_only_of_a_decided_case_once_by_a_supervisor(self, queue, decided, senior, noon):
        (open_case,) = queue.receive([NewCase(external_id="ouvert", text="x")], source=PLATFORM, now=noon)
        with pytest.raises(Conflict, match="decided case"):
            queue.keep_golden(open_case.id, SUPERVISOR, now=noon)
        with pytest.raises(Forbidden):
            queue.keep_golden(decided, senior, now=noon)
        queue.keep_golden(decided, SUPERVISOR, now=noon)
        with pytest.raises(Conflict, match="already"):
            queue.keep_golden(decided, SUPERVISOR, now=noon)
        with pytest.raises(Forbidden):
            queue.retire_golden(decided, senior, now=noon)
