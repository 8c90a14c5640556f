"""The console page by page, without a browser."""

from __future__ import annotations

import re

import pytest
from house import PASSWORD
from pages import Forms, form_of, post, sign_in, take

from serving.api.auth import COOKIE
from serving.review import Role, State

HOSTILE = """<script>window.pris=1</script><img src=x onerror="window.pris=1">{{ 7*7 }}\u202e menace"""
DECISION = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}


def test_signing_in_opens_a_session_whose_cookie_scripts_and_other_sites_never_get(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client = house.client()
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert client.get("/console/").status_code == 200


def test_over_https_the_cookie_is_secure(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    client = house.client()
    client.base_url = "https://vigie.test"
    cookies = sign_in(client).headers.get_list("set-cookie")
    assert all("Secure" in cookie for cookie in cookies if cookie.startswith(COOKIE))


@pytest.mark.parametrize(
    ("name", "password"), [("ana", "faux"), ("personne", PASSWORD), ("", ""), ("ana", "é" * 2_000)]
)
def test_a_wrong_name_and_a_wrong_password_read_the_same(house, name, password):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    answer = sign_in(house.client(), name, password)
    assert answer.status_code == 401
    assert "Identifiant ou mot de passe incorrect" in answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "")


def test_a_sign_in_without_its_token_is_refused(house):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    answer = house.client().post("/console/connexion", data={"nom": "ana", "mot_de_passe": PASSWORD})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers or COOKIE not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("onward", "location"),
    [
        ("/console/dossiers/abc", "/console/dossiers/abc"),
        ("https://ailleurs.fr/", "/console/"),
        ("//ailleurs.fr", "/console/"),
        ("/console/..//ailleurs.fr", "/console/"),
        ("/console/\\ailleurs", "/console/"),
        ("/v1/stats", "/console/"),
        ("/console/connexion", "/console/"),
    ],
)
def test_after_signing_in_one_stays_in_the_console(house, onward, location):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    assert sign_in(house.client(), suite=onward).headers["location"] == location


def test_a_one_time_password_leads_to_the_page_that_changes_it_and_only_there(house):
    _, once = house.accounts.create_user("novice", Role.ANALYST)
    client = house.client()
    assert sign_in(client, "novice", once).headers["location"] == "/console/mot-de-passe"
    assert client.get("/console/").headers["location"] == "/console/mot-de-passe"
    form = next(
        form for form in Forms(client.get("/console/mot-de-passe").text).found if "mot-de-passe" in form["action"]
    )

    def change(new, again, current=once):
        return client.post(
            form["action"], data={**form["fields"], "actuel": current, "nouveau": new, "confirmation": again}
        )

    assert "diffèrent" in change("a" * 20, "b" * 20).text
    assert "trop court" in change("court", "court").text
    assert "celui d’avant" in change(once, once).text
    assert "n’est pas le bon" in change("a" * 20, "a" * 20, "faux").text
    assert change("a" * 20, "a" * 20).headers["location"] == "/console/?fait=mot-de-passe"
    assert client.get("/console/").status_code == 200
    assert sign_in(house.client(), "novice", once).status_code == 401


def test_signing_out_ends_the_session_on_the_server(house):
    client, csrf = house.browser()
    token = client.cookies[COOKIE]
    assert post(client, csrf, "/console/deconnexion").headers["location"] == "/console/connexion"
    assert house.accounts.session(token) is None


MOVES = ("reveler", "decision", "annuler", "contester", "remettre", "transmettre", "bail")
POSTS = ["suivant", "deconnexion", "mot-de-passe", *(f"dossiers/x/{move}" for move in MOVES)]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
def test_every_post_needs_the_token_of_its_session(house, path, token):
    client, _ = house.browser()
    answer = client.post(f"/console/{path}", data={} if token is None else {"csrf": token})
    assert answer.status_code == 403
    assert "La page a expiré" in answer.text


