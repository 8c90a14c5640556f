"""Équipe: what a supervisor sees and does, what an administrator sees without names, and what nobody sees."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from pages import figures, post, take

from serving.console.team import agreement, campaigns, exposure, golden
from serving.review import Agreement, ExposureReport, GoldenReport, Role

FORM = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}


def held(page: str) -> str:
    """The table of who reads what."""
    found = re.search(r'aria-label="Dossiers en cours de lecture">(.*?)</table>', page, re.S)
    return found[1] if found else ""


@pytest.mark.parametrize("role", [Role.ANALYST, Role.SENIOR, Role.RESEARCHER])
def test_only_those_who_watch_over_the_team_see_it(house, role):
    client, _ = house.browser(role)
    assert client.get("/console/equipe").status_code == 403
    assert "Équipe" not in client.get("/console/recherche").text


def test_a_supervisor_sees_who_holds_what_by_name_and_no_text(house):
    _, _, path = take(house, "une menace confidentielle")
    boss, _ = house.browser(Role.SUPERVISOR)
    page = boss.get("/console/equipe").text
    assert "analyst 2" in held(page)
    assert f'href="{path}"' in held(page)
    assert "confidentielle" not in page
    assert figures(page)["en cours de lecture"] == "1"


def test_an_administrator_sees_pseudonyms_and_opens_nothing(house):
    _, _, path = take(house)
    admin, csrf = house.browser(Role.ADMIN)
    page = admin.get("/console/equipe").text
    holder = next(account for account in house.accounts.list_users() if account.name == "analyst 2")
    assert f"<code>{holder.id[:8]}</code>" in held(page)
    assert "analyst 2" not in page
    assert path not in page
    assert "Confier" not in held(page)
    refused = post(admin, csrf, "/console/equipe/confier", dossier=path.rpartition("/")[2], a=holder.id)
    assert refused.status_code == 403


def test_a_case_is_handed_over_from_there(house):
    _, _, path = take(house)
    case_id = path.rpartition("/")[2]
    boss, csrf = house.browser(Role.SUPERVISOR)
    senior = next(account for account in house.accounts.list_users() if account.role is Role.SENIOR)
    answer = post(boss, csrf, "/console/equipe/confier", dossier=case_id, a=senior.id)
    assert answer.headers["location"] == "/console/equipe?fait=confie"
    assert "Dossier confié." in boss.get("/console/equipe?fait=confie").text
    assert house.queue.get(case_id).row.claimed_by == senior.id
    refused = post(boss, csrf, "/console/equipe/confier", dossier="absent", a=senior.id)
    assert refused.status_code == 409
    assert "n’existe pas" in refused.text


def test_clocks_are_told(house):
    due = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    house.receive("une menace", order={"authority": "A", "reference": "DSA-1", "kind": "dsa", "due_at": due})
    boss, _ = house.browser(Role.SUPERVISOR)
    page = boss.get("/console/equipe").text
    assert (figures(page)["échéance proche"], figures(page)["échéance dépassée"]) == ("1", "0")
    assert "dans 29" in page.replace("\u00a0", " ")
    assert "personne" in page


def test_opt_outs_make_no_difference_to_the_page(house):
    house.receive("une menace", "une haine", "rien")
    boss, _ = house.browser(Role.SUPERVISOR)
    told = re.compile(r"Ce qui attend un lecteur.*?</section>", re.S)
    before = told.search(boss.get("/console/equipe").text)[0]
    for account in house.accounts.list_users():
        house.queue.set_opt_out(account.id, ["terrorisme"])
    page = boss.get("/console/equipe").text
    assert told.search(page)[0] == before
    assert "opt" not in page.lower().replace("option", "")


def test_a_decided_case_becomes_a_reference_and_is_retired(house):
    client, csrf, path = take(house, "une menace confidentielle")
    assert "Dossier de référence" not in client.get(path).text
    post(client, csrf, f"{path}/decision", **FORM)
    assert "Dossier de référence" not in client.get(path).text
    assert post(client, csrf, f"{path}/reference", geste="garder").status_code == 403
    boss, token = house.browser(Role.SUPERVISOR)
    assert "Garder comme référence" in boss.get(path).text
    assert post(boss, token, f"{path}/reference", geste="garder").headers["location"] == f"{path}?fait=garde"
    assert house.queue.serves_as_golden(path.rpartition("/")[2])
    again = post(boss, token, f"{path}/reference", geste="garder")
    assert again.status_code == 409
    assert "sert déjà de référence" in again.text
    assert "Retirer" in boss.get(path).text
    assert post(boss, token, f"{path}/reference", geste="retirer").headers["location"] == f"{path}?fait=retire"
    assert not house.queue.serves_as_golden(path.rpartition("/")[2])
    assert post(boss, token, f"{path}/reference", geste="retirer").status_code == 409


def test_agreement_is_told_with_its_interval_or_not_at_all():
    assert agreement(Agreement(None, 0, None, None)) is None
    told = agreement(Agreement(0.8234, 40, -0.051, 1.0))
    assert (told["alpha"], told["interval"]) == ("0,82", "−0,05 à 1,00")
    assert told["pairs"].replace("\u00a0", " ") == "40 dossiers lus deux fois"


def test_answers_to_golden_items_are_those_of_all_together():
    assert golden(GoldenReport(0, 0, 0, 0)) == []
    assert [bar.length for bar in golden(GoldenReport(10, 9, 8, 5))] == [90, 80, 50]


def test_exposure_is_compared_with_what_reading_all_would_have_been():
    assert exposure(ExposureReport(0, 0, 0, 0, 40)) is None
    told = exposure(ExposureReport(cases=3, words=600, known_cases=2, known_words=400, words_read=250))
    assert [bar.length for bar in told["bars"]] == [100, 60, 25]


def test_campaigns_come_largest_first():
    said = campaigns({"reporter": [60], "author": [75]})
    assert [line.replace("\u00a0", " ") for line in said] == [
        "75 signalements contre un même auteur",
        "60 signalements d’un même signaleur",
    ]
