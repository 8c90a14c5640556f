"""The service as it runs: `bentoml serve` in a process of its own, over real sockets."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from addressee import addressee
from running import PATIENCE, Running, rooms, start, stop, wait_for
from standardwebhooks import Webhook

from serving.api.limits import Limits
from serving.review import Hooks, NewCase, Role, Source

PASSWORD = "un mot de passe assez long"


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def service(state, tiny_bundle, root) -> Iterator[Running]:
    process, url, log = start(state, tiny_bundle, VIGIE_HOOK_HTTP="1", VIGIE_HOOK_PRIVATE="1")
    try:
        wait_for(process, url, "/readyz", 200, log)
        _, accounts = rooms(state, root)
        _, key = accounts.create_key("essai", "platform")
        accounts.create_user("ana", Role.ANALYST, PASSWORD)
        yield Running(url, key, accounts.sign_in("ana", PASSWORD).token, log, process)
    finally:
        stop(process)


def test_health_is_open(service):
    with service.client() as stranger:
        assert [stranger.get(path).status_code for path in ("/livez", "/readyz", "/healthz")] == [200] * 3


BEHIND = [
    *(
        "/metrics",
        "/docs.json",
        "/schema.json",
        "/openapi.json",
        "/static_content/x",
        "/assets/x",
        "/livez/",
        "//livez",
    ),
    *(
        "/v1/openapi.json",
        "/v1/bundle",
        "/v1/cases",
        "/v1/cases/x/decision",
        "/v1/stats",
        "/v1/score",
        "/v1/queue/claim",
    ),
    *("/readyz/x", "/inconnu"),
]


@pytest.mark.parametrize("path", BEHIND)
def test_everything_else_needs_a_caller_bentoml_s_own_routes_included(service, path):
    with service.client() as stranger:
        answers = [stranger.request(method, service.url + path) for method in ("GET", "POST", "OPTIONS")]
    assert [answer.status_code for answer in answers] == [401] * 3


def test_the_console_sends_strangers_to_its_sign_in_page(service):
    with service.client() as stranger:
        for path in ("/", "/console", "/console/", "/console/dossiers/x"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.headers["location"][:18]) == (303, "/console/connexion")
        assert stranger.get("/console/connexion").status_code == 200
        assert stranger.get("/console/static/console.css").status_code == 200


def test_unknown_routes_are_problems(service):
    with service.client(service.key) as client:
        answer = client.get("/v1/inconnu")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_case_goes_from_submission_to_decision(service):
    with service.client(service.key) as key, service.client(service.session) as analyst:
        scored = key.post("/v1/score", json={"items": [{"id": "a", "text": "une menace"}, {"text": ""}]}).json()
        assert [item["status"] for item in scored["items"]] == ["scored", "error"]
        received = key.post("/v1/cases", json={"external_id": "1", "text": "une menace confidentielle"})
        assert received.status_code == 202
        case_id = received.json()["id"]
        while key.get(f"/v1/cases/{case_id}").json()["state"] == "received":
            time.sleep(0.05)  # scored in the background; pytest's timeout ends a wait without end
        assert analyst.post("/v1/queue/claim").json()["case"]["id"] == case_id
        form = {"illegal": True, "ground": "cp.terrorisme", "action": "transmission_pharos"}
        assert analyst.post(f"/v1/cases/{case_id}/decision", json=form).json()["state"] in ("decided", "second_review")
        assert key.get(f"/v1/cases/{case_id}").json()["decisions"][0]["ground"] == "cp.terrorisme"


def test_a_decision_is_told_to_a_hook(service, state, root):
    queue, _ = rooms(state, root)
    hooks = Hooks(queue.engine, (state / "secret").read_bytes().strip())
    came = threading.Event()
    with addressee() as told, service.client(service.key) as platform, service.client(service.session) as analyst:
        told.before = lambda number: came.set()
        hook = hooks.add(told.url, None, datetime.now(UTC))
        case_id = platform.post("/v1/cases", json={"external_id": "h1", "text": "une menace"}).json()["id"]
        assert analyst.post(f"/v1/cases/{case_id}/claim").status_code == 200
        order = {"illegal": True, "ground": "cp.terrorisme", "action": "transmission_pharos"}
        assert analyst.post(f"/v1/cases/{case_id}/decision", json=order).status_code == 200
        analyst.post(f"/v1/cases/{case_id}/undo")  # told as well, also where the decision awaits a second reader
        assert came.wait(PATIENCE)
    headers, body = told.got[0]
    assert Webhook(hooks.secret_of(hook.id)).verify(body, headers)["data"]["case_id"] == case_id
    hooks.remove(hook.id)
    queue.engine.dispose()


def test_metrics_count_without_text_or_ids(service):
    with service.client(service.key) as key:
        key.post("/v1/score", json={"items": [{"text": "une menace confidentielle"}]})
        key.get("/v1/cases/identifiant-inventé")
        shown = key.get("/metrics").text
    assert 'vigie_texts_total{outcome="scored"}' in shown
    assert "vigie_scoring_seconds_bucket" in shown
    assert 'route="/v1/cases/{case_id}"' in shown
    assert "confidentielle" not in shown
    assert "inventé" not in shown


def endless():
    for _ in range(Limits.body // 65_536 + 2):
        yield b" " * 65_536


def test_a_body_of_more_than_8_mib_is_413_without_content_length_as_well(service):
    with service.client(service.key) as client:
        for content in (b" " * (Limits.body + 1), endless()):
            answer = client.post("/v1/score", content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert client.get("/v1/bundle").status_code == 200


def test_the_log_is_json_lines_without_texts(service):
    with service.client(service.key) as client:
        client.post("/v1/score?requete=secrete", json={"items": [{"text": "phrase tout à fait confidentielle"}]})
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert any(line["event"] == "ready" for line in lines)
    assert any(line.get("path") == "/v1/score" and line["status"] == 200 for line in lines)
    for kept_out in ("confidentielle", "secrete", "Traceback"):
        assert kept_out not in text


def test_what_came_before_the_start_is_scored_and_sigterm_ends_the_service(tmp_path, tiny_bundle, root):
    (tmp_path / "secret").write_text("0" * 64)
    queue, _ = rooms(tmp_path, root)
    (receipt,) = queue.receive([NewCase(external_id="1", text="une menace")], source=Source("k", "platform"))
    process, url, log = start(tmp_path, tiny_bundle)
    try:
        wait_for(process, url, "/readyz", 200, log)
        while queue.get(receipt.id).state == "received":
            time.sleep(0.05)
    finally:
        stop(process)
    assert process.returncode == 0
    assert queue.verify_chain().first_bad is None


def listens(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) == 0


def test_a_worker_does_not_outlive_a_supervisor_that_was_killed(tmp_path, tiny_bundle):
    process, url, log = start(tmp_path, tiny_bundle)
    wait_for(process, url, "/readyz", 200, log)
    process.kill()
    process.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while listens(url) and time.monotonic() < end:
        time.sleep(0.2)
    assert not listens(url)


def test_a_tampered_bundle_is_said_in_the_log_and_nothing_is_served(tmp_path, tiny_bundle):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (bundle / "CARD.md").write_text("autre chose")
    process, url, log = start(tmp_path, bundle)
    try:
        wait_for(process, url, "/livez", 503, log)
        assert httpx.get(url + "/readyz").status_code == 503
        # The database is open, so callers are known or not as always.
        assert httpx.get(url + "/v1/bundle").status_code == 401
    finally:
        stop(process)
    text = log.read_text()
    assert "CARD.md" in text
    assert "Traceback" not in text


def test_an_unreachable_database_is_said_in_the_log_and_answers_503(tmp_path, tiny_bundle, monkeypatch):
    monkeypatch.setenv("VIGIE_DATABASE_URL", "mysql://user:motdepasse@nulle.part/base")
    process, url, log = start(tmp_path, tiny_bundle)
    try:
        wait_for(process, url, "/livez", 503, log)
        answer = httpx.get(url + "/v1/bundle")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    finally:
        stop(process)
    text = log.read_text()
    assert "VIGIE_DATABASE_URL" in text
    assert "motdepasse" not in text
    assert "Traceback" not in text


def test_no_serving_module_loads_the_training_stack(root):
    code = """
import importlib, pkgutil, sys
import serving
import serving.service
names = [m.name for m in pkgutil.walk_packages(serving.__path__, "serving.") if "migrations" not in m.name]
for name in names:
    importlib.import_module(name)
heavy = {"torch", "transformers", "mlflow", "sklearn", "datasets", "pandas", "training"}
print(len(names), sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    count, _, found = done.stdout.strip().partition(" ")
    assert int(count) > 30
    assert found == "[]"
