"""Near-duplicates on a case's page: compared, decided together and taken back together, without a browser."""

from __future__ import annotations

import re

from pages import form_of, post

from serving.review import State

NEAR = "une menace confidentielle contre le lycée de la ville, écrite un soir de pluie par quelqu’un"
DECISION = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}


def test_near_texts_are_proposed_their_words_on_demand_and_decided_together_except_where_a_word_counts(house):
    base = "une menace confidentielle contre le lycée de la ville, écrite un soir de pluie par quelqu’un"
    ids = house.receive(base, base + " vraiment", base.replace("une menace", "pas une menace"))
    client, csrf = house.browser()
    path = post(client, csrf, f"/console/dossiers/{ids[0]}/prendre").headers["location"]
    page = client.get(path).text
    assert "Textes presque identiques" in page
    assert "à lire à part" in page
    assert re.findall(r'name="avec" value="(\w+)"', page) == [ids[1]]
    assert "vraiment" not in page
    shown = post(client, csrf, f"{path}/reveler", partie="proches").text
    assert "vraiment" in shown
    assert "confidentielle" not in shown
    form = {"qualification": "cp.terrorisme", "suite": "transmission_pharos", "avec": ids[1:]}
    after = post(client, csrf, f"{path}/decision", **form).headers["location"]
    assert after == f"/console/?decide={ids[0]}&avec={ids[1]}&part=1"
    page = client.get(after).text
    assert "1\u00a0autre dossier a reçu la même décision" in page
    assert "1\u00a0dossier a été mis de côté" in page
    assert house.queue.get(ids[1]).decisions[0].ground == "cp.terrorisme"
    assert house.queue.get(ids[2]).decisions == ()


def decided_together(house):
    """Three cases alike decided at once: the browser, its token, their ids, and where it is sent then."""
    ids = house.receive(NEAR, NEAR + " vraiment", NEAR + ".")
    client, csrf = house.browser()
    path = post(client, csrf, f"/console/dossiers/{ids[0]}/prendre").headers["location"]
    after = post(client, csrf, f"{path}/decision", **DECISION, avec=ids[1:]).headers["location"]
    return client, csrf, ids, after


def test_decisions_taken_together_come_back_together(house):
    client, _, ids, after = decided_together(house)
    page = client.get(after).text
    assert "Annuler les 3 décisions" in page
    undo = f"/console/dossiers/{ids[0]}/annuler"
    sent = {"csrf": form_of(page, undo)["fields"]["csrf"], "avec": re.findall(r'name="avec" value="(\w+)"', page)}
    back = client.post(undo, data=sent)
    assert back.headers["location"] == "/console/?annules=3&restes=0"
    assert "3\u00a0décisions annulées" in client.get(back.headers["location"]).text
    assert [house.queue.get(case_id).state for case_id in ids] == [State.CLAIMED] * 3
    assert client.post(undo, data=sent).status_code == 409


def test_of_decisions_taken_together_one_comes_back_from_its_page_and_the_others_after_it(house):
    client, csrf, ids, after = decided_together(house)
    assert all("Décision enregistrée." in client.get(f"/console/dossiers/{case_id}").text for case_id in ids)
    post(client, csrf, f"/console/dossiers/{ids[1]}/note", note="à revoir")
    page = client.get(f"/console/dossiers/{ids[1]}").text
    assert form_of(page, f"/console/dossiers/{ids[1]}/annuler")
    assert post(client, csrf, f"/console/dossiers/{ids[1]}/annuler").status_code == 303
    assert "Annuler les 2 décisions" in client.get(after).text
    back = post(client, csrf, f"/console/dossiers/{ids[0]}/annuler", avec=ids[1:]).headers["location"]
    assert back == "/console/?annules=2&restes=1"
    assert "1\u00a0autre ne peut plus l’être" in client.get(back).text
    colleague, _ = house.browser()
    assert "Décision enregistrée." not in colleague.get(f"/console/dossiers/{ids[2]}").text


def test_revealing_the_words_that_differ_keeps_what_was_ticked_and_written(house):
    ids = house.receive(NEAR, NEAR + " vraiment")
    client, csrf = house.browser()
    path = post(client, csrf, f"/console/dossiers/{ids[0]}/prendre").headers["location"]
    sent = {"csrf": csrf, "partie": "proches", "avec": ids[1], "qualification": "cp.terrorisme", "note": "à relire"}
    part = client.post(f"{path}/reveler", data=sent, headers={"HX-Request": "true"}).text
    page = client.post(f"{path}/reveler", data=sent).text
    for shown in (part, page):
        assert ">vraiment</bdi>" in shown
        assert re.search(rf'value="{ids[1]}"[^>]* checked', shown)
    assert part.strip().startswith('<section class="carte" id="proches"')
    assert re.search(r'value="cp.terrorisme"[^>]* checked', page)
    assert "à relire</textarea>" in page
