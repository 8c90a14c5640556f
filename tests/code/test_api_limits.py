"""The size limit, counted on the bytes that come; the time limit, answered in the words of the route."""

from __future__ import annotations

import json

import anyio
import pytest

from serving.api.limits import BodyLimit, Deadline

LIMIT = 1_000


class Echo:
    """An application that reads its body and answers its length."""

    def __init__(self) -> None:
        self.reached = False

    async def __call__(self, scope, receive, send):
        self.reached = True
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})


def post(messages: list[dict], headers: tuple = ()) -> tuple[Echo, list[dict]]:
    app, sent = Echo(), []
    pending = list(messages)

    async def receive():
        return pending.pop(0) if pending else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/score", "headers": list(headers)}
    anyio.run(BodyLimit(app, LIMIT), scope, receive, send)
    return app, sent


def chunks(*sizes: int) -> list[dict]:
    last = len(sizes) - 1
    return [{"type": "http.request", "body": b"x" * size, "more_body": n < last} for n, size in enumerate(sizes)]


@pytest.mark.parametrize("sizes", [(0,), (LIMIT,), (400, 600), (1, 0, 999)])
def test_a_body_within_the_limit_arrives_whole(sizes):
    app, sent = post(chunks(*sizes))
    assert app.reached
    assert sent[-1]["body"] == str(sum(sizes)).encode()


@pytest.mark.parametrize("sizes", [(LIMIT + 1,), (LIMIT, 1), (400, 400, 400)])
def test_one_byte_more_is_413_whatever_the_chunks(sizes):
    app, sent = post(chunks(*sizes))
    assert not app.reached
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["code"] == "body_too_large"


def test_a_false_content_length_changes_nothing():
    _, sent = post(chunks(LIMIT + 1), headers=[(b"content-length", b"5")])
    assert sent[0]["status"] == 413


def test_an_endless_body_is_not_read_to_its_end():
    app, sent = post(chunks(*[LIMIT] * 1_000))
    assert not app.reached
    assert sent[0]["status"] == 413


def test_a_client_that_leaves_half_way_reaches_nothing_with_a_half_body():
    _, sent = post([{"type": "http.request", "body": b"x", "more_body": True}])
    assert sent == []


async def _never_ends(scope, receive, send):
    await anyio.sleep_forever()


async def _stops_half_way(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await anyio.sleep_forever()


def timed(app, path: str) -> list[dict]:
    """What is sent by an application that has 10 ms."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "state": {"request_id": "r"}}
    anyio.run(Deadline(app, 0.01), scope, None, send)
    return sent


def test_what_takes_too_long_is_told_in_our_words():
    start, body = timed(_never_ends, "/v1/score")
    assert start["status"] == 503
    told = json.loads(body["body"])
    assert (told["code"], told["request_id"]) == ("too_slow", "r")
    assert "fewer or shorter texts" in told["detail"]


def test_on_a_facade_it_is_told_in_theirs():
    start, body = timed(_never_ends, "/v1/moderations")
    assert start["status"] == 503
    assert isinstance(json.loads(body["body"])["error"], dict)


def test_an_answer_that_has_begun_is_cut_not_contradicted():
    with pytest.raises(TimeoutError):
        timed(_stops_half_way, "/v1/score")