def test_the_token_of_another_session_is_refused(house):
    client, _ = house.browser()
    _, other = house.browser()
    assert post(client, other, "/console/suivant").status_code == 403


def test_every_form_posts_a_token(house):
    client, _, path = take(house)
    for page in ("/console/", path, "/console/mot-de-passe"):
        forms = Forms(client.get(page).text).found
        assert forms
        assert all(form["method"] == "post" and form["fields"]["csrf"] for form in forms)


@pytest.mark.parametrize("path", ["connexion", "", "mot-de-passe", "dossiers/absent", "rien"])
def test_pages_forbid_inline_code_frames_and_caches(house, path):
    client, _ = house.browser()
    answer = client.get(f"/console/{path}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", answer.text)


def test_a_browser_keeps_the_fonts_and_the_style_but_no_page(house):
    client, _ = house.browser()
    for name in ("console.css", "source-sans-3-latin-wght-normal.woff2"):
        assert "max-age" in client.get(f"/console/static/{name}").headers["cache-control"]
    assert client.get("/console/static/absent.css").headers["cache-control"] == "no-store"


def test_the_queue_shows_order_and_words_but_no_text(house):
    house.receive("une menace de mort confidentielle", "une haine confidentielle", "bonjour confidentiel", reach=12_400)
    client, _ = house.browser()
    page = client.get("/console/").text
    assert "confidentiel" not in page
    rows = re.findall(r'<td class="nature">(.*?)</td>', page, re.S)
    assert ["Terrorisme" in rows[0], "Haine" in rows[1], "Rien de suspect" in rows[2]] == [True] * 3
    for said in ("très probable", "extrême", "Objectif interne", "dans ", "12\u202f400", "à l’instant"):
        assert said in page
    assert len(rows) == 3


def test_htmx_gets_the_table_alone(house):
    house.receive("une menace")
    client, _ = house.browser()
    part = client.get("/console/", headers={"HX-Request": "true"}).text
    assert "<table" in part
    assert "<html" not in part


def test_an_empty_queue_says_so(house):
    client, csrf = house.browser()
    assert "Aucun dossier n’attend" in client.get("/console/").text
    assert post(client, csrf, "/console/suivant").headers["location"] == "/console/?fait=vide"


def test_a_long_queue_has_pages(house):
    house.receive(*[f"texte {number}" for number in range(60)])
    client, _ = house.browser()
    first, second = client.get("/console/").text, client.get("/console/?debut=50").text
    assert first.count('class="nature"') == 50
    assert second.count('class="nature"') == 10
    assert 'href="/console/?debut=50"' in first
    assert 'href="/console/?debut=0"' in second
    for odd in ("-1", "x", "9" * 30, "٣"):
        assert client.get("/console/", params={"debut": odd}).status_code == 200


def test_a_case_announces_itself_before_its_text_which_stays_on_the_server(house):
    hidden = {"texte": "une menace confidentielle", "fil": "fil confidentiel", "signalement": "motif confidentiel"}
    thread, notice = [{"text": hidden["fil"]}], {"explanation": hidden["signalement"]}
    (case_id,) = house.receive(hidden["texte"], thread=thread, notice=notice)
    client, csrf = house.browser()
    page = client.get(f"/console/dossiers/{case_id}").text
    assert "confidentiel" not in page
    assert (
        page.index("gravité")
        < page.index("<h1>")
        < page.index("Révéler le texte")
        < page.index("Pourquoi ce dossier est ici")
    )
    assert "Terrorisme" in page[page.index("<h1>") : page.index("</h1>")]
    for part, words in hidden.items():
        for headers in ({}, {"HX-Request": "true"}):
            asked = {"csrf": csrf, "partie": part}
            shown = client.post(f"/console/dossiers/{case_id}/reveler", data=asked, headers=headers).text
            assert words in shown
            assert shown.count("confidentiel") == 1
    assert client.post(f"/console/dossiers/{case_id}/reveler", data={"csrf": csrf, "partie": "tout"}).status_code == 422


