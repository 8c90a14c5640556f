"""Reporters are learned from what became of their reports; campaigns weigh less; a changed policy places all again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from serving.review import DecisionForm, KeyKind, NewCase, Queue, Source, State
from serving.review.database import writing

PLATFORM = Source("clef", KeyKind.PLATFORM)
SECRET = b"a secret for tests, 32 bytes long"
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
LEGAL = DecisionForm(illegal=False, action="classement_sans_suite")


def submit(queue, name, now, reporter="r", **fields) -> str:
    new = NewCase(external_id=name, text="score=0.5", reporter={"id": reporter}, **fields)
    return queue.receive([new], source=PLATFORM, now=now)[0].id


def weight(queue, case_id) -> str:
    """What is said of the weight of the report."""
    return next(said for said in queue.get(case_id).row.reasons if said.startswith("Poids")).replace("\xa0", " ")


@pytest.fixture
def judge(queue, analyst, noon):
    """Decides the next reports of a reporter."""
    made = iter(range(1000))

    def decide(count, form, reporter="r", **fields):
        for _ in range(count):
            case_id = submit(queue, f"jugé-{next(made)}", noon, reporter, **fields)
            queue.claim_case(case_id, analyst, now=noon)
            queue.decide(case_id, analyst, form, now=noon)
        return case_id

    return decide


class TestLearning:
    def test_a_reporter_who_is_right_weighs_more_and_one_who_is_wrong_less(self, queue, judge, noon):
        judge(4, ILLEGAL, "juste")
        judge(4, LEGAL, "faux")
        right, wrong, new = (submit(queue, who, noon, who) for who in ("juste", "faux", "nouveau"))
        assert weight(queue, right) == "Poids du signalement : × 1,33 (signaleur connu : 4 confirmés sur 4)"
        assert weight(queue, wrong) == "Poids du signalement : × 0,67 (signaleur connu : 0 confirmés sur 4)"
        assert weight(queue, new) == "Poids du signalement : × 1,00"
        assert [row.external_id for row in queue.top(now=noon)] == ["juste", "nouveau", "faux"]

    def test_scoring_keeps_the_weight(self, queue, classifier, judge, noon):
        judge(4, LEGAL)
        case_id = submit(queue, "a", noon)
        queue.score_pending(classifier, now=noon)
        assert "× 0,67" in weight(queue, case_id)

    def test_what_is_taken_back_or_overturned_is_unlearned(self, queue, judge, analyst, colleague, noon):
        case_id = judge(1, LEGAL)
        queue.undo(case_id, analyst, now=noon)
        queue.decide(case_id, analyst, ILLEGAL, now=noon)
        assert "1 confirmés sur 1" in weight(queue, submit(queue, "a", noon))
        queue.appeal(case_id, PLATFORM, now=noon)
        queue.claim_case(case_id, colleague, now=noon)
        queue.decide(case_id, colleague, LEGAL, now=noon)
        assert "0 confirmés sur 1" in weight(queue, submit(queue, "b", noon))

    def test_the_weight_stays_within_its_bounds(self, policy):
        assert policy.reliability.weight(0, 10_000) == 0.5
        assert policy.reliability.weight(10_000, 0) == pytest.approx(2.0, abs=1e-3)


class TestCampaigns:
    @pytest.fixture
    def strict(self, queue):
        """A queue for which five reports are a campaign."""
        limits = {"mass_reports": 5, "mass_decided": 3}
        reliability = queue.rules.policy.reliability.model_copy(update=limits)
        policy = queue.rules.policy.model_copy(update={"reliability": reliability})
        return Queue(queue.engine, policy, queue.rules.taxonomy, SECRET, draw=queue.rules.draw)

    def test_many_refuted_reports_of_one_reporter_weigh_less(self, strict, judge, noon):
        judge(5, LEGAL, "foule")
        said = weight(strict, submit(strict, "a", noon, "foule"))
        assert said == "Poids du signalement : × 0,50 (signalement de masse : 5 récents, très peu confirmés)"

    def test_many_reporters_against_one_author_are_one_campaign(self, strict, judge, noon):
        for number in range(5):
            judge(1, LEGAL, f"r{number}", author_id="visé")
        assert "masse" in weight(strict, submit(strict, "a", noon, "r9", author_id="visé"))
        assert "masse" not in weight(strict, submit(strict, "b", noon, "r9", author_id="autre"))

    def test_the_victim_of_a_raid_is_no_campaign(self, strict, judge, noon):
        for number in range(5):
            judge(1, LEGAL, f"r{number}", target_id="victime")
        assert "masse" not in weight(strict, submit(strict, "a", noon, "r9", target_id="victime"))

    def test_confirmed_or_old_reports_are_no_campaign(self, strict, judge, noon):
        judge(5, ILLEGAL, "sérieux")
        judge(5, LEGAL, "ancien")
        assert "masse" not in weight(strict, submit(strict, "a", noon, "sérieux"))
        assert "masse" not in weight(strict, submit(strict, "b", noon + timedelta(days=2), "ancien"))


class TestRerank:
    def changed(self, queue, **weights):
        """The same queue under a policy in which platforms weigh otherwise."""
        reporters = queue.rules.policy.reporters.model_copy(update=weights)
        policy = queue.rules.policy.model_copy(update={"reporters": reporters})
        return Queue(queue.engine, policy, queue.rules.taxonomy, SECRET, draw=queue.rules.draw)

    def test_open_cases_are_placed_by_the_new_policy(self, queue, classifier, analyst, noon):
        ids = [submit(queue, f"{n}", noon) for n in range(5)]
        queue.score_pending(classifier, now=noon)
        queue.claim_case(ids[0], analyst, now=noon)
        queue.claim_case(ids[1], analyst, now=noon)
        queue.decide(ids[1], analyst, LEGAL, now=noon)
        before = {case_id: queue.get(case_id).row for case_id in ids}
        change = self.changed(queue, platform=2.0).rerank("cli", now=noon, batch=2)
        assert (change.number, change.cases) == (1, 4)
        for case_id in ids:
            after = queue.get(case_id).row
            assert after.state is before[case_id].state
            double = after.harm == pytest.approx(2 * before[case_id].harm, rel=0.15)
            assert double is (after.state is not State.DECIDED)

    def test_each_change_is_a_link_of_a_chain(self, queue, noon):
        submit(queue, "a", noon)
        for platform in (2.0, 0.5):
            self.changed(queue, platform=platform).rerank("cli", now=noon)
        assert queue.verify_chain().first_bad is None
        assert queue.verify_chain(queue.top()[0].id).first_bad is None
        with writing(queue.engine) as connection:
            connection.execute(text("UPDATE policy_changes SET actor = 'x' WHERE number = 1"))
        bad = queue.verify_chain().first_bad
        assert (bad.case_id, bad.number) == ("policy", 1)

    def test_no_case_is_given_an_event(self, queue, noon):
        case_id = submit(queue, "a", noon)
        self.changed(queue, platform=2.0).rerank("cli", now=noon)
        assert len(queue.get(case_id).events) == 1
