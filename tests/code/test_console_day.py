"""Ma journée: one's own work and reading, limits in words, nobody else's figures."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from pages import figures, post, take

from serving.console.day import advice, by_day, by_family, golden_sentence
from serving.review import Account, Exposure, GoldenReport, Pace, Role
from serving.review.work import Done, Work, done_by

FORM = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}
TODAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 3)


def myself(house) -> Account:
    """The first analyst whose browser a test takes."""
    return next(one for one in house.accounts.list_users() if one.name == "analyst 2")


def test_a_decision_and_what_was_revealed_are_counted_today(house):
    client, csrf, path = take(house, "une menace de mort contre le lycée")
    post(client, csrf, f"{path}/reveler", partie="texte")
    post(client, csrf, f"{path}/decision", **FORM)
    page = client.get("/console/journee").text
    found = figures(page)
    assert (found["décision aujourd’hui"], found["en 7 jours"]) == ("1", "1")
    assert found["mots lus aujourd’hui"] == "7"
    assert found["textes graves aujourd’hui"].replace("\u00a0", " ") == "1 / 60"
    assert "Terrorisme" in page
    assert "lycée" not in page


def test_a_colleague_sees_nothing_of_it(house):
    client, csrf, path = take(house)
    post(client, csrf, f"{path}/reveler", partie="texte")
    post(client, csrf, f"{path}/decision", **FORM)
    other, _ = house.browser()
    found = figures(other.get("/console/journee").text)
    assert {found["décision aujourd’hui"], found["mot lu aujourd’hui"]} == {"0"}
    assert "Rien n’a été révélé" in other.get("/console/journee").text


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.ADMIN])
def test_who_reads_no_case_has_no_such_page(house, role):
    client, _ = house.browser(role)
    assert client.get("/console/journee").status_code == 403


def test_an_equal_text_is_a_reading_spared(house):
    text = "une menace assez longue pour être reconnue la prochaine fois"
    client, csrf, path = take(house, text)
    post(client, csrf, f"{path}/decision", **FORM)
    later = datetime.now(UTC) + timedelta(minutes=5)
    house.receive("une haine ordinaire", text)
    while house.queue.score_pending(house.classifier, now=later):
        pass
    assert done_by(house.queue, myself(house).id, 7, later).spared == 1
    assert figures(client.get("/console/journee").text)["lecture épargnée à d’autres"] == "1"


def test_days_follow_the_policy_s_zone_and_those_without_work_are_listed(queue, classifier, analyst):
    from serving.review import DecisionForm, KeyKind, NewCase, Source

    midnight = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    queue.receive([NewCase(external_id="a", text="score=0.7")], source=Source("k", KeyKind.PLATFORM), now=midnight)
    case = queue.claim(analyst, now=midnight)
    form = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
    queue.decide(case.id, analyst, form, now=midnight)
    done = done_by(queue, analyst.id, 3, midnight)
    assert done == Done((Work(date(2026, 3, 1), 0, 0), Work(TODAY, 0, 0), Work(TOMORROW, 1, 1)), 0)
    assert done_by(queue, "somebody else", 1, midnight).days == (Work(TOMORROW, 0, 0),)


def test_reading_is_told_by_day_and_by_family():
    read = [
        Exposure("2026-03-02", "haine", "grave", 2, 30),
        Exposure("2026-03-02", "aucune", "mild", 1, 5),
        Exposure("2026-03-03", "haine", "mild", 4, 8),
    ]
    first, second = by_day(Done((Work(TODAY, 3, 1), Work(TOMORROW, 0, 0)), 0), read)
    assert (first.title, first.decided, first.grave, first.mild, first.words) == ("lundi 2\u00a0mars", 3, 2, 1, 35)
    assert (second.cases, second.words) == (4, 8)
    lines = by_family(read, {"haine": "Haine"})
    assert [(line.title, line.grave, line.mild) for line in lines] == [("Haine", 2, 4), ("Rien de suspect", 0, 1)]


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Pace(3, 1, 60, False, 20, False), None),
        (Pace(3, 1, 60, False, 55, True), "Et si vous souffliez un peu ?"),
        (Pace(60, 1, 60, True, 20, False), "Assez de textes graves pour aujourd’hui"),
    ],
)
def test_advice_is_given_when_a_rest_would_do_good(policy, pace, said):
    found = advice(pace, policy.wellbeing)
    assert (found and found[0]) == said


def test_the_limits_shown_are_those_of_the_policy(house):
    client, _ = house.browser()
    page = client.get("/console/journee").text.replace("\u00a0", " ")
    for said in ("3 textes graves de suite au plus", "60 textes graves par jour au plus", "après 50 min de lecture"):
        assert said in page


@pytest.mark.parametrize(
    ("answers", "right", "said"),
    [
        (0, 0, "Trop peu"),
        (9, 9, "Trop peu"),
        (10, 9, "presque toujours"),
        (10, 7, "le plus souvent"),
        (10, 1, "parfois"),
    ],
)
def test_answers_to_golden_items_are_told_in_general_terms(answers, right, said):
    sentence = golden_sentence(GoldenReport(answers, right, right, right))
    assert said in sentence
    assert not re.search(r"\d", sentence)