def test_hostile_content_is_shown_as_text_everywhere(house):
    (case_id,) = house.receive(
        HOSTILE,
        thread=[{"text": HOSTILE}],
        notice={"explanation": HOSTILE},
        category=HOSTILE,
        url=f"javascript:{HOSTILE}",
    )
    client, csrf = house.browser()
    pages = [client.get("/console/").text, client.get(f"/console/dossiers/{case_id}").text]
    for part in ("texte", "fil", "signalement"):
        pages.append(post(client, csrf, f"/console/dossiers/{case_id}/reveler", partie=part).text)
    for page in pages:
        assert "<script>window" not in page
        assert "<img src=x" not in page
        assert "{{ 7*7 }}" in page
        assert "window.pris=1&lt;/script&gt;" in page
        assert 'href="javascript' not in page
        # Whatever its direction, foreign text stays in its own box.
        for at in re.finditer("\u202e", page):
            assert page.rfind("<bdi", 0, at.start()) > page.rfind("</bdi>", 0, at.start())


def test_claiming_opens_the_first_case_under_a_lease(house):
    client, csrf, path = take(house, "une haine", "une menace")
    page = client.get(path).text
    assert "Terrorisme" in page[page.index("<h1>") : page.index("</h1>")]
    assert "vous est réservé jusqu’à" in page
    assert "En cours chez vous" in client.get("/console/").text
    beat = post(client, csrf, f"{path}/bail")
    assert (beat.status_code, "réservé jusqu’à" in beat.text) == (200, True)


def test_the_grounds_of_the_suspected_family_have_digits_and_the_actions_letters(house):
    client, _, path = take(house)
    page = client.get(path).text
    groups = re.findall(r'<optgroup label="([^"]+)"', page)
    assert groups == ["Haine", "Terrorisme", "Harcèlement", "Autres qualifications"]
    digits = dict(re.findall(r'value="([^"]+)" data-touche="(\d)"', page))
    assert (digits["licite"], digits["cp.terrorisme"], digits["autre"]) == ("0", "1", "9")
    assert "loi1881.injure" not in digits
    steps = re.findall(r'name="suite" value="(\w+)" data-touche="(\w)" data-apres="([a-z ]+)"', page)
    assert ("transmission_pharos", "t", "illegal legal") in steps
    assert len({letter for _, letter, _ in steps}) == len(steps)


def test_a_decision_is_kept_with_its_ground_action_and_note(house):
    client, csrf, path = take(house)
    form = {"qualification": "cp.terrorisme", "suite": "transmission_pharos", "note": "vu <b>"}
    answer = post(client, csrf, f"{path}/decision", **form)
    assert answer.headers["location"] == path.replace("dossiers/", "?decide=")
    page = client.get(path).text
    for said in (
        "Contenu illicite",
        "Provocation directe",
        "art. 421-2-5",
        "Transmission à PHAROS",
        "vu &lt;b&gt;",
        "Décidé",
    ):
        assert said in page
    assert "Suite donnée <small>enregistre" not in page
    assert house.registry.get_sample_value("vigie_cases_decided_total", {"illegal": "true"}) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"suite": "transmission_pharos"}, "Choisissez la qualification"),
        ({"qualification": "autre", "suite": "transmission_pharos"}, "doit avoir un fondement"),
        ({"qualification": "cp.rien", "suite": "transmission_pharos"}, "Ce fondement n’existe pas"),
        ({"qualification": "cp.terrorisme", "suite": "maintien"}, "ne va pas avec cette qualification"),
        ({"qualification": "licite", "suite": ""}, "Choisissez la suite"),
    ],
)
def test_an_incomplete_decision_says_what_is_missing_and_keeps_what_was_written(house, fields, said):
    client, csrf, path = take(house)
    answer = post(client, csrf, f"{path}/decision", note="mes réflexions", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert "mes réflexions</textarea>" in answer.text
    if fields.get("qualification") in ("licite", "cp.terrorisme", "autre"):
        assert re.search(f'value="{fields["qualification"]}"[^>]* checked', answer.text)


def test_a_decision_can_be_taken_back_for_a_minute_by_the_one_who_took_it(house):
    client, csrf, path = take(house)
    case_id = path.rpartition("/")[2]
    form = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}
    after = post(client, csrf, f"{path}/decision", **form).headers["location"]
    page = client.get(after).text
    assert "Décision enregistrée." in page
    assert "Contenu illicite\u00a0: Transmission à PHAROS" in page
    colleague, theirs = house.browser()
    assert "Décision enregistrée." not in colleague.get(after).text
    assert post(colleague, theirs, f"{path}/annuler").status_code == 409
    assert post(client, csrf, f"{path}/annuler").headers["location"] == f"{path}?fait=annule"
    assert "de nouveau entre vos mains" in client.get(f"{path}?fait=annule").text
    assert house.queue.get(case_id).decisions == ()
    refused = post(client, csrf, f"{path}/annuler")
    assert refused.status_code == 409
    assert "ne peut plus être annulée" in refused.text


