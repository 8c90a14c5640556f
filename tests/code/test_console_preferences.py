"""What people set for themselves: texts, topics, shortcuts, sessions."""

from __future__ import annotations

import re

import pytest
from house import PASSWORD
from pages import post, sign_in, take

from serving.api.auth import COOKIE
from serving.review import Role

PAGE = "/console/reglages"
AT_ONCE = 'hx-trigger="load, submit"'


def reads(client, csrf, opening, warned=False):
    fields = {"ouverture": opening} | ({"prevenir": "oui"} if warned else {})
    return post(client, csrf, f"{PAGE}/lecture", **fields)


def manner_at_once(page: str) -> list[str]:
    """The manner in which the text of a case shows itself."""
    forms = re.findall(rf"<form[^>]*{AT_ONCE}.*?</form>", page, re.S)
    return [re.search(r'name="maniere" value="(\w+)"', form)[1] for form in forms]


@pytest.mark.parametrize(("opening", "manner"), [("masked", []), ("veiled", ["voile"]), ("shown", ["nu"])])
def test_the_text_of_a_case_one_holds_shows_itself_as_one_wants(house, opening, manner):
    client, csrf, path = take(house, "une insulte")
    assert manner_at_once(client.get(path).text) == []
    assert reads(client, csrf, opening).headers["location"] == f"{PAGE}?fait=lecture"
    assert re.search(rf'value="{opening}" checked', client.get(PAGE).text)
    page = client.get(path).text
    assert manner_at_once(page) == manner
    assert "une insulte" not in page  # it is fetched by a post, which the ledger counts
    assert manner_at_once(client.get(f"{path}?masque=oui").text) == []


def test_a_grave_or_unread_text_still_waits_for_whoever_wants_to_be_warned(house):
    client, csrf, path = take(house, "une menace")
    assert house.queue.get(path.rpartition("/")[2]).row.grave
    reads(client, csrf, "shown", warned=True)
    assert manner_at_once(client.get(path).text) == []
    reads(client, csrf, "shown")
    assert manner_at_once(client.get(path).text) == ["nu"]


def test_nothing_shows_itself_of_a_case_one_does_not_hold(house):
    _, _, path = take(house, "une insulte")
    client, csrf = house.browser()
    reads(client, csrf, "shown")
    assert manner_at_once(client.get(path).text) == []


def test_topics_are_kept_obeyed_and_shown_to_nobody_else(house):
    house.receive("une menace")
    client, csrf = house.browser()
    before = house.browser(Role.SUPERVISOR)[0]
    team = before.get("/console/equipe").text
    assert post(client, csrf, f"{PAGE}/sujets", sujet="terrorisme").headers["location"] == f"{PAGE}?fait=sujets"
    assert re.search(r'name="sujet" value="terrorisme" checked', client.get(PAGE).text)
    assert post(client, csrf, "/console/suivant").headers["location"] == "/console/?fait=vide"
    other, theirs = house.browser()
    assert not re.search(r'name="sujet"[^>]*checked', other.get(PAGE).text)
    assert strip_tokens(before.get("/console/equipe").text) == strip_tokens(team)
    assert post(other, theirs, "/console/suivant").headers["location"].startswith("/console/dossiers/")
    post(client, csrf, f"{PAGE}/sujets")
    assert not re.search(r'name="sujet"[^>]*checked', client.get(PAGE).text)


def strip_tokens(page: str) -> str:
    return re.sub(r'value="[0-9a-f]{64}"', "", page)


def test_an_unknown_topic_is_refused(house):
    client, csrf = house.browser()
    assert post(client, csrf, f"{PAGE}/sujets", sujet="rien").status_code == 422


def test_the_shortcuts_can_be_cut_and_put_back(house):
    client, csrf = house.browser()
    assert "data-raccourcis" not in client.get("/console/").text
    post(client, csrf, f"{PAGE}/raccourcis")
    assert 'data-raccourcis="non"' in client.get("/console/").text
    post(client, csrf, f"{PAGE}/raccourcis", raccourcis="oui")
    assert "data-raccourcis" not in client.get("/console/").text


def test_a_person_sees_their_own_sessions_and_ends_them_all(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client, elsewhere, stranger = house.client(), house.client(), house.browser()[0]
    for one in (client, elsewhere):
        sign_in(one)
    page = client.get(PAGE).text
    assert page.count("Ouverte le") == 2
    assert page.count("celle-ci") == 1
    csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]
    gone = post(client, csrf, f"{PAGE}/sessions/fermer")
    assert gone.headers["location"] == "/console/connexion"
    assert COOKIE not in client.cookies
    assert elsewhere.get("/console/").status_code == 303
    assert stranger.get("/console/").status_code == 200


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.ADMIN])
def test_those_who_read_no_case_land_on_their_settings(house, role):
    house.accounts.create_user("eva", role, PASSWORD)
    client = house.client()
    assert sign_in(client, "eva").headers["location"] == PAGE
    page = client.get(PAGE).text
    assert "Sessions ouvertes" in page
    assert "Sujets" not in page
    assert "File d’attente" not in page
