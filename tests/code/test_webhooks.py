"""Messages as their receivers get them: signed, in order, at least once, to places that are allowed."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import anyio
import httpx
import pytest
import trustme
from addressee import Addressee, addressee
from house import SECRET
from standardwebhooks import Webhook, WebhookVerificationError

from serving.bundle import InputError, Unavailable
from serving.policy import load_policy
from serving.review import DecisionForm, Hooks, KeyKind, NewCase, Queue, Source, open_database
from serving.webhooks import Allowed, Courier, Terms, check_reachable, courier, try_once
from serving.webhooks.addresses import is_public

SOURCE = Source("clef", KeyKind.PLATFORM)
FORM = DecisionForm(illegal=True, ground="cp.terrorisme", action="transmission_pharos", note="une note secrète")
ANYWHERE = Allowed(http=True, private=True)
PATIENCE = 60


@pytest.fixture
def receiver() -> Iterator[Addressee]:
    with addressee() as found:
        yield found


@pytest.fixture
def database(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'queue.db'}"


@pytest.fixture
def queue(database, root, taxonomy) -> Iterator[Queue]:
    """One database, since what is asked of it here is tested on both elsewhere."""
    engine = open_database(database)
    policy = load_policy(root / "configs" / "policy.toml")
    yield Queue(engine, policy, taxonomy, SECRET, draw=lambda: 0.999)
    engine.dispose()


@pytest.fixture
def hooks(queue) -> Hooks:
    return Hooks(queue.engine, SECRET)


def decide(queue, analyst, *names: str) -> None:
    """Cases of these names, from receipt to decision."""
    received = queue.receive([NewCase(external_id=name, text=f"un texte {name}") for name in names], source=SOURCE)
    for receipt in received:
        queue.claim_case(receipt.id, analyst)
        queue.decide(receipt.id, analyst, FORM)
    queue.seal()


def delivered(hooks, terms: Terms = Terms(ANYWHERE), outcomes: list[str] | None = None) -> int:
    """One round of a courier."""
    return anyio.run(Courier(hooks, terms, (outcomes if outcomes is not None else []).append).round)


def test_a_decision_arrives_signed_and_without_text(queue, hooks, analyst, receiver, noon):
    hook = hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a")
    assert delivered(hooks) == 1
    ((headers, body),) = receiver.got
    message = Webhook(hooks.secret_of(hook.id)).verify(body, headers)
    assert message["type"] == "case.decided"
    assert message["data"]["external_id"] == "a"
    finding = {"illegal": True, "ground": "cp.terrorisme", "action": "transmission_pharos", "known": False}
    assert message["data"]["decision"] == finding
    assert b"un texte" not in body
    assert b"secr" not in body
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(hooks.secret_of(hook.id)).verify(body.replace(b"true", b"false"), headers)
    assert delivered(hooks) == 0


def test_the_page_s_snippet_reads_a_message(root, queue, hooks, analyst, receiver, noon):
    page = (root / "docs" / "webhooks.md").read_text(encoding="utf-8")
    room: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], room)
    hook = hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a")
    delivered(hooks)
    headers, body = receiver.got[0]
    message = room["read"](body, headers, hooks.secret_of(hook.id))
    shown = json.loads(re.search(r"```json\n(.*?)```", page, re.S)[1])
    assert set(message) == set(shown)
    assert set(message["data"]) == set(shown["data"])
    assert set(message["data"]["decision"]) == set(shown["data"]["decision"])


def test_a_refused_message_comes_again_before_those_after_it(queue, hooks, analyst, receiver, noon, monkeypatch):
    monkeypatch.setattr(courier, "_FIRST_WAIT", 0.0)
    receiver.answers = [204, 500, 302]
    hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a", "b", "c")
    outcomes: list[str] = []
    counts = [delivered(hooks, outcomes=outcomes) for _ in range(3)]
    assert counts == [1, 0, 2]
    assert outcomes == ["delivered", "failed", "failed", "delivered", "delivered"]
    first, second, third = dict.fromkeys(receiver.ids)
    assert receiver.ids == [first, second, second, second, third]
    assert len({body for headers, body in receiver.got if headers["webhook-id"] == second}) == 1


def test_one_hook_that_fails_delays_no_other(queue, hooks, analyst, receiver, noon):
    broken = hooks.add("http://127.0.0.1:9/rien", None, noon)
    hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a", "b")
    assert delivered(hooks) == 2
    assert hooks.get(broken.id).failures == 1


def test_waits_grow_and_vary(queue, hooks, analyst, noon):
    hook = hooks.add("http://127.0.0.1:9/rien", None, noon)
    decide(queue, analyst, "a")
    waits = []
    for _ in range(4):
        hooks.resume(hook.id, noon)
        for _ in range(len(waits)):
            hooks.failed(hook.id, noon, noon, timedelta(days=5))
        delivered(hooks)
        waits.append((hooks.get(hook.id).next_at - datetime.now(UTC)).total_seconds())
    for power, wait in enumerate(waits):
        assert wait <= 5 * 2**power
    assert waits[3] > waits[0]


def test_a_hook_that_fails_for_too_long_is_disabled_said_and_resumed_by_a_test(
    queue, hooks, analyst, receiver, noon, caplog
):
    receiver.answers = [503, 503]
    hook = hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a")
    outcomes: list[str] = []
    with caplog.at_level(logging.WARNING, "vigie.hooks"):
        delivered(hooks, Terms(ANYWHERE, give_up=timedelta(0)), outcomes)
    assert outcomes == ["failed", "disabled"]
    (line,) = caplog.records
    assert (line.getMessage(), line.fields["hook"]) == ("hook disabled", hook.id)
    assert delivered(hooks) == 0
    assert try_once(hooks, hook.id, ANYWHERE) == "answered 503"
    assert hooks.get(hook.id).disabled_at is not None
    assert try_once(hooks, hook.id, ANYWHERE) is None
    headers, body = receiver.got[-1]
    assert Webhook(hooks.secret_of(hook.id)).verify(body, headers)["type"] == "vigie.test"
    assert delivered(hooks) == 1


def test_an_answer_that_does_not_come_is_not_waited_for(queue, hooks, analyst, receiver, noon, monkeypatch):
    monkeypatch.setattr(courier, "_PATIENCE", 0.2)
    ended = threading.Event()
    receiver.before = lambda number: ended.wait(PATIENCE)
    hook = hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a")
    assert delivered(hooks) == 0
    ended.set()
    assert hooks.get(hook.id).failures == 1


def test_a_courier_outlives_a_database_out_of_reach(queue, hooks, analyst, receiver, noon, monkeypatch, caplog):
    monkeypatch.setattr(courier, "_IDLE", 0.0)
    came, due, failures = threading.Event(), hooks.due, [Unavailable("la base ne répond pas")]

    def sometimes(now):
        if failures:
            raise failures.pop()
        return due(now)

    monkeypatch.setattr(hooks, "due", sometimes)
    receiver.before = lambda number: came.set()
    hooks.add(receiver.url, None, noon)
    decide(queue, analyst, "a")
    thread = Courier(hooks, Terms(ANYWHERE))
    thread.start()
    assert came.wait(PATIENCE)
    thread.stop()
    assert not thread.is_alive()
    assert caplog.records[0].fields == {"why": "la base ne répond pas"}


# --- Where messages may go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://exemple.fr/",
        "ftp://exemple.fr/",
        "https://",
        "https://nom:passe@exemple.fr/",
        "https://exemple.fr/#ici",
        "exemple.fr",
        "https://exemple.fr/" + "a" * 3_000,
        "https://exemple.fr:99999/",
    ],
)
def test_an_unfit_address_is_refused_without_being_quoted(url):
    with pytest.raises(InputError, match="expected https://HOST") as caught:
        check_reachable(url, Allowed())
    assert "passe" not in caught.value.detail


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:192.168.0.1]", "0.0.0.0", "localhost"]
)
def test_private_hosts_are_refused_unless_allowed(host):
    with pytest.raises(InputError, match="public network"):
        check_reachable(f"https://{host}/", Allowed())
    check_reachable(f"https://{host}/", Allowed(private=True))


def test_a_name_that_leads_nowhere_is_said_to_be_so():
    with pytest.raises(Unavailable, match="looked up"):
        check_reachable("https://nulle-part.invalid/", Allowed())


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::6810:84e5", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:0a00:0001::", False),
        ("::ffff:93.184.215.14", True),
    ],
)
def test_public_addresses(address, public):
    assert is_public(address) is public


def test_a_name_is_asked_once_and_its_address_connected_to(monkeypatch):
    """A name that answers a public address, then a private one, leads to the first or nowhere."""
    asked = []

    async def resolve(host, port, **kind):
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.215.14" if len(asked) == 1 else "127.0.0.1", port))]

    met = []

    async def post(url: httpx.URL, host: str, headers: dict[str, str], body: bytes) -> None:
        met.append((url.host, host, headers["host"]))

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    monkeypatch.setattr(courier, "_post", post)
    assert anyio.run(courier.send, "https://exemple.fr:8443/x", "whsec_AAAA", "m", b"{}", Allowed()) is None
    assert met == [("93.184.215.14", "exemple.fr", "exemple.fr:8443")]
    refused = anyio.run(courier.send, "https://exemple.fr:8443/x", "whsec_AAAA", "m", b"{}", Allowed())
    assert "public network" in refused
    assert len(asked) == 2


@pytest.mark.parametrize(("name", "why"), [("localhost", None), ("autre.exemple", "ConnectError")])
def test_a_certificate_is_checked_against_the_name_and_not_the_address(monkeypatch, name, why):
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(theirs)
    authority.configure_trust(ours)
    monkeypatch.setattr(courier, "_authorities", lambda: ours)
    with addressee(theirs) as found:
        # "localhost" may mean ::1 first, where nobody listens.
        monkeypatch.setattr(courier, "resolved", AsyncMock(return_value="127.0.0.1"))
        assert anyio.run(courier.send, found.url, "whsec_AAAA", "m", b"{}", ANYWHERE) == why
        assert len(found.got) == (why is None)


# --- Death in between -------------------------------------------------------------------------------------------------


def test_a_courier_killed_during_delivery_loses_nothing(database, queue, hooks, analyst, receiver, noon):
    hooks.add(receiver.url, None, noon)
    decide(queue, analyst, *(f"n{number}" for number in range(8)))
    here = "tests/code/delivering.py"
    received = threading.Event()

    def kill_at_the_third(number: int) -> None:
        if number == 3:  # the message is here, its receipt is not
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        if len(set(receiver.ids)) == 8:
            received.set()

    receiver.before = kill_at_the_third
    child = subprocess.Popen([sys.executable, here, database])
    assert child.wait(PATIENCE) == -signal.SIGKILL
    second = subprocess.Popen([sys.executable, here, database])
    try:
        assert received.wait(PATIENCE)
    finally:
        second.kill()
        second.wait()
    names = [json.loads(body)["data"]["external_id"] for _, body in receiver.got]
    assert list(dict.fromkeys(names)) == [f"n{number}" for number in range(8)]
    assert receiver.ids[2] == receiver.ids[3]
    assert receiver.got[2][1] == receiver.got[3][1]


def test_a_hook_that_breaks_a_library_fails_alone(queue, hooks, analyst, receiver, noon, monkeypatch):
    broken, sound = hooks.add(f"{receiver.url}/broken", None, noon), hooks.add(receiver.url, None, noon)
    posts = courier._post

    async def post(url, *rest):
        if url.path.endswith("/broken"):
            raise OverflowError
        return await posts(url, *rest)

    monkeypatch.setattr(courier, "_post", post)
    decide(queue, analyst, "a")
    outcomes: list[str] = []
    assert delivered(hooks, outcomes=outcomes) == 1
    assert sorted(outcomes) == ["delivered", "failed"]
    assert hooks.get(broken.id).failures == 1
    assert hooks.get(sound.id).failures == 0
