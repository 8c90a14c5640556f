"""What reading costs: the ledger, limits and alternation, breaks, and topics that people opt out of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from serving.bundle import LEVELED, OUTPUT_KEYS, Conflict, InputError, NotFound, Verdict
from serving.review import Accounts, DecisionForm, KeyKind, NewCase, Part, Queue, Role, Source

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")


class ByWord:
    """Judges by the words in a text: ``grave`` is terrorism, ``haine`` is hate, others are nothing."""

    bundle_id = "sha256:" + "0" * 64

    def score(self, texts):
        return [self._one(text) for text in texts]

    @staticmethod
    def _one(text):
        high = {"terrorisme", "terrorisme.menace"} if "grave" in text else {"haine"} if "haine" in text else set()
        scores = {key: 0.9 if key in high else 0.01 for key in OUTPUT_KEYS}
        levels = {key: "probable" if key in high else "peu_probable" for key in (*LEVELED, *high)}
        return Verdict(scores, levels)


@pytest.fixture
def ana(queue, policy):
    account, _ = Accounts(queue.engine, SECRET, policy.sign_in).create_user("Ana", Role.ANALYST)
    return account


@pytest.fixture
def fill(queue, noon):
    """Receives and scores texts, the first ranked first; returns ids by text."""

    def receive(*texts, **fields):
        new = [NewCase(external_id=text, text=text, **fields) for text in texts]
        found = {}
        for number, case in enumerate(new):
            (receipt,) = queue.receive([case], source=PLATFORM, now=noon + timedelta(seconds=number))
            found[case.text] = receipt.id
        while queue.score_pending(ByWord(), now=noon):
            pass
        return found

    return receive


def handed(queue, person, count, now):
    """The texts of the next claims."""
    return [case.text if (case := queue.claim(person, now=now)) else None for _ in range(count)]


def with_limits(queue, **limits):
    """The same queue under other limits."""
    rules = queue.rules
    wellbeing = rules.policy.wellbeing.model_copy(update=limits)
    policy = rules.policy.model_copy(update={"wellbeing": wellbeing})
    return Queue(queue.engine, policy, rules.taxonomy, SECRET, draw=rules.draw)


class TestLimits:
    def test_after_some_grave_ones_comes_a_mild_one(self, queue, fill, ana, noon):
        fill("grave 1", "grave 2", "grave 3", "grave 4", "grave 5", "doux")
        assert handed(queue, ana, 6, noon) == ["grave 1", "grave 2", "grave 3", "doux", "grave 4", "grave 5"]

    def test_without_a_mild_one_grave_ones_go_on(self, queue, fill, ana, noon):
        fill("grave 1", "grave 2", "grave 3", "grave 4")
        assert len([text for text in handed(queue, ana, 4, noon) if text]) == 4

    def test_a_day_holds_so_many_grave_ones(self, queue, fill, ana, colleague, noon):
        ids = fill("grave 1", "grave 2", "grave 3", "doux")
        limited = with_limits(queue, grave_per_day=2)
        assert handed(limited, ana, 4, noon) == ["grave 1", "grave 2", "doux", None]
        assert limited.pace(ana, now=noon).full
        with pytest.raises(Conflict, match="enough"):
            limited.claim_case(ids["grave 3"], ana, now=noon)
        assert not limited.pace(ana, now=noon + timedelta(days=1)).full
        assert limited.claim_case(ids["grave 3"], ana, now=noon + timedelta(days=1)).row.grave

    def test_those_decided_with_another_are_not_read_so_neither_counted_nor_limited(self, queue, fill, ana, noon):
        same = "grave menace écrite un soir contre le lycée de la ville et contre ceux qui y vont"
        near = [same, f"{same} vraiment", f"{same} franchement", f"{same} !"]
        ids = fill(*near, "grave 1")
        limited = with_limits(queue, grave_per_day=2)
        case = limited.claim_case(ids[same], ana, now=noon)
        others = [likeness.row.id for likeness in limited.cluster(case.id)]
        bulk = limited.decide_many([case.id, *others], ana, LEGAL, now=noon)
        assert (len(bulk.decided), bulk.peeled) == (4, {})
        assert limited.pace(ana, now=noon).grave_today == 1
        assert handed(limited, ana, 2, noon) == ["grave 1", None]

    def test_the_first_of_several_is_read_and_limited(self, queue, fill, ana, noon):
        ids = fill("grave 1", "grave 2")
        limited = with_limits(queue, grave_per_day=1)
        assert limited.decide_many([ids["grave 1"]], ana, LEGAL, now=noon).decided == (ids["grave 1"],)
        with pytest.raises(Conflict, match="enough"):
            limited.decide_many([ids["grave 2"]], ana, LEGAL, now=noon)

    def test_life_and_deadlines_are_not_limited(self, queue, fill, ana, noon):
        limited = with_limits(queue, grave_per_day=1)
        fill("grave 1")
        fill("grave vital", category="danger_vital")
        fill("grave dû", order={"authority": "OCLCTIC", "reference": "TCO-1"})
        assert handed(limited, ana, 4, noon) == ["grave vital", "grave dû", None, None]

    def test_a_break_is_suggested_and_a_pause_is_one(self, queue, fill, ana, noon):
        fill(*(f"haine {n}" for n in range(9)))
        for minutes in range(0, 56, 8):
            queue.claim(ana, now=noon + timedelta(minutes=minutes))
        pace = queue.pace(ana, now=noon + timedelta(minutes=50))
        assert (pace.working_minutes, pace.break_suggested) == (50, True)
        assert queue.pace(ana, now=noon + timedelta(minutes=70)).working_minutes == 0
        queue.claim(ana, now=noon + timedelta(minutes=70))
        assert not queue.pace(ana, now=noon + timedelta(minutes=75)).break_suggested


class TestOptOut:
    def test_a_topic_is_not_handed_to_who_opted_out(self, queue, fill, ana, colleague, noon):
        fill("grave 1", "haine 1", "doux")
        queue.set_opt_out(ana.id, ["terrorisme"])
        assert handed(queue, ana, 3, noon) == ["haine 1", "doux", None]
        assert handed(queue, colleague, 1, noon) == ["grave 1"]

    def test_neither_by_a_danger_to_life_nor_by_a_deadline(self, queue, fill, ana, colleague, noon):
        fill("grave vital", category="danger_vital")
        fill("grave dû", order={"authority": "OCLCTIC", "reference": "TCO-1"})
        queue.set_opt_out(ana.id, ["terrorisme"])
        assert handed(queue, ana, 1, noon) == [None]
        assert handed(queue, colleague, 2, noon) == ["grave vital", "grave dû"]

    def test_it_is_private_and_can_be_taken_back(self, queue, fill, ana, noon):
        ids = fill("grave 1")
        queue.set_opt_out(ana.id, ["terrorisme", "terrorisme"])
        assert queue.opt_out_of(ana.id) == ("terrorisme",)
        assert "terrorisme" not in " ".join(event.body for event in queue.get(ids["grave 1"]).events)
        queue.set_opt_out(ana.id, [])
        assert queue.opt_out_of(ana.id) == ()
        assert handed(queue, ana, 1, noon) == ["grave 1"]

    def test_only_families_and_only_of_somebody(self, queue, ana):
        with pytest.raises(InputError, match="expected some of"):
            queue.set_opt_out(ana.id, ["football"])
        with pytest.raises(NotFound):
            queue.set_opt_out("personne", [])


class TestLedger:
    def test_what_was_read_by_day_family_and_severity(self, queue, fill, ana, noon):
        ids = fill("grave 1", "haine 1", "haine 2")
        for text, words in (("grave 1", 10), ("haine 1", 4), ("haine 2", 6)):
            queue.record_exposure(ids[text], ana, Part.TEXT, words, now=noon)
        queue.record_exposure(ids["haine 2"], ana, Part.THREAD, 5, now=noon)
        queue.record_exposure(ids["grave 1"], ana, Part.TEXT, 1, now=noon - timedelta(days=10))
        found = [(line.family, line.severity, line.cases, line.words) for line in queue.exposure_of(ana.id, now=noon)]
        assert found == [("haine", "mild", 2, 15), ("terrorisme", "grave", 1, 10)]

    def test_what_is_shown_again_on_a_day_is_not_read_again(self, queue, fill, ana, colleague, noon):
        ids = fill("haine 1")

        def shown(person, part, words, now=noon):
            queue.record_exposure(ids["haine 1"], person, part, words, now=now)
            lines = queue.exposure_of(person.id, now=now)
            return [(line.day, line.cases, line.words) for line in lines]

        assert shown(ana, Part.TEXT, 4) == [("2026-03-02", 1, 4)]
        assert shown(ana, Part.TEXT, 4, noon + timedelta(hours=1)) == [("2026-03-02", 1, 4)]
        assert shown(ana, Part.NOTICE, 3) == [("2026-03-02", 1, 7)]
        assert shown(ana, Part.NOTICE, 3) == [("2026-03-02", 1, 7)]
        assert shown(colleague, Part.TEXT, 4) == [("2026-03-02", 1, 4)]
        assert shown(ana, Part.TEXT, 4, noon + timedelta(days=1)) == [("2026-03-02", 1, 7), ("2026-03-03", 1, 4)]

    def test_which_parts_were_shown_is_kept_for_a_day(self, queue, fill, ana, noon):
        ids = fill("haine 1", "haine 2")
        queue.record_exposure(ids["haine 1"], ana, Part.TEXT, 4, now=noon)
        queue.record_exposure(ids["haine 2"], ana, Part.TEXT, 4, now=noon + timedelta(days=1))
        with queue.engine.connect() as connection:
            kept = connection.exec_driver_sql("SELECT day, case_id FROM shown").all()
        assert [tuple(row) for row in kept] == [("2026-03-03", ids["haine 2"])]

    def test_two_parts_shown_at_once_are_one_case(self, queue, fill, ana, noon):
        ids = fill("haine 1")
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda part: queue.record_exposure(ids["haine 1"], ana, part, 2, now=noon), Part))
        assert [(line.cases, line.words) for line in queue.exposure_of(ana.id, now=noon)] == [(1, 6)]

    def test_what_masking_and_known_texts_spare(self, queue, fill, ana, noon):
        long = "haine " + "mot " * 19
        ids = fill(long)
        queue.claim(ana, now=noon)
        queue.record_exposure(ids[long], ana, Part.TEXT, 5, now=noon)
        queue.decide(ids[long], ana, LEGAL, now=noon)
        later = noon + timedelta(minutes=2)
        queue.receive([NewCase(external_id="copie", text=long)], source=PLATFORM, now=later)
        queue.score_pending(ByWord(), now=later)
        report = queue.exposure_report(noon - timedelta(days=1))
        assert (report.cases, report.words, report.words_read) == (1, 20, 5)
        assert (report.known_cases, report.known_words) == (1, 20)