def test_a_decision_is_contested_with_its_grounds_and_read_again_by_somebody_else(house):
    client, csrf, path = take(house)
    assert "Réclamation" not in client.get(path).text
    post(client, csrf, f"{path}/decision", **DECISION)
    blank = post(client, csrf, f"{path}/contester", motif=" ")
    assert blank.status_code == 422
    assert "Écrivez le motif" in blank.text
    form = form_of(client.get(path).text, f"{path}/contester")
    answer = client.post(form["action"], data={**form["fields"], "motif": "il cite quelqu’un"})
    assert answer.headers["location"] == f"{path}?fait=conteste"
    assert "Réclamation ouverte" in client.get(answer.headers["location"]).text
    assert house.queue.get(path.rpartition("/")[2]).state is State.APPEALED
    assert post(client, csrf, "/console/suivant").headers["location"] == "/console/?fait=vide"
    colleague, theirs = house.browser()
    assert post(colleague, theirs, "/console/suivant").headers["location"] == path
    assert "il cite quelqu’un" in colleague.get(path).text
    again = post(client, csrf, f"{path}/contester", motif="encore")
    assert again.status_code == 409
    assert "a changé entre-temps" in again.text


def test_a_ground_of_the_whole_list_can_be_chosen(house):
    client, csrf, path = take(house)
    form = {"qualification": "autre", "fondement": "cp.menace", "suite": "notification_hebergeur"}
    assert post(client, csrf, f"{path}/decision", **form).status_code == 303
    assert house.queue.get(path.rpartition("/")[2]).decisions[0].ground == "cp.menace"


def test_giving_back_and_passing_on(house):
    client, csrf, path = take(house)
    assert post(client, csrf, f"{path}/remettre").headers["location"] == "/console/?fait=remis"
    assert post(client, csrf, "/console/suivant").headers["location"] == path
    passed_on = post(client, csrf, f"{path}/transmettre", note="doute", vital="oui")
    assert passed_on.headers["location"] == "/console/?fait=transmis"
    page = client.get(path).text
    assert "en seconde lecture" in page
    assert "Vie en danger" in page
    senior, senior_csrf = house.browser(Role.SENIOR)
    assert post(senior, senior_csrf, "/console/suivant").headers["location"] == path


def test_what_is_no_longer_mine_is_said_and_not_done(house):
    client, csrf, path = take(house)
    other, other_csrf = house.browser()
    decision = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}
    refused = post(other, other_csrf, f"{path}/decision", **decision)
    assert refused.status_code == 409
    assert "n’est plus à vous" in refused.text
    assert post(other, other_csrf, f"{path}/bail").status_code == 409
    assert "Un autre analyste lit ce dossier" in other.get(path).text
    assert post(client, csrf, f"{path}/decision", **decision).status_code == 303


