"""Every route of the console tried by every role and by nobody; a route without an entry here fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from house import PASSWORD, SECRET, open_house
from pages import post
from prometheus_client import CollectorRegistry
from starlette.routing import Mount, Route

from serving.api.auth import COOKIE, SIGN_IN
from serving.api.csrf import csrf_token
from serving.api.meters import Meters
from serving.console import Desk, Words, create_console
from serving.review import READERS, DecisionForm, Role

EVERYBODY = frozenset(Role)
SUPERVISOR = frozenset({Role.SUPERVISOR})
WATCHERS = frozenset({Role.SUPERVISOR, Role.ADMIN})
#: Open to nobody in particular: the way in.
OPEN = frozenset({"GET /connexion", "POST /connexion"})


@dataclass(frozen=True)
class Entry:
    """Who may, what is sent, and the status then; ``case``: how the case stands that the path is about."""

    who: frozenset[Role]
    status: int = 303
    case: str = ""
    sent: dict[str, Any] = field(default_factory=dict)


DECISION = {"qualification": "licite", "suite": "classement_sans_suite"}
WHO = {
    "POST /deconnexion": Entry(EVERYBODY),
    "GET /mot-de-passe": Entry(EVERYBODY, 200),
    "POST /mot-de-passe": Entry(EVERYBODY, 422, sent={"nouveau": "a", "confirmation": "b"}),
    "GET /": Entry(READERS, 200),
    "POST /suivant": Entry(READERS),
    "GET /dossiers/{case_id}": Entry(READERS, 200, "waiting"),
    "POST /dossiers/{case_id}/reveler": Entry(READERS, 200, "waiting", {"partie": "texte"}),
    "POST /dossiers/{case_id}/decision": Entry(READERS, 303, "held", DECISION),
    "POST /dossiers/{case_id}/annuler": Entry(READERS, 303, "decided"),
    "POST /dossiers/{case_id}/contester": Entry(READERS, 303, "decided", {"motif": "citation d’un tiers"}),
    "POST /dossiers/{case_id}/remettre": Entry(READERS, 303, "held"),
    "POST /dossiers/{case_id}/transmettre": Entry(READERS, 303, "held"),
    "POST /dossiers/{case_id}/passer": Entry(READERS, 303, "held", {"raison": "topic"}),
    "POST /dossiers/{case_id}/prendre": Entry(READERS, 303, "waiting"),
    "POST /dossiers/{case_id}/confier": Entry(SUPERVISOR, 303, "waiting", {"a": "SENIOR"}),
    "POST /dossiers/{case_id}/note": Entry(READERS, 303, "waiting", {"note": "à revoir"}),
    "POST /dossiers/{case_id}/reference": Entry(SUPERVISOR, 303, "decided", {"geste": "garder"}),
    "POST /dossiers/{case_id}/bail": Entry(READERS, 200, "held"),
    "GET /recherche": Entry(READERS, 200),
    "POST /recherche": Entry(READERS, 200, sent={"texte": "bonjour"}),
    "GET /journee": Entry(READERS, 200),
    "GET /equipe": Entry(WATCHERS, 200),
    "POST /equipe/confier": Entry(SUPERVISOR, 303, "waiting", {"a": "SENIOR", "dossier": "CASE"}),
    "GET /reglages": Entry(EVERYBODY, 200),
    "POST /reglages/lecture": Entry(READERS, sent={"ouverture": "veiled"}),
    "POST /reglages/raccourcis": Entry(EVERYBODY, sent={"raccourcis": "oui"}),
    "POST /reglages/sujets": Entry(READERS),
    "POST /reglages/sessions/fermer": Entry(EVERYBODY),
    "GET /reglages/code": Entry(EVERYBODY, 200),
    "POST /reglages/code": Entry(EVERYBODY, 422, sent={"code": "x"}),
    "POST /reglages/code/retirer": Entry(EVERYBODY, 422, sent={"mot_de_passe": "x", "code": "x"}),
}
#: They end the session that asks.
LEAVE = frozenset({"POST /deconnexion", "POST /reglages/sessions/fermer"})
TRIED = [(name, role) for name in WHO for role in Role]


class Visitors:
    """Somebody of every role at the doors of one house."""

    def __init__(self, house) -> None:
        self.house = house
        self.browsers = {role: house.browser(role) for role in Role}
        people = house.accounts.list_users()
        known = {role: house.accounts.session(client.cookies[COOKIE]).id for role, (client, _) in self.browsers.items()}
        self.accounts = {role: next(one for one in people if one.id == known[role]) for role in Role}
        self.received = 0

    def ask(self, name: str, role: Role):
        """The answer to somebody of ``role``, on a case of its own where the path is about one."""
        entry, (method, path) = WHO[name], name.split()
        client, csrf = self.leaving(role) if name in LEAVE else self.browsers[role]
        case_id = self.case_for(entry, role) if entry.case else ""
        path = "/console" + path.replace("{case_id}", case_id)
        if method == "GET":
            return client.get(path)
        named = {"SENIOR": self.accounts[Role.SENIOR].id, "CASE": case_id}
        return post(client, csrf, path, **{key: named.get(value, value) for key, value in entry.sent.items()})

    def leaving(self, role: Role):
        """A browser of somebody else of ``role``: all sessions of theirs may end."""
        self.received += 1
        account, _ = self.house.accounts.create_user(f"{role} qui part {self.received}", role, PASSWORD)
        token = self.house.accounts.sign_in(account.name, PASSWORD).token
        client = self.house.client()
        client.cookies.set(COOKIE, token)
        return client, csrf_token(SECRET, token)

    def case_for(self, entry: Entry, role: Role) -> str:
        """A case that stands as the entry says, in the hands of ``role`` if it may hold one."""
        self.received += 1
        (case_id,) = self.house.receive(f"bonjour {self.received}")
        if role in READERS and entry.case != "waiting":
            self.house.queue.claim_case(case_id, self.accounts[role])
            if entry.case == "decided":
                form = DecisionForm(illegal=False, action="classement_sans_suite")
                self.house.queue.decide(case_id, self.accounts[role], form)
        return case_id


@pytest.fixture(scope="module")
def visitors(tmp_path_factory, tiny_bundle):
    house, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield Visitors(house)
    close()


def test_every_route_has_an_entry(visitors):
    house = visitors.house
    rules = house.queue.rules
    words = Words(rules.taxonomy, rules.policy)
    app = create_console(Desk(house.queue, house.accounts, words, SECRET, Meters(CollectorRegistry())))
    assert [route.path for route in app.routes if isinstance(route, Mount)] == ["/static"]
    found = {f"{method} {r.path}" for r in app.routes if isinstance(r, Route) for method in r.methods - {"HEAD"}}
    assert found == WHO.keys() | OPEN


@pytest.mark.parametrize(("name", "role"), TRIED)
def test_who_may_is_served_and_the_others_are_refused(visitors, name, role):
    answer, entry = visitors.ask(name, role), WHO[name]
    assert answer.status_code == (entry.status if role in entry.who else 403)
    if answer.status_code == 303:
        assert (answer.headers["location"] == SIGN_IN) is (name in LEAVE)
    if answer.status_code == 403:
        assert "Votre rôle ne permet pas cette action" in answer.text


@pytest.mark.parametrize("name", WHO)
def test_nobody_is_sent_to_the_way_in(visitors, name):
    method, path = name.split()
    answer = visitors.house.client().request(method, "/console" + path.replace("{case_id}", "x"))
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] == SIGN_IN


@pytest.mark.parametrize("name", [name for name in WHO if name.startswith("POST")])
def test_no_form_is_taken_without_the_token_of_its_session(visitors, name):
    client, _ = visitors.browsers[Role.SUPERVISOR]
    answer = client.post("/console" + name.split()[1].replace("{case_id}", "x"), data={"csrf": "0" * 64})
    assert answer.status_code == 403
    assert "La page a expiré" in answer.text
