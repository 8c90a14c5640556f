"""Texts seen before: equal ones share a decision, near ones are proposed, dangerous differences are set apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from serving.bundle import Conflict, InputError
from serving.review import Account, DecisionForm, Filters, KeyKind, NewCase, Role, Source, State
from serving.review.known import bands_of, fingerprint, nearness

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
SAID = "vous êtes tous des moins que rien, dégagez de ce forum score=0.7"
LATER = timedelta(seconds=61)


def submit(queue, name, text=SAID, now=None, **fields) -> str:
    (receipt,) = queue.receive([NewCase(external_id=name, text=text, **fields)], source=PLATFORM, now=now)
    return receipt.id


@pytest.fixture
def decided(queue, classifier, analyst, noon) -> str:
    """A case that ``analyst`` has decided at noon."""
    case_id = submit(queue, "premier", now=noon)
    queue.score_pending(classifier, now=noon)
    queue.claim(analyst, now=noon)
    queue.decide(case_id, analyst, ILLEGAL, now=noon)
    return case_id


class TestEqual:
    @pytest.mark.parametrize(
        "same", [SAID.upper(), f"  {SAID}\n", SAID.replace("forum", "fo\u200brum"), SAID.replace("moins", "ｍｏｉｎｓ")]
    )
    def test_case_space_width_and_the_invisible_do_not_count(self, same):
        assert fingerprint(SECRET, same) == fingerprint(SECRET, SAID)

    def test_accents_count(self):
        assert fingerprint(SECRET, "un homme tué") != fingerprint(SECRET, "un homme tue")

    def test_an_equal_text_gets_the_same_decision_with_its_source(self, queue, classifier, decided, noon):
        copy = submit(queue, "copie", SAID.upper(), now=noon + LATER)
        queue.score_pending(classifier, now=noon + LATER)
        case = queue.get(copy)
        (decision,) = case.decisions
        assert (case.state, decision.illegal, decision.ground) == (State.DECIDED, True, ILLEGAL.ground)
        assert (decision.analyst, decision.copied_from) == ("known", decided)
        assert case.events[-1].kind == "known"
        assert decided in case.events[-1].body
        assert queue.verify_chain().first_bad is None

    def test_it_can_be_contested_and_is_no_source_itself(self, queue, classifier, colleague, decided, noon):
        copy = submit(queue, "copie", now=noon + LATER)
        queue.score_pending(classifier, now=noon + LATER)
        assert queue.appeal(copy, PLATFORM).state is State.APPEALED
        assert queue.claim(colleague).id == copy

    def test_what_waits_is_closed_once_the_decision_can_no_longer_be_undone(self, queue, classifier, analyst, noon):
        first, second = submit(queue, "a", now=noon), submit(queue, "b", now=noon)
        queue.score_pending(classifier, now=noon)
        held = queue.claim(analyst, now=noon)
        queue.decide(held.id, analyst, ILLEGAL, now=noon)
        (other,) = {first, second} - {held.id}
        queue.score_pending(classifier, now=noon + timedelta(seconds=30))
        assert queue.get(other).state is State.SCORED
        queue.score_pending(classifier, now=noon + LATER)
        assert queue.get(other).state is State.DECIDED

    @pytest.mark.parametrize(
        "fields",
        [
            {"category": "danger_vital"},
            {"order": {"authority": "OCLCTIC", "reference": "TCO-1"}},
            {"thread": [{"text": "je cite"}]},
            {"target_id": "quelqu'un"},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_another_context_or_a_clock_needs_a_reader(self, queue, classifier, decided, noon, fields):
        copy = submit(queue, "copie", now=noon + LATER, **fields)
        queue.score_pending(classifier, now=noon + LATER)
        assert queue.get(copy).state is State.SCORED

    def test_a_short_text_needs_a_reader(self, queue, classifier, analyst, noon):
        for name, now in (("a", noon), ("b", noon + LATER)):
            case_id = submit(queue, name, "t'es mort score=0.7", now=now)
            queue.score_pending(classifier, now=now)
            if name == "a":
                queue.claim(analyst, now=now)
                queue.decide(case_id, analyst, ILLEGAL, now=now)
        assert queue.get(case_id).state is State.SCORED

    def test_an_erased_text_is_no_longer_known(self, queue, classifier, decided, noon):
        late = noon + timedelta(days=200)
        assert queue.erase_expired(now=late) == 1
        copy = submit(queue, "copie", now=late)
        queue.score_pending(classifier, now=late)
        assert queue.get(copy).state is State.SCORED
        assert queue.near_duplicates(copy) == []


BASE = "ces gens devraient quitter le pays dès demain matin"
HARMLESS = [
    "Ces gens devraient quitter le pays dès demain matin !!!",
    "ces genss devraient quitter le paysss des demain matin",
    "lol ces gens devraient quitter le pays dès demain matin",
    "ces gens devraient quuiter le pays dès demain matin",
    "ces gens devraient q u i t t e r le pays dès demain matin",
]
RISKY = [
    "ces gens ne devraient pas quitter le pays dès demain matin",
    "ces gens devraient quitter le pays dès mardi matin",
    "ces femmes devraient quitter le pays dès demain matin",
    "ces gens devraient quitter le pays dès demain matin à 10 heures",
    "ces gens devraient quitter le pays dès demain matin @untel",
    "Martin et ces gens devraient quitter le pays dès demain matin",
    "il est faux que ces gens devraient quitter le pays dès demain matin",
]


class TestDifferences:
    @pytest.mark.parametrize("other", HARMLESS)
    def test_spelling_changes_nothing(self, other):
        assert not nearness(BASE, other).risky

    @pytest.mark.parametrize("other", RISKY)
    def test_words_may_change_everything(self, other):
        assert nearness(BASE, other).risky
        assert nearness(other, BASE).risky

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("il en a tué 10 hier", "il en a tué 100 hier"),
            ("un discours légal sur la place", "un discours illégal sur la place"),
            ("demandez à Karim ce qu'il en pense", "demandez à Karima ce qu'il en pense"),
            ("deux hommes sont venus", "trois hommes sont venus"),
        ],
    )
    def test_minimal_pairs(self, one, other):
        assert nearness(one, other).risky

    def test_words_spelt_letter_by_letter_are_read_as_words(self):
        spelt = "ces g e n s devraient q.u.i.t.t.e.r le p-a-y-s dès demain matin"
        assert nearness(BASE, spelt).similarity == 1
        assert set(bands_of(SECRET, BASE)) == set(bands_of(SECRET, spelt))

    def test_the_words_that_differ_are_shown(self):
        found = nearness(BASE, RISKY[2])
        assert found.differing_words == ("gens", "femmes")
        assert 0.5 < found.similarity < 1


class TestLong:
    """Texts made to be slow: aligning words takes time by the square, and pages wait for it."""

    def test_one_word_added_to_a_long_text_is_told_alone(self):
        long = " ".join(f"mot{number}" for number in range(900))
        found = nearness(long, f"{long} dehors")
        assert (found.differing_words, found.risky, found.similarity > 0.9) == (("dehors",), True, True)
        assert not nearness(long, f"{long} lol").risky

    def test_long_texts_that_differ_at_both_ends_are_one_risky_change(self):
        same = "haine " * 800
        found = nearness(f"un {same} deux", f"trois {same} quatre")
        assert found.risky
        assert len(found.differing_words) == 60

    def test_beyond_what_is_compared_a_text_is_read_apart(self):
        found = nearness("mot " * 50_000, "mot " * 50_000 + "fin")
        assert (found.risky, found.differing_words) == (True, ())
        assert bands_of(SECRET, "mot " * 50_000) == bands_of(SECRET, "mot " * 50_000 + "fin")


class TestProposed:
    @pytest.fixture
    def three(self, queue, classifier, noon):
        """A text, a spelling of it, and its negation."""
        texts = (BASE, HARMLESS[0], RISKY[0], "rien à voir avec tout cela, bonne journée à vous")
        ids = [submit(queue, f"{n}", f"{text} score=0.7", now=noon) for n, text in enumerate(texts)]
        queue.score_pending(classifier, now=noon)
        return ids

    def test_near_ones_are_proposed_and_risky_ones_marked(self, queue, three):
        found = {likeness.row.id: likeness.risky for likeness in queue.near_duplicates(three[0])}
        assert found == {three[1]: False, three[2]: True}
        assert [likeness.row.id for likeness in queue.cluster(three[0])] == [three[1]]

    def test_many_are_decided_and_what_differs_is_peeled_off(self, queue, three, analyst, colleague):
        bulk = queue.decide_many([three[0], three[1], three[2], three[3], "nulle-part"], analyst, ILLEGAL)
        assert bulk.decided == (three[0], three[1])
        assert set(bulk.peeled) == {three[2], three[3], "nulle-part"}
        assert queue.get(three[2]).state is State.SCORED
        assert queue.verify_chain().first_bad is None

    def test_one_that_somebody_else_reads_is_peeled_off(self, queue, three, analyst, colleague):
        queue.claim_case(three[1], colleague)
        bulk = queue.decide_many(three[:2], analyst, ILLEGAL)
        assert "does not wait" in bulk.peeled[three[1]]
        with pytest.raises(Conflict):
            queue.decide_many([three[1]], analyst, ILLEGAL)
        with pytest.raises(InputError):
            queue.decide_many([], analyst, ILLEGAL)

    def test_one_that_is_contested_is_read_apart(self, queue, three, analyst, colleague, senior):
        queue.claim_case(three[1], colleague)
        queue.decide(three[1], colleague, ILLEGAL)
        queue.appeal(three[1], PLATFORM)
        assert "contested" in queue.decide_many(three[:2], analyst, ILLEGAL).peeled[three[1]]
        queue.claim_case(three[1], senior)
        assert queue.decide(three[1], senior, ILLEGAL).state is State.CLOSED

    def test_another_target_is_another_context(self, queue, classifier, three):
        other = submit(queue, "cible", f"{BASE} score=0.7", target_id="quelqu'un")
        queue.score_pending(classifier)
        assert next(near for near in queue.near_duplicates(three[0]) if near.row.id == other).risky


class TestSearch:
    @pytest.fixture
    def shelf(self, queue, classifier, noon):
        """Four cases of different kinds."""
        submit(queue, "haine", "des propos odieux score=0.95", now=noon, category="haine", target_id="x")
        submit(queue, "doute", "des propos limites score=0.4", now=noon + timedelta(hours=1), target_id="x")
        submit(queue, "calme", "une recette de cuisine", now=noon + timedelta(hours=2))
        queue.score_pending(classifier, now=noon)
        return {row.external_id: row.id for row in queue.search()}

    @pytest.mark.parametrize(
        ("query", "filters", "expected"),
        [
            ("", {}, ["calme", "doute", "haine"]),
            ("", {"family": "haine"}, ["doute", "haine"]),
            ("", {"level": "probable"}, ["haine"]),
            ("", {"category": "haine"}, ["haine"]),
            ("", {"state": "decided"}, []),
            ("", {"lane": "ordinary", "state": "scored"}, ["calme", "doute", "haine"]),
            ("PROPOS des", {}, ["doute", "haine"]),
            ("doute", {}, ["doute"]),
            ("recette de  CUISINE", {}, ["calme"]),
            ("100%_", {}, []),
        ],
    )
    def test_filters_and_words(self, queue, shelf, query, filters, expected):
        assert [row.external_id for row in queue.search(query, Filters(**filters))] == expected

    def test_dates_targets_and_pages(self, queue, shelf, noon):
        def names(**kwargs):
            return [row.external_id for row in queue.search(**kwargs)]

        assert names(filters=Filters(since=noon + timedelta(hours=1))) == ["calme", "doute"]
        assert names(filters=Filters(until=noon + timedelta(hours=1))) == ["haine"]
        assert names(filters=Filters(same_target_as=shelf["haine"])) == ["doute", "haine"]
        assert names(limit=1, offset=1) == ["doute"]
        assert names(query="propos", limit=1, offset=1) == ["haine"]

    def test_is_this_already_here(self, queue, shelf):
        assert queue.search("Des propos odieux, score=0.95")[0].external_id == "haine"
        assert queue.search(shelf["calme"])[0].external_id == "calme"

    @pytest.mark.parametrize("filters", [{"state": "perdu"}, {"family": "amour"}, {"level": "sûr"}])
    def test_an_unknown_word_is_refused(self, queue, filters):
        with pytest.raises(InputError, match="expected one of"):
            queue.search(filters=Filters(**filters))


def test_a_supervisor_reads_too(queue, decided):
    assert queue.claim(Account("s", "S", Role.SUPERVISOR)) is None