def test_other_cases_against_the_same_person_are_shown(house):
    first, second = house.receive("une menace", "une haine", target_id="victime")
    client, _ = house.browser()
    page = client.get(f"/console/dossiers/{first}").text
    assert "Même personne visée" in page
    assert f"/console/dossiers/{second}" in page
    assert "victime" not in page


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.ADMIN])
def test_roles_that_read_no_case_see_none(house, role):
    (case_id,) = house.receive("une menace")
    client, csrf = house.browser(role)
    assert client.get("/console/").status_code == 403
    assert client.get(f"/console/dossiers/{case_id}").status_code == 403
    asked = {"csrf": csrf, "partie": "texte"}
    refused = client.post(f"/console/dossiers/{case_id}/reveler", data=asked, headers={"HX-Request": "true"})
    assert refused.status_code == 403
    assert "une menace" not in refused.text


def test_an_unknown_case_and_an_unknown_page_are_said_in_french(house):
    client, _ = house.browser()
    for path in ("/console/dossiers/absent", "/console/rien"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "n’existe pas" in answer.text


def test_an_unexpected_error_shows_a_reference_and_no_trace(house, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("détail interne")

    client, _ = house.browser()
    monkeypatch.setattr(house.queue, "stats", broken)
    answer = client.get("/console/")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "détail interne" not in answer.text
    assert "Traceback" not in answer.text


def test_a_skipped_case_is_not_proposed_again(house):
    client, csrf, path = take(house)
    assert post(client, csrf, f"{path}/passer", raison="fatigue").headers["location"] == "/console/?fait=passe"
    assert post(client, csrf, "/console/suivant").headers["location"] == "/console/?fait=vide"
    other, theirs = house.browser()
    assert post(other, theirs, "/console/suivant").headers["location"] == path


def test_a_supervisor_hands_a_case_over_and_nobody_else_does(house):
    client, csrf, path = take(house)
    boss, token = house.browser(Role.SUPERVISOR)
    senior = next(account for account in house.accounts.list_users() if account.role is Role.SENIOR)
    assert post(client, csrf, f"{path}/confier", a=senior.id).status_code == 403
    assert "Confier" not in client.get(path).text
    assert f'value="{senior.id}"' in boss.get(path).text
    assert post(boss, token, f"{path}/confier", a=senior.id).headers["location"] == f"{path}?fait=confie"
    assert house.queue.get(path.rpartition("/")[2]).row.claimed_by == senior.id


def test_notes_are_signed_and_inert(house):
    client, csrf, path = take(house)
    assert post(client, csrf, f"{path}/note", note="à revoir <script>").headers["location"] == f"{path}?fait=note"
    page = client.get(path).text
    assert "à revoir &lt;script&gt;" in page
    assert "analyst 2" in page
    assert post(client, csrf, f"{path}/note", note=" ").status_code == 422


def test_a_search_finds_a_pasted_text_and_shows_none(house):
    text = "une menace confidentielle contre le lycée de la ville, écrite un soir de pluie"
    first, second = house.receive(text, "une haine ordinaire", category="lettre")
    client, csrf = house.browser()
    assert "Collez un texte" in client.get("/console/recherche").text
    found = post(client, csrf, "/console/recherche", texte=text.upper()).text
    rows = re.findall(r'id="ligne-(\w+)"', found)
    assert rows == [first]
    assert "confidentielle" not in found  # only what was pasted, in capitals, comes back
    by_family = post(client, csrf, "/console/recherche", famille="haine").text
    assert re.findall(r'id="ligne-(\w+)"', by_family) == [second]
    assert post(client, csrf, "/console/recherche", du="2000-01-01", au="2000-01-02").text.count("Aucun dossier") == 1
    for wrong in ({"famille": "rien"}, {"du": "hier"}):
        assert post(client, csrf, "/console/recherche", **wrong).status_code == 422
