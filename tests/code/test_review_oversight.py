"""What a supervisor sees: load, clocks, holders, limits reached; never a wish, a text or a golden item."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.review import Account, Accounts, DecisionForm, KeyKind, NewCase, Queue, Role, Source
from serving.review.oversight import Load, overview

PLATFORM, AUTHORITY = Source("clef", KeyKind.PLATFORM), Source("autorité", KeyKind.AUTHORITY)
SECRET = b"a secret for tests, 32 bytes long"
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
SUPERVISOR = Account("pseudo-9", "Eva", Role.SUPERVISOR)


@pytest.fixture
def submit(queue, classifier, noon):
    """Receives and scores a case; returns its id."""

    def receive(name, text="score=0.7", *, source=PLATFORM, now=noon, **fields):
        new = NewCase.model_validate({"external_id": name, "text": text, **fields})
        (receipt,) = queue.receive([new], source=source, now=now)
        queue.score_pending(classifier, now=now)
        return receipt.id

    return receive


def order(noon, hours):
    """An order whose clock ends ``hours`` after ``noon``."""
    due = (noon + timedelta(hours=hours)).isoformat()
    return {"authority": "A", "reference": "DSA-1", "kind": "dsa", "due_at": due}


def test_load_by_lane_and_family(queue, submit, noon):
    submit("vieux", now=noon - timedelta(hours=30))
    submit("doux", "rien")
    submit("ordre", source=AUTHORITY)
    seen = overview(queue, noon)
    by_name = {load.name: load for load in seen.lanes}
    assert by_name["ordinary"] == Load("ordinary", 2, 1, 0, noon - timedelta(hours=30))
    assert (by_name["authority"].waiting, by_name["trusted_flagger"]) == (1, Load("trusted_flagger"))
    assert {load.name: load.waiting for load in seen.families} == {"haine": 2, "terrorisme": 0, "harcelement": 0, "": 1}


def test_deadlines_near_and_past_and_who_has_them(queue, submit, analyst, noon):
    late = submit("passé", source=AUTHORITY, order=order(noon, -1), now=noon - timedelta(hours=2))
    near = submit("proche", source=AUTHORITY, order=order(noon, 1))
    submit("loin", source=AUTHORITY, order=order(noon, 100))
    queue.claim_case(near, analyst, now=noon)
    seen = overview(queue, noon)
    assert [(row.id, row.claimed_by) for row in seen.due] == [(late, None), (near, analyst.id)]
    assert [row.id for row in seen.held] == [near]


def test_a_deadline_is_missed_by_a_first_decision_taken_after_it(queue, submit, analyst, noon):
    for name, hours in (("à temps", 2), ("en retard", -1)):
        case_id = submit(name, source=AUTHORITY, order=order(noon, hours), now=noon - timedelta(hours=2))
        queue.claim_case(case_id, analyst, now=noon)
        queue.decide(case_id, analyst, LEGAL, now=noon)
    assert overview(queue, noon).missed == 1
    assert overview(queue, noon + timedelta(days=8)).missed == 0


def test_an_appeal_read_late_is_no_missed_deadline(queue, submit, analyst, colleague, noon):
    case_id = submit("a", source=AUTHORITY, order=order(noon, 2))
    queue.claim_case(case_id, analyst, now=noon)
    queue.decide(case_id, analyst, LEGAL, now=noon)
    later = noon + timedelta(hours=5)
    queue.appeal(case_id, AUTHORITY, now=later)
    queue.claim_case(case_id, colleague, now=later)
    queue.decide(case_id, colleague, LEGAL, now=later)
    assert overview(queue, later).missed == 0


def test_what_somebody_passed_and_what_waits_for_a_senior(queue, submit, analyst, noon):
    skipped, doubtful = submit("a"), submit("b")
    queue.claim_case(skipped, analyst, now=noon)
    queue.skip(skipped, analyst, "fatigue", now=noon)
    queue.claim_case(doubtful, analyst, now=noon)
    queue.escalate(doubtful, analyst, now=noon)
    seen = overview(queue, noon)
    assert (seen.passed_over, sum(load.for_senior for load in seen.lanes)) == (1, 1)


def test_limits_reached_are_numbers(queue, classifier, submit, analyst, colleague, noon):
    limits = queue.rules.policy.wellbeing.model_copy(update={"grave_per_day": 1, "grave_severity": 1.0})
    strict = Queue(
        queue.engine, queue.rules.policy.model_copy(update={"wellbeing": limits}), queue.rules.taxonomy, SECRET
    )
    strict.receive([NewCase(external_id="g", text="score=0.95")], source=PLATFORM, now=noon)
    strict.score_pending(classifier, now=noon)
    strict.claim(analyst, now=noon)
    submit("doux", "rien")
    strict.claim(colleague, now=noon)
    seen = overview(strict, noon)
    assert (seen.at_work, seen.full, seen.break_due) == (2, 1, 0)
    assert overview(strict, noon + timedelta(days=1)).at_work == 0


def test_opt_outs_change_nothing(queue, policy, submit, noon):
    accounts = Accounts(queue.engine, SECRET, policy.sign_in)
    people = [accounts.create_user(name, Role.ANALYST)[0] for name in ("Ana", "Bruno")]
    submit("a", now=noon - timedelta(hours=30))
    before = overview(queue, noon)
    for account in people:
        queue.set_opt_out(account.id, ["haine"])
    assert overview(queue, noon) == before


def test_campaigns_are_told_by_size(queue, submit, analyst, noon):
    limits = queue.rules.policy.reliability.model_copy(update={"mass_reports": 4, "mass_decided": 3})
    strict = Queue(
        queue.engine, queue.rules.policy.model_copy(update={"reliability": limits}), queue.rules.taxonomy, SECRET
    )
    for number in range(4):
        case_id = submit(f"{number}", f"score=0.{number}5", reporter={"id": "foule"}, author_id=f"a{number}")
        queue.claim_case(case_id, analyst, now=noon)
        queue.decide(case_id, analyst, LEGAL, now=noon)
    assert overview(strict, noon).campaigns == {"reporter": [4], "author": []}
    assert overview(strict, noon + timedelta(days=2)).campaigns == {"reporter": [], "author": []}


def test_golden_items_and_their_copies_are_no_load(queue, submit, analyst, noon):
    golden = queue.rules.policy.claims.model_copy(update={"golden_share": 1.0, "audit_share": 0.0})
    given = Queue(
        queue.engine,
        queue.rules.policy.model_copy(update={"claims": golden}),
        queue.rules.taxonomy,
        SECRET,
        draw=lambda: 0.5,
    )
    given.add_golden(NewCase(external_id="g", text="score=0.8"), LEGAL, SUPERVISOR, now=noon)
    assert given.claim(analyst, now=noon) is not None
    seen = overview(queue, noon)
    assert (sum(load.waiting for load in seen.lanes), seen.held) == (0, ())
