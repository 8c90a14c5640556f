"""Who gets in, and where."""

from __future__ import annotations

import pytest
from house import CONFIGS, PASSWORD, SECRET
from routes import WHO

from serving.api import create_app
from serving.api.csrf import csrf_matches, csrf_token
from serving.api.meters import Meters
from serving.facades import load_facades
from serving.review import Role

#: What each façade answers to nobody: OpenAI's way is 401, Google's 403.
FACADES = {
    ("POST", "/v1/moderations"): 401,
    ("POST", "/v1alpha1/comments:analyze"): 403,
    ("POST", "/v1alpha1/comments:suggestscore"): 403,
    ("GET", "/$discovery/rest"): 403,
}

#: Those whose refusals have our own shape, and what is no route at all.
ROUTES = [
    *(
        (method, path.replace("{case_id}", "x"))
        for method, path in (name.split() for name in WHO)
        if (method, path) not in FACADES
    ),
    ("GET", "/v1/openapi.json"),
    ("GET", "/v1/nulle-part"),
    ("GET", "/docs.json"),
]


@pytest.mark.parametrize("authorization", [None, "Bearer faux", "Bearer ", "Basic dXNlcjpwYXNz", "vigie_x"])
def test_strangers_are_refused_everywhere(house, authorization):
    client = house.client(**({"Authorization": authorization} if authorization else {}))
    for method, path in ROUTES:
        answer = client.request(method, path)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_facades_refuse_strangers_in_their_own_words(house):
    for method, path in FACADES:
        answer = house.client().request(method, path)
        assert (path, answer.status_code, list(answer.json())) == (path, FACADES[method, path], ["error"])
        wrong = house.client(Authorization="Bearer faux").request(method, path)
        assert (path, wrong.status_code, list(wrong.json())) == (path, 401, ["error"])


def test_strangers_at_the_console_are_sent_to_the_sign_in_page_and_back(house):
    answer = house.client().get("/console/dossiers/abc")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/connexion?suite=/console/dossiers/abc"
    assert house.client().post("/console/suivant").headers["location"] == "/console/connexion"


def test_htmx_is_told_to_leave_the_page_instead_of_showing_the_sign_in_inside(house):
    answer = house.client(**{"HX-Request": "true"}).get("/console/")
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/console/connexion")


def test_the_sign_in_page_and_its_files_are_open(house):
    for path in ("/console/connexion", "/console/static/console.css", "/console/static/htmx-4.0.1.min.js"):
        assert house.client().get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/console/static/../", "/console/static/../../v1/stats", "/console/static/%2e%2e/app.py"]
)
def test_nothing_but_static_files_is_below_static(house, path):
    assert house.client().get(path).status_code in (303, 401, 404)


def test_a_revoked_key_is_refused_at_once(house):
    key, plain = house.accounts.create_key("à révoquer", "platform")
    client = house.client(Authorization=f"Bearer {plain}")
    assert client.get("/v1/bundle").status_code == 200
    house.accounts.revoke_key(key.id)
    assert client.get("/v1/bundle").status_code == 401


def test_a_signed_out_session_is_refused(house):
    token = house.token()
    client = house.client(Authorization=f"Bearer {token}")
    assert client.get("/v1/stats").status_code == 200
    house.accounts.sign_out(token)
    assert client.get("/v1/stats").status_code == 401


def test_the_scheme_is_read_without_case(house):
    _, plain = house.accounts.create_key("casse", "platform")
    assert house.client(authorization=f"bearer {plain}").get("/v1/bundle").status_code == 200


def test_a_key_never_enters_the_console(house):
    assert house.key().get("/console/").status_code == 403


def test_metrics_are_for_keys_and_admins(house):
    assert house.key().get("/metrics").status_code == 200
    assert house.person(Role.ADMIN).get("/metrics").status_code == 200
    assert house.person(Role.ANALYST).get("/metrics").status_code == 403


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.ANALYST, "/v1/queue/claim", 200),
        (Role.SENIOR, "/v1/queue/claim", 200),
        (Role.SUPERVISOR, "/v1/queue/claim", 200),
        (Role.RESEARCHER, "/v1/queue/claim", 403),
        (Role.ADMIN, "/v1/queue/claim", 403),
        (Role.ANALYST, "/v1/cases", 403),
    ],
)
def test_what_a_role_may_post(house, role, path, status):
    assert house.person(role).post(path, json={"external_id": "1", "text": "a"}).status_code == status


@pytest.mark.parametrize("path", ["/v1/queue/claim", "/v1/cases/x/decision", "/v1/cases/x/heartbeat"])
def test_keys_neither_claim_nor_decide(house, path):
    answer = house.key().post(path, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.ADMIN])
def test_roles_that_read_no_case_list_and_open_none(house, role):
    client = house.person(role)
    assert client.get("/v1/cases").status_code == 403
    assert client.get("/v1/cases/x").status_code == 403
    assert client.get("/v1/stats").status_code == 200


def test_a_session_cookie_alone_reads_but_does_not_write_to_the_api(house):
    browser, csrf = house.browser()
    assert browser.get("/v1/stats").status_code == 200
    refused = browser.post("/v1/queue/claim")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    assert browser.post("/v1/queue/claim", headers={"X-CSRF-Token": csrf}).status_code == 200


def test_a_one_time_password_opens_nothing_but_the_page_that_changes_it(house):
    _, once = house.accounts.create_user("à usage unique", Role.ANALYST)
    session = house.accounts.sign_in("à usage unique", once)
    client = house.client(Authorization=f"Bearer {session.token}")
    assert client.post("/v1/queue/claim").json()["code"] == "password_change_required"
    assert client.get("/console/").headers["location"] == "/console/mot-de-passe"


def test_an_application_without_a_gate_lets_nobody_in(house):
    from prometheus_client import CollectorRegistry
    from starlette.testclient import TestClient

    facades = load_facades(CONFIGS / "facades.toml")
    app = create_app(house.classifier, house.queue, SECRET, meters=Meters(CollectorRegistry()), facades=facades)
    bare = TestClient(app)
    assert bare.post("/v1/queue/claim").status_code == 403
    assert bare.post("/v1/cases", json={}).status_code == 403
    assert bare.post("/v1/score", json={"items": [{"text": "a"}]}).status_code == 403
    assert bare.get("/metrics").status_code == 403


def test_csrf_tokens_belong_to_one_session():
    token = csrf_token(SECRET, "a")
    assert csrf_matches(SECRET, "a", token)
    assert not csrf_matches(SECRET, "b", token)
    assert not csrf_matches(b"x" * 32, "a", token)
    assert not csrf_matches(SECRET, "a", None)


def test_no_answer_holds_a_secret(house):
    key = house.key()
    answer = key.get("/v1/bundle")
    assert PASSWORD not in answer.text
    assert key.headers["Authorization"].removeprefix("Bearer ") not in answer.text
