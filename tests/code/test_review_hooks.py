"""Who is told what, and how far: on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from house import SECRET

from serving.bundle import NotFound
from serving.review import Account, DecisionForm, EventKind, Hooks, KeyKind, NewCase, Queue, Role, Source, State

SOURCE, OTHER = Source("clef", KeyKind.PLATFORM), Source("autre", KeyKind.PLATFORM)
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite", note="une note")
SUPERVISOR = Account("pseudo-9", "Zoé", Role.SUPERVISOR)
URL = "https://exemple.fr/vigie"
LEASE = timedelta(seconds=30)


@pytest.fixture
def hooks(engine) -> Hooks:
    return Hooks(engine, SECRET)


def decided(queue, analyst, noon, name="a", source=SOURCE) -> str:
    """The id of a case that went from receipt to decision; sealed."""
    (receipt,) = queue.receive([NewCase(external_id=name, text=f"un texte {name}")], source=source, now=noon)
    queue.claim_case(receipt.id, analyst, noon)
    queue.decide(receipt.id, analyst, LEGAL, noon)
    queue.seal(noon)
    return receipt.id


def test_a_decision_is_news_and_the_work_before_it_is_not(queue, hooks, analyst, noon):
    hook = hooks.add(URL, None, noon)
    case_id = decided(queue, analyst, noon)
    (news,) = hooks.news(hook, 10)
    assert (news.case_id, news.external_id, news.key_id, news.state) == (case_id, "a", "clef", State.DECIDED)
    assert news.finding == {"illegal": False, "ground": None, "action": "classement_sans_suite", "known": False}
    assert (news.kind, news.at, news.received_at) == (EventKind.DECIDED, noon, noon)
    assert queue.changed_since(news.position - 1, 1).rows[0].id == case_id


def test_a_hook_hears_of_what_happens_after_it_was_made(queue, hooks, analyst, noon):
    decided(queue, analyst, noon)
    hook = hooks.add(URL, None, noon)
    assert hooks.news(hook, 10) == []


def test_appeals_and_their_outcome_are_told(queue, hooks, analyst, colleague, noon):
    hook = hooks.add(URL, None, noon)
    case_id = decided(queue, analyst, noon)
    queue.appeal(case_id, SOURCE, now=noon)
    queue.claim_case(case_id, colleague, noon)
    queue.decide(case_id, colleague, LEGAL, noon)
    queue.undo(case_id, colleague, noon)
    queue.seal(noon)
    told = [(news.kind, news.state, news.finding is not None) for news in hooks.news(hook, 10)]
    assert told == [
        (EventKind.DECIDED, State.DECIDED, True),
        (EventKind.APPEALED, State.APPEALED, False),
        (EventKind.DECIDED, State.CLOSED, True),
        (EventKind.UNDONE, State.CLAIMED, False),
    ]


@pytest.fixture
def doubting_queue(engine, policy, taxonomy) -> Queue:
    """Every decision is read again by somebody else."""
    return Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.0)


def test_a_first_decision_is_told_when_a_second_reader_agrees(doubting_queue, hooks, analyst, colleague, noon):
    queue = doubting_queue
    hook = hooks.add(URL, None, noon)
    case_id = decided(queue, analyst, noon)
    assert queue.get(case_id).state == State.SECOND_REVIEW
    assert hooks.news(hook, 10) == []
    queue.claim_case(case_id, colleague, noon)
    queue.decide(case_id, colleague, LEGAL, noon)
    queue.seal(noon)
    assert [news.state for news in hooks.news(hook, 10)] == [State.DECIDED]


def test_a_hook_of_a_key_hears_of_its_cases_alone(queue, hooks, analyst, noon):
    ours, everybody = hooks.add(URL, OTHER.key_id, noon), hooks.add(URL, None, noon)
    decided(queue, analyst, noon, "a")
    decided(queue, analyst, noon, "b", OTHER)
    assert [news.external_id for news in hooks.news(ours, 10)] == ["b"]
    assert [news.external_id for news in hooks.news(everybody, 10)] == ["a", "b"]
    assert [news.external_id for news in hooks.news(everybody, 1)] == ["a"]


def test_answers_to_golden_items_are_nobody_s_news(engine, policy, taxonomy, hooks, analyst, noon):
    claims = policy.claims.model_copy(update={"golden_share": 1.0, "audit_share": 0.0})
    queue = Queue(engine, policy.model_copy(update={"claims": claims}), taxonomy, SECRET, draw=lambda: 0.5)
    hook = hooks.add(URL, None, noon)
    queue.add_golden(NewCase(external_id="étalon", text="un exemple sûr"), LEGAL, SUPERVISOR, noon)
    copy = queue.claim(analyst, noon)
    queue.decide(copy.id, analyst, LEGAL, noon)
    decided(queue, analyst, noon)
    assert [news.external_id for news in hooks.news(hook, 10)] == ["a"]


def test_what_is_told_is_told_once(queue, hooks, analyst, noon):
    hook = hooks.add(URL, None, noon)
    decided(queue, analyst, noon, "a")
    decided(queue, analyst, noon, "b")
    first, second = hooks.news(hook, 10)
    hooks.told(hook.id, first.position, noon)
    assert hooks.news(hooks.get(hook.id), 10) == [second]
    hooks.told(hook.id, second.position, noon)
    hooks.told(hook.id, first.position, noon)  # a worker that comes late takes nothing back
    assert hooks.news(hooks.get(hook.id), 10) == []


def test_a_long_calm_is_passed_over_for_good(queue, hooks, analyst, noon, monkeypatch):
    monkeypatch.setattr("serving.review.hooks._WINDOW", 4)
    hook = hooks.add(URL, OTHER.key_id, noon)
    for number in range(5):
        decided(queue, analyst, noon, str(number))
    assert hooks.news(hook, 10) == []
    assert hooks.get(hook.id).cursor == 12
    decided(queue, analyst, noon, "x", OTHER)
    assert [news.external_id for news in hooks.news(hooks.get(hook.id), 10)] == ["x"]


def test_one_worker_at_a_time(hooks, noon):
    hook = hooks.add(URL, None, noon)
    (seen,) = hooks.due(noon)
    assert hooks.reserve(hook, noon, LEASE)
    assert not hooks.reserve(seen, noon, LEASE)
    assert hooks.due(noon) == []
    assert [found.id for found in hooks.due(noon + LEASE)] == [hook.id]


def test_failures_are_counted_until_a_success_or_the_end_of_patience(hooks, noon):
    hook = hooks.add(URL, None, noon)
    patience = timedelta(days=5)
    later = noon + timedelta(days=3)
    assert not hooks.failed(hook.id, noon, noon, patience)
    assert not hooks.failed(hook.id, later, later, patience)
    assert (hooks.get(hook.id).failures, hooks.get(hook.id).failing_since) == (2, noon)
    hooks.told(hook.id, hook.cursor + 1, later)
    assert (hooks.get(hook.id).failures, hooks.get(hook.id).failing_since) == (0, None)
    assert not hooks.failed(hook.id, later, later, patience)
    assert hooks.failed(hook.id, later + patience, later, patience)
    assert hooks.get(hook.id).disabled_at == later + patience
    assert hooks.due(later + patience) == []
    hooks.resume(hook.id, later)
    assert [found.failures for found in hooks.due(later)] == [0]


def test_the_database_holds_no_secret(engine, hooks, noon):
    one, other = hooks.add(URL, None, noon), hooks.add(URL, None, noon)
    assert hooks.secret_of(one.id) != hooks.secret_of(other.id)
    assert hooks.secret_of(one.id) == Hooks(engine, SECRET).secret_of(one.id)
    assert hooks.secret_of(one.id) != Hooks(engine, SECRET[::-1]).secret_of(one.id)
    assert all(hooks.secret_of(one.id) not in str(value) for value in vars(hooks.get(one.id)).values())


def test_an_unknown_hook_is_said_to_be_so(hooks):
    for ask in (hooks.get, hooks.remove):
        with pytest.raises(NotFound, match="vigie hook list"):
            ask("personne")
