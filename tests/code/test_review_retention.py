"""Each rule of retention has its own date, and a full batch of one holds up none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.review import DecisionForm, KeyKind, NewCase, Queue, Source, retention

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")
REMOVED = DecisionForm(illegal=True, ground="tco.apologie", action="retrait")
REPORTED = DecisionForm(illegal=True, ground="tco.apologie", action="transmission_pharos")


@pytest.fixture
def keeping(queue, monkeypatch):
    """The same queue under other delays, erasing two cases at a time."""
    monkeypatch.setattr(retention, "_BATCH", 2)

    def under(**days):
        rules = queue.rules
        policy = rules.policy.model_copy(update={"retention": rules.policy.retention.model_copy(update=days)})
        return Queue(queue.engine, policy, rules.taxonomy, SECRET, draw=rules.draw)

    return under


@pytest.fixture
def settle(queue, analyst):
    """Receives a case and decides it; returns its id."""

    def decided(name, form, now):
        (receipt,) = queue.receive([NewCase(external_id=name, text=f"texte {name}")], source=PLATFORM, now=now)
        queue.claim_case(receipt.id, analyst, now=now)
        queue.decide(receipt.id, analyst, form, now=now)
        return receipt.id

    return decided


@pytest.mark.parametrize(
    ("days", "first", "last"),
    [
        ({"decided_days": 400, "removed_terrorist_days": 184}, LEGAL, REMOVED),
        ({"decided_days": 184, "removed_terrorist_days": 400}, REMOVED, LEGAL),
        ({"decided_days": 184, "removed_terrorist_days": 400}, REMOVED, REPORTED),
    ],
)
def test_what_is_kept_longer_does_not_keep_back_the_others(keeping, settle, noon, days, first, last):
    kept = [settle(f"{number}", first, noon) for number in range(3)]
    due = settle("dû", last, noon)
    queue, late = keeping(**days), noon + timedelta(days=200)
    assert [queue.erase_expired(now=late) for _ in range(2)] == [1, 0]
    assert queue.get(due).text is None
    assert all(queue.get(case_id).text for case_id in kept)


def test_what_nobody_read_does_not_keep_back_what_is_decided(keeping, settle, noon):
    ids = [settle("décidé", LEGAL, noon)]
    queue = keeping()
    for number in range(3):
        (receipt,) = queue.receive([NewCase(external_id=f"{number}", text="x")], source=PLATFORM, now=noon)
        ids.append(receipt.id)
    late = noon + timedelta(days=200)
    assert [queue.erase_expired(now=late) for _ in range(3)] == [2, 2, 0]
    assert not any(queue.get(case_id).text for case_id in ids)
    assert queue.verify_chain().first_bad is None


def test_the_oldest_go_first(keeping, settle, noon):
    ids = [settle(f"{number}", LEGAL, noon - timedelta(days=number)) for number in range(3)]
    keeping().erase_expired(now=noon + timedelta(days=200))
    queue = keeping()
    assert [queue.get(case_id).text is None for case_id in ids] == [False, True, True]
