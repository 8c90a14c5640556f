"""Logs and events name people by their pseudonym; no name, password or code is ever written there."""

from __future__ import annotations

import json
import logging
import re

import pyotp
from house import PASSWORD
from pages import Forms, form_of, post, sign_in

from serving.api.auth import COOKIE
from serving.api.journal import JsonLines
from serving.review import Role
from serving.review.database import reading
from serving.review.tables import events, policy_changes

NAME = "Zoé Marchandeau"
CODE = "/console/reglages/code"


def a_day(house) -> tuple[str, list[str]]:
    """Zoé signs in twice, wrongly too, sets a code up, decides, writes, searches: her id, and what must not be told."""
    account, _ = house.accounts.create_user(NAME, Role.SUPERVISOR, PASSWORD)
    house.receive("une menace", "une haine")
    client = house.client()
    sign_in(client, NAME, "un mauvais mot de passe")
    sign_in(client, NAME)
    page = client.get(CODE).text
    form = form_of(page, CODE)
    key = re.search(r'class="clef"><code>([A-Z2-7 ]+)<', page)[1]
    totp = pyotp.TOTP(key.replace(" ", ""))
    shown = client.post(CODE, data={**form["fields"], "code": totp.now()}).text
    recovery = re.findall(r"<li><code>([A-Z2-7 ]+)</code>", shown)
    asked = sign_in(client, NAME)
    (form,) = Forms(asked.text).found
    client.post(form["action"], data={**form["fields"], "code": recovery[0]})
    csrf = form_of(client.get("/console/").text, "/console/suivant")["fields"]["csrf"]
    path = post(client, csrf, "/console/suivant").headers["location"]
    post(client, csrf, f"{path}/note", note="une note")
    post(client, csrf, f"{path}/decision", qualification="licite", suite="classement_sans_suite", note="une note")
    post(client, csrf, "/console/recherche", texte=NAME)
    client.get("/console/equipe")
    return account.id, [PASSWORD, "un mauvais mot de passe", key, *recovery, csrf, client.cookies[COOKIE], "une note"]


def test_a_day_is_logged_under_a_pseudonym_and_tells_no_name_and_no_secret(house, caplog):
    with caplog.at_level(logging.DEBUG):
        pseudonym, secrets = a_day(house)
    written = [JsonLines().format(record) for record in caplog.records]
    callers = {line["caller"] for line in map(json.loads, written) if line["event"] == "request"}
    assert callers == {None, f"person:{pseudonym}"}
    everything = "\n".join(written)
    for kept in ("Marchandeau", *secrets, *(secret.replace(" ", "") for secret in secrets)):
        assert kept not in everything


def test_events_name_their_actor_by_pseudonym(house):
    pseudonym, _ = a_day(house)
    with reading(house.queue.engine) as connection:
        rows = [str(row) for table in (events, policy_changes) for row in connection.execute(table.select())]
    assert any(pseudonym in row for row in rows)
    assert not any("Marchandeau" in row for row in rows)
