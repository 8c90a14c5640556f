"""The French words of the console."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from serving.bundle import LEVELS
from serving.bundle.errors import BundleError, Conflict, Forbidden, InputError, NotFound, Unavailable
from serving.console import words
from serving.console.sentences import sentence
from serving.console.typography import NBSP, THIN
from serving.review import EventKind, Role, State

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace(NBSP, " ").replace(THIN, " ")


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=20), "moins d’une minute"),
        (timedelta(seconds=-20), "moins d’une minute"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, minutes=5), "1 h 05"),
        (timedelta(hours=23, minutes=59), "23 h 59"),
        (timedelta(days=1), "1 j"),
        (timedelta(days=2, hours=3), "2 j 3 h"),
        (timedelta(days=30, hours=3), "30 j"),
    ],
)
def test_lengths_of_time(span, said):
    assert plain(words.span_words(span)) == said


def test_a_countdown_says_what_is_left_or_by_how_much_it_is_past():
    assert plain(words.countdown_words(NOW + timedelta(minutes=42), NOW)) == "dans 42 min"
    assert plain(words.countdown_words(NOW - timedelta(hours=2), NOW)) == "dépassée de 2 h"


def test_numbers_and_plurals():
    assert plain(words.number(1_234_567)) == "1 234 567"
    assert plain(words.plural(0, "minute")) == "0 minute"
    assert plain(words.plural(2, "minute")) == "2 minutes"


@pytest.mark.parametrize(("share", "said"), [(0.0, "0 %"), (0.154, "15 %"), (0.9999, "99 %"), (1.0, "100 %")])
def test_a_percentage_is_never_rounded_up_to_certainty(share, said):
    assert plain(words.percent(share)) == said


@pytest.mark.parametrize(
    ("severity", "said", "rank"),
    [(10, "extrême", 5), (9, "extrême", 5), (8, "très élevée", 4), (5, "élevée", 3), (1, "faible", 1)],
)
def test_severities(severity, said, rank):
    assert (words.severity_words(severity), words.severity_rank(severity)) == (said, rank)


def test_suspicions_are_the_families_at_least_possible_surest_first():
    levels = {"haine": "possible", "terrorisme": "tres_probable", "harcelement": "peu_probable"}
    levels |= {"contexte_protege": "probable"}
    assert words.suspected(levels) == [("terrorisme", "tres_probable"), ("haine", "possible")]
    assert words.suspected({"haine": None}) == []


def test_every_level_state_event_and_role_has_its_word():
    assert set(words.LEVEL_WORDS) == set(LEVELS)
    assert set(words.STATE_WORDS) == {state.value for state in State}
    assert set(words.EVENT_WORDS) == {kind.value for kind in EventKind}
    assert set(words.ROLE_WORDS) == {role.value for role in Role}


def test_every_error_becomes_a_sentence_that_quotes_nothing():
    kinds = (NotFound, Conflict, Forbidden, InputError, Unavailable, BundleError)
    found = {sentence(kind("english detail")) for kind in kinds}
    assert len(found) == 6
    assert not any("english" in said for said in found)
    assert sentence(InputError("x", code="missing_ground")) != sentence(InputError("x"))


def test_an_age_of_seconds_is_now():
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert words.age_words(now - timedelta(seconds=59), now) == "à l’instant"
    assert words.age_words(now - timedelta(minutes=1), now) == "il y a 1\u00a0min"
