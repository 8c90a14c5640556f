"""The client, against the service over a socket: what it answers, how it waits, what it never says."""

from __future__ import annotations

import email.utils
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from facade_server import on_a_socket
from house import open_house
from pydantic import ValidationError

from serving import client as module
from serving.client import (
    Client,
    Misunderstood,
    NewCase,
    Notice,
    Order,
    Refused,
    Reporter,
    ThreadPost,
    Unreachable,
)
from serving.review import Account, DecisionForm, KeyKind, Quota, Role, bodies

TEXT = "une insulte, @jean"


@pytest.fixture(scope="module")
def house(tmp_path_factory, tiny_bundle):
    found, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle, quota=Quota())
    yield found
    close()


@pytest.fixture(scope="module")
def address(house):
    with on_a_socket(house) as url:
        yield url


@pytest.fixture(scope="module")
def key(house) -> str:
    return house.accounts.create_key("une plateforme", KeyKind.PLATFORM)[1]


@pytest.fixture(scope="module")
def vigie(address, key):
    with Client(address, key, patience=0) as client:
        yield client


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """What the client would have waited; nothing waits."""
    waited: list[float] = []
    monkeypatch.setattr(module, "sleep", waited.append)
    return waited


def answering(*answers: httpx.Response | Exception) -> httpx.MockTransport:
    """A way out that meets these one after the other, then a bundle that nobody understands."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        found = left.pop(0) if left else httpx.Response(200, json={})
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer)


class TestAnswers:
    def test_scores_are_the_classifier_s(self, vigie, house):
        answer = vigie.score([TEXT, ""], ids=["a", "b"], receipts=True, spans=True)
        (verdict,) = house.classifier.score([TEXT])
        first, second = answer.items
        assert (first.id, first.labels, first.levels) == ("a", verdict.scores, verdict.levels)
        assert [TEXT[span.start : span.end] for span in first.spans] == ["insulte"]
        assert (second.status, second.error.code, second.error.pointer) == ("error", "empty_text", "/items/1/text")
        assert (second.receipt, second.flags) == (None, None)
        assert answer.bundle == house.classifier.bundle_id

    def test_one_text_is_one_text(self, vigie):
        (only,) = vigie.score("une menace").items
        assert (only.id, only.receipt, only.spans) == ("0", None, None)

    def test_a_lone_surrogate_is_read_as_a_space_like_everywhere(self, vigie):
        odd, plain = vigie.score(["une\ud800menace", "une menace"]).items
        assert odd.labels == plain.labels

    def test_words_and_weights(self, vigie):
        (item,) = vigie.explain([TEXT], labels=["harcelement"]).items
        heaviest = item.weights["harcelement"].index(max(item.weights["harcelement"]))
        assert TEXT[item.words[heaviest].start : item.words[heaviest].end] == "insulte"

    def test_the_bundle_and_any_threshold_of_it(self, vigie, house):
        bundle = vigie.bundle()
        assert (bundle.id, [label.key for label in bundle.labels]) == (
            house.classifier.bundle_id,
            list(house.classifier.manifest.keys),
        )
        (row,) = vigie.thresholds("maximum recall @ precision >= 0.5", labels=["haine"], population_rate=0.2).labels
        assert (row.label, row.attainable, row.population_rate) == ("haine", True, 0.2)
        assert row.metrics["precision"].low <= row.metrics["precision"].value <= row.metrics["precision"].high

    def test_a_receipt_goes_back_as_it_came(self, vigie):
        (item,) = vigie.score(TEXT, receipts=True).items
        replayed = vigie.replay(TEXT, item.receipt)
        assert (replayed.identical, replayed.largest_difference) == (True, 0.0)
        with pytest.raises(Refused) as refusal:
            vigie.replay("un autre texte", item.receipt)
        assert (refusal.value.code, refusal.value.pointer) == ("other_text", "/text")

    def test_cases_are_stored_once_and_followed(self, vigie, house):
        moment = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        case = NewCase(
            external_id="c-1",
            text="une menace",
            thread=(ThreadPost(text="avant", author_id="u-2", at=moment),),
            reporter=Reporter(id="u-3"),
            notice=Notice(explanation="Pourquoi.", good_faith=True),
            order=Order(authority="PHAROS", reference="TCO-2026-118", received_at=moment),
        )
        before = vigie.changed_since().cursor
        (first, other) = vigie.submit([case, NewCase(external_id="c-2", text="bonjour")])
        (again,) = vigie.submit(case)
        assert (first.created, other.created, again.created) == (True, True, False)
        assert again.id == first.id
        while house.queue.score_pending(house.classifier):
            pass
        house.queue.seal()
        changes = vigie.changed_since(before)
        assert {row.external_id: row.state for row in changes.rows} == {"c-1": "scored", "c-2": "scored"}
        assert vigie.changed_since(changes.cursor).rows == ()
        found = vigie.case(first.id)
        assert (found.text, found.thread[0].text, found.verdict.levels) == (
            "une menace",
            "avant",
            vigie.score("une menace").items[0].levels,
        )
        assert found.created_at.tzinfo is not None

    def test_a_reach_moves_a_case_and_a_decision_is_contested(self, vigie, house):
        (received,) = vigie.submit(NewCase(external_id="c-4", text="un autre texte", reach=10))
        assert vigie.change_reach(received.id, 52_000).reach == 52_000
        with pytest.raises(Refused) as refusal:
            vigie.appeal(received.id)
        assert (refusal.value.status, refusal.value.code) == (409, "wrong_state")
        analyst = Account("pseudo-1", "Ana", Role.ANALYST)
        house.queue.claim_case(received.id, analyst)
        house.queue.decide(received.id, analyst, DecisionForm(illegal=False, action="classement_sans_suite"))
        assert vigie.appeal(received.id, "nous contestons").state == "appealed"

    def test_another_body_under_a_known_id_is_a_conflict(self, vigie):
        vigie.submit(NewCase(external_id="c-3", text="un texte"))
        with pytest.raises(Refused, match=r"409 external_id_reused: .* \(at /cases/0/external_id\)"):
            vigie.submit(NewCase(external_id="c-3", text="un autre texte"))

    def test_records_are_frozen(self, vigie):
        answer = vigie.score(TEXT)
        with pytest.raises(ValidationError):
            answer.bundle = "autre"


class TestRefusals:
    def test_a_body_that_cannot_be_used_names_every_place(self, vigie):
        with pytest.raises(Refused) as refusal:
            vigie.explain([TEXT], labels=["haines"])
        error = refusal.value
        assert (error.status, error.code, error.pointer) == (422, "unknown_label", "/labels/0")
        assert "haine" in error.detail
        assert error.request_id
        with pytest.raises(Refused) as refusal:
            vigie.thresholds("x", labels=[], population_rate=2)
        assert {fault.pointer for fault in refusal.value.errors} == {"/labels", "/population_rate"}

    def test_an_unknown_case_stays_in_its_path(self, vigie):
        with pytest.raises(Refused) as refusal:
            vigie.case("../bundle?x=1#")
        assert refusal.value.status == 404

    def test_a_wrong_key(self, address):
        with Client(address, "une-clef-fausse") as client, pytest.raises(Refused) as refusal:
            client.bundle()
        assert (refusal.value.status, refusal.value.code) == (401, "unauthenticated")

    def test_what_is_no_vigie_is_said_so(self):
        page = httpx.Response(200, html="<p>Bonjour</p>")
        away = httpx.Response(301, headers={"Location": "https://ailleurs.example"})
        gone = httpx.Response(404, html="<p>Rien ici</p>")
        with Client("https://vigie.example", "k", transport=answering(page, away, gone)) as client:
            with pytest.raises(Misunderstood, match="/v1/bundle: not the answer"):
                client.bundle()
            with pytest.raises(Misunderstood, match="leads elsewhere"):
                client.bundle()
            with pytest.raises(Refused, match="404 unknown"):
                client.bundle()

    @pytest.mark.parametrize("url", ["vigie.example", "ftp://vigie.example", "https://u:p@vigie.example", "https://"])
    def test_an_address_that_is_none(self, url):
        with pytest.raises(ValueError, match="url: expected"):
            Client(url, "k")

    @pytest.mark.parametrize("key", ["", "a b", "é", "a\nb"])
    def test_a_key_that_is_none(self, key):
        with pytest.raises(ValueError, match="key: expected"):
            Client("https://vigie.example", key)

    def test_ids_are_one_each(self, vigie):
        with pytest.raises(ValueError, match="expected 2"):
            vigie.score(["a", "b"], ids=["1"])


class TestWaiting:
    def test_a_quota_is_waited_for_as_long_as_the_service_says(self, house, address, monkeypatch):
        found, plain = house.accounts.create_key("pressée", KeyKind.PLATFORM, Quota(texts_per_minute=1))
        waited: list[float] = []

        def more(seconds: float) -> None:
            waited.append(seconds)
            house.accounts.set_quota(found.id, Quota())

        monkeypatch.setattr(module, "sleep", more)
        with Client(address, plain) as client:
            answers = [client.score("un texte") for _ in range(3)]
        assert len({answer.items[0].labels["haine"] for answer in answers}) == 1
        assert len(waited) == 1
        assert 1 <= waited[0] <= 60

    def test_beyond_our_patience_the_refusal_is_raised_at_once(self, house, address, waits):
        _, plain = house.accounts.create_key("pressée", KeyKind.PLATFORM, Quota(requests_per_minute=1))
        with Client(address, plain, patience=0) as client:
            client.bundle()
            with pytest.raises(Refused) as refusal:
                client.bundle()
        assert (refusal.value.status, refusal.value.code) == (429, "too_many_requests")
        assert 1 <= refusal.value.retry_after <= 60
        assert waits == []

    def test_retry_after_is_read_in_seconds_and_as_a_date(self, waits):
        date = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
        told = [httpx.Response(503, headers={"Retry-After": value}, json={}) for value in ("7", date, "soon")]
        with Client("https://vigie.example", "k", transport=answering(*told)) as client, pytest.raises(Misunderstood):
            client.bundle()
        seven, forty, untold = waits
        assert seven == 7.0
        assert 35 < forty <= 40
        assert 0 < untold <= 8

    def test_an_answer_that_was_lost_is_asked_for_again(self, waits):
        lost = (httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.Response(502))
        with Client("https://vigie.example", "k", transport=answering(*lost)) as client, pytest.raises(Misunderstood):
            client.bundle()
        assert len(waits) == 4
        assert all(wait <= longest for wait, longest in zip(waits, (0.5, 1, 2, 4), strict=True))

    def test_nobody_there_is_said_after_our_patience(self, monkeypatch):
        clock = [0.0]
        monkeypatch.setattr(module, "monotonic", lambda: clock[0])
        monkeypatch.setattr(module, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
        nobody = answering(*[httpx.ConnectError("x")] * 1_000)
        with (
            Client("https://vigie.example", "k", patience=60, transport=nobody) as client,
            pytest.raises(Unreachable, match=r"vigie\.example: no answer \(ConnectError\)"),
        ):
            client.bundle()
        assert 50 < clock[0] <= 60

    def test_what_will_not_pass_is_not_asked_twice(self, waits):
        wrong = answering(*[httpx.Response(status) for status in (400, 401, 403, 404, 409, 413, 422, 500)])
        with Client("https://vigie.example", "k", transport=wrong) as client:
            for _ in range(8):
                with pytest.raises(Refused):
                    client.bundle()
        assert waits == []


class TestSecrecy:
    def test_neither_key_nor_text_is_ever_said(self, vigie, address, key, caplog):
        caplog.set_level(logging.DEBUG)
        text = "un secret bien gardé"
        case = NewCase(external_id="s-1", text=text, thread=(ThreadPost(text=text),), notice=Notice(explanation=text))
        (received,) = vigie.submit(case)
        found = vigie.case(received.id)
        vigie.score(text)
        errors = []
        for call in (
            lambda: vigie.submit(NewCase(external_id="s-1", text=text + "\x00")),
            lambda: vigie.submit(NewCase(external_id="s-1", text=text + "!")),
            lambda: NewCase(external_id=3, text=[text]),
            lambda: Client(address + "/" + "x", key, patience=0).score(text),
            lambda: Client("https://vigie.example", key + "\n" + text),
        ):
            with pytest.raises(Exception) as error:
                call()
            errors.append(f"{error.value!r} {error.value}")
        said = [*errors, *map(repr, (vigie, vars(vigie), case, found, received)), caplog.text]
        assert caplog.text
        assert not [line for line in said if text in line or key in line]


class TestAlone:
    def test_it_imports_nothing_of_the_service(self, root):
        script = "import sys, serving.client; print(*(m for m in sys.modules if m.split('.')[0] in " + (
            "('serving', 'numpy', 'sqlalchemy', 'fastapi', 'onnxruntime')))"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
        answers = {f"serving.answers{part}" for part in ("", ".cases", ".scores", ".words")}
        assert set(done.stdout.split()) == {"serving", "serving.client", *answers}
        assert (root / "serving" / "py.typed").exists()

    def test_without_httpx_the_pip_line_is_told(self, root):
        script = "import sys; sys.modules['httpx'] = None; import serving.client"
        done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
        assert done.stderr.strip().endswith("pip install 'vigie[client]'")

    @pytest.mark.parametrize("name", ["NewCase", "ThreadPost", "Reporter", "Notice", "Order"])
    def test_what_is_sent_is_what_the_service_reads(self, name):
        ours, theirs = getattr(module, name).model_fields, getattr(bodies, name).model_fields
        assert {key: field.is_required() for key, field in ours.items()} == {
            key: field.is_required() for key, field in theirs.items()
        }
