"""The second factor in the console: set up, asked for at sign-in, required of some roles."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from house import PASSWORD, open_house
from pages import Forms, form_of, post, sign_in

from serving.api.auth import COOKIE
from serving.console.enrolment import drawing
from serving.review import Role

CODE = "/console/reglages/code"
DROP = "/console/reglages/code/retirer"


@pytest.fixture
def strict_house(tmp_path, tiny_bundle):
    """A house whose supervisors and administrators must have a second factor."""
    found, close = open_house(tmp_path, tiny_bundle, second_factor_roles=(Role.SUPERVISOR, Role.ADMIN))
    yield found
    close()


def set_up(client) -> tuple[pyotp.TOTP, list[str], str]:
    """Enrol whoever is signed in: their authenticator, their recovery codes, the page that shows these."""
    page = client.get(CODE).text
    form = form_of(page, CODE)
    totp = pyotp.TOTP(re.search(r'class="clef"><code>([A-Z2-7 ]+)<', page)[1].replace(" ", ""))
    shown = client.post(CODE, data={**form["fields"], "code": totp.now()}).text
    return totp, re.findall(r"<li><code>([A-Z2-7 ]+)</code>", shown), shown


def answer(client, asked, code):
    """The answer to a code typed on the page that asks for one."""
    (form,) = Forms(asked.text).found
    return client.post(form["action"], data={**form["fields"], "code": code})


def test_whoever_set_a_code_up_signs_in_with_it_as_well(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client = house.client()
    sign_in(client)
    _, codes, _ = set_up(client)
    assert len(set(codes)) == 10
    other = house.client()
    asked = sign_in(other, suite="/console/recherche")
    assert (asked.status_code, COOKIE in other.cookies) == (200, False)
    refused = answer(other, asked, "000000x")
    assert refused.status_code == 401
    assert "Ce code n’est pas le bon" in refused.text
    opened = answer(other, refused, codes[0])
    assert (opened.status_code, opened.headers["location"]) == (303, "/console/recherche")
    assert other.get("/console/").status_code == 200
    again = house.client()
    assert answer(again, sign_in(again), codes[0]).status_code == 401


def test_a_wrong_first_code_changes_nothing_and_keeps_the_key(house):
    client, _ = house.browser()
    page = client.get(CODE).text
    form = form_of(page, CODE)
    refused = client.post(CODE, data={**form["fields"], "code": "000000x"})
    assert refused.status_code == 422
    assert "Ce code n’est pas le bon" in refused.text
    assert form_of(refused.text, CODE)["fields"] == form["fields"]


def test_setting_a_code_up_ends_the_sessions_opened_without_one(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client, elsewhere = house.client(), house.client()
    for one in (client, elsewhere):
        sign_in(one)
    set_up(client)
    assert client.get("/console/").status_code == 200
    assert elsewhere.get("/console/").headers["location"].startswith("/console/connexion")


def test_a_code_goes_with_password_and_code(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client = house.client()
    sign_in(client)
    _, codes, _ = set_up(client)
    csrf = form_of(client.get(CODE).text, DROP)["fields"]["csrf"]
    assert (
        "Le mot de passe actuel n’est pas le bon" in post(client, csrf, DROP, mot_de_passe="faux", code=codes[0]).text
    )
    assert post(client, csrf, DROP, mot_de_passe=PASSWORD, code="faux").status_code == 422
    gone = post(client, csrf, DROP, mot_de_passe=PASSWORD, code=codes[0])
    assert gone.headers["location"] == "/console/reglages?fait=code-retire"
    assert sign_in(house.client()).headers["location"] == "/console/"


def test_a_role_that_must_have_a_code_is_led_to_it_after_its_own_password(strict_house):
    house = strict_house
    _, once = house.accounts.create_user("eva", Role.SUPERVISOR)
    client = house.client()
    assert sign_in(client, "eva", once).headers["location"] == "/console/mot-de-passe"
    assert client.get(CODE).headers["location"] == "/console/mot-de-passe"
    form = form_of(client.get("/console/mot-de-passe").text, "/console/mot-de-passe")
    client.post(form["action"], data={**form["fields"], "actuel": once, "nouveau": PASSWORD, "confirmation": PASSWORD})
    for path in ("/console/", "/console/equipe", "/console/reglages", "/console/mot-de-passe"):
        assert client.get(path).headers["location"] == CODE
    refused = client.get("/v1/stats", headers={"Authorization": f"Bearer {client.cookies[COOKIE]}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    _, codes, _ = set_up(client)
    assert client.get("/console/").status_code == 200
    csrf = form_of(client.get(CODE).text, DROP)["fields"]["csrf"]
    assert post(client, csrf, DROP, mot_de_passe=PASSWORD, code=codes[0]).status_code == 303
    assert client.get("/console/").headers["location"] == CODE


def test_an_administrator_without_a_code_sees_no_figures(strict_house):
    assert strict_house.person(Role.ADMIN).get("/metrics").status_code == 403


def test_whom_the_policy_does_not_name_is_not_led_there(strict_house):
    strict_house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    assert sign_in(strict_house.client()).headers["location"] == "/console/"


def test_the_page_of_a_key_holds_it_once_and_no_inline_style_or_script(house):
    client, _ = house.browser()
    page = client.get(CODE).text
    assert page.count("<svg") == 1
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)
    assert "otpauth" not in page


def test_a_drawing_holds_bits_and_no_words(house):
    account, _ = house.accounts.create_user("<b>zoé & co</b>", Role.ANALYST, PASSWORD)
    proposed = house.accounts.propose_second_factor(account)
    address = urlsplit(proposed.uri)
    assert parse_qs(address.query) == {"secret": [proposed.key], "issuer": ["Vigie"]}
    svg = drawing(proposed.uri)
    assert re.fullmatch(r'<svg viewBox="[0-9 ]+" class="qr"><path stroke="#000" d="[Mmh0-9. -]+"/></svg>\s*', svg)
