"""Suggested scores: kept with their origin, linked to the sender's own case, and erased when their time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from serving.bundle import InputError
from serving.review import KeyKind, NewCase, NewFeedback, Source

PLATFORM = Source("clef-a", KeyKind.PLATFORM)
OTHER = Source("clef-b", KeyKind.PLATFORM)


def suggestion(text: str = "un texte", **fields) -> NewFeedback:
    given = {"labels": {"toxicite": 0.0}, "channel": "perspective", "weight": 0.3, "provenance": {"community": "c"}}
    return NewFeedback.of(text=text, **(given | fields))


def case(queue, name: str, source: Source, now) -> str:
    (received,) = queue.receive([NewCase(external_id=name, text="un cas")], source=source, now=now)
    return received.id


def test_what_was_suggested_is_read_back_oldest_first_and_page_by_page(queue, noon):
    kept = [queue.add_feedback(suggestion(f"texte {n}"), source=PLATFORM, now=noon) for n in range(3)]
    assert queue.feedback() == kept
    assert queue.feedback(after=kept[0].id, limit=1) == [kept[1]]
    assert (kept[0].text, kept[0].labels, kept[0].source, kept[0].weight) == (
        "texte 0",
        {"toxicite": 0.0},
        "perspective",
        0.3,
    )
    assert kept[0].created_at == noon
    assert kept[0].provenance["key_id"] == "clef-a"


def test_a_suggestion_is_linked_to_the_senders_own_case_only(queue, noon):
    ours = case(queue, "p-1", PLATFORM, noon)
    linked = queue.add_feedback(suggestion(external_id="p-1"), source=PLATFORM, now=noon)
    foreign = queue.add_feedback(suggestion(external_id="p-1"), source=OTHER, now=noon)
    assert (linked.case_id, foreign.case_id) == (ours, None)


def test_the_senders_name_is_kept_as_a_keyed_hash_alike_for_both(queue, noon):
    first, second = (queue.add_feedback(suggestion(external_id="jeton"), source=PLATFORM, now=noon) for _ in range(2))
    assert first.provenance["external_id"] == second.provenance["external_id"]
    assert "jeton" not in str(first.provenance)
    assert queue.add_feedback(suggestion(), source=PLATFORM, now=noon).provenance["external_id"] is None


@pytest.mark.parametrize("name", ["a\x00b", "\ud800", "x" * 5_000])
def test_a_name_that_no_case_can_have_links_to_nothing(queue, noon, name):
    assert queue.add_feedback(suggestion(external_id=name), source=PLATFORM, now=noon).case_id is None


def test_old_suggestions_are_erased_and_young_ones_stay(queue, noon, policy):
    days = policy.retention.feedback_days
    queue.add_feedback(suggestion("ancien"), source=PLATFORM, now=noon - timedelta(days=days, minutes=1))
    young = queue.add_feedback(suggestion("récent"), source=PLATFORM, now=noon - timedelta(days=days - 1))
    assert queue.erase_expired(noon) == 1
    assert queue.feedback() == [young]
    assert queue.erase_expired(noon) == 0


def test_a_suggestion_about_a_case_is_erased_with_the_case(queue, noon, policy):
    case(queue, "p-1", PLATFORM, noon)
    queue.add_feedback(suggestion(external_id="p-1"), source=PLATFORM, now=noon)
    apart = queue.add_feedback(suggestion("un autre"), source=PLATFORM, now=noon)
    later = noon + timedelta(days=policy.retention.unreviewed_days, minutes=1)
    assert queue.erase_expired(later) == 1
    assert queue.feedback() == [apart]
    assert queue.verify_chain().first_bad is None


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": "a\x00"},
        {"text": "a\ud800"},
        {"labels": {"toxique": 1.0}},
        {"labels": {"toxicite": 1.5}},
        {"weight": 0.0},
        {"channel": "Perspective!"},
    ],
)
def test_what_cannot_be_kept_is_refused_without_quoting_it(fields):
    with pytest.raises(InputError) as caught:
        suggestion(**fields)
    assert "a\x00" not in caught.value.detail


def test_a_suggestion_does_not_change():
    with pytest.raises(ValidationError):
        suggestion().weight = 1.0
