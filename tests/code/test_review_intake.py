"""Receiving: durable, idempotent, whole or not at all, and nobody's name kept."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from serving.bundle import Conflict, InputError
from serving.review import KeyKind, NewCase, Queue, Source, State, open_database, parse_case

PLATFORM = Source("clef-1", KeyKind.PLATFORM)

WHOLE_BODY = {
    "external_id": "signalement-1",
    "text": "Un message à lire, avec des accents et un emoji 🙂.",
    "url": "https://exemple.fr/page?x=1",
    "received_at": "2026-03-02T09:30:00+01:00",
    "language": "fr",
    "reach": 1200,
    "category": "haine",
    "author_id": "auteur-secret",
    "target_id": "cible-secrete",
    "thread": [{"text": "avant", "author_id": "autre-secret", "at": "2026-03-02T08:00:00Z"}, {"text": "après"}],
    "reporter": {"id": "signaleur-secret"},
    "notice": {"explanation": "parce que", "name": "Nom", "email": "nom@exemple.fr", "good_faith": True},
    "order": {"authority": "OCLCTIC", "reference": "TCO-7", "received_at": "2026-03-02T08:30:00Z"},
}


def new(external_id: str = "a", text: str = "bonjour", **fields) -> NewCase:
    return NewCase(external_id=external_id, text=text, **fields)


class TestReceive:
    def test_the_whole_body_is_kept(self, queue, noon):
        (receipt,) = queue.receive([parse_case(WHOLE_BODY)], source=PLATFORM, now=noon)
        case = queue.get(receipt.id)
        assert (receipt.state, receipt.created) == (State.RECEIVED, True)
        assert (case.text, case.url) == (WHOLE_BODY["text"], WHOLE_BODY["url"])
        assert (case.row.language, case.row.reach, case.row.category) == ("fr", 1200, "haine")
        assert case.received_at.isoformat() == "2026-03-02T08:30:00+00:00"
        assert [post.text for post in case.thread] == ["avant", "après"]
        assert case.notice == WHOLE_BODY["notice"]
        assert case.order["reference"] == "TCO-7"
        assert case.row.due_at == noon - timedelta(hours=2, minutes=30)

    def test_people_are_kept_only_as_keyed_hashes(self, queue, engine):
        queue.receive([parse_case(WHOLE_BODY)], source=PLATFORM)
        with engine.connect() as connection:
            stored = str(connection.execute(text("SELECT * FROM cases")).all())
            stored += str(connection.execute(text("SELECT * FROM events")).all())
        assert "-secret" not in stored
        case = queue.get(queue.top(1)[0].id)
        hashes = {case.author, case.target, case.reporter, case.thread[0].author}
        assert len(hashes) == 4
        assert all(len(value) == 64 for value in hashes)

    def test_events_hold_no_text(self, queue):
        (receipt,) = queue.receive([parse_case(WHOLE_BODY)], source=PLATFORM)
        (event,) = queue.get(receipt.id).events
        assert set(json.loads(event.body)) == {"digest", "text", "key_kind"}
        assert "message" not in event.body

    def test_the_same_body_is_answered_again(self, queue):
        (first,) = queue.receive([parse_case(WHOLE_BODY)], source=PLATFORM)
        reordered = dict(reversed(WHOLE_BODY.items())) | {"received_at": WHOLE_BODY["received_at"]}
        (second,) = queue.receive([parse_case(reordered)], source=PLATFORM)
        assert (second.id, second.created) == (first.id, False)
        assert len(queue.get(first.id).events) == 1

    def test_the_answer_tells_the_state_it_is_in_now(self, queue, classifier):
        queue.receive([new()], source=PLATFORM)
        queue.score_pending(classifier)
        assert queue.receive([new()], source=PLATFORM)[0].state is State.SCORED

    @pytest.mark.parametrize(
        "changed", [{"text": "autre"}, {"reach": 3}, {"order": {"authority": "a", "reference": "r"}}]
    )
    def test_another_body_is_a_conflict_that_names_it(self, queue, changed):
        queue.receive([new("dossier-12")], source=PLATFORM)
        with pytest.raises(Conflict, match="dossier-12"):
            queue.receive([new("dossier-12", **({"text": "bonjour"} | changed))], source=PLATFORM)

    def test_a_conflict_in_a_batch_stores_nothing_of_it(self, queue):
        queue.receive([new("b", "déjà là")], source=PLATFORM)
        with pytest.raises(Conflict):
            queue.receive([new("a"), new("b", "changé"), new("c")], source=PLATFORM)
        assert queue.stats().states["received"] == 1

    def test_a_batch_that_contradicts_itself_is_refused(self, queue):
        with pytest.raises(Conflict, match="'a'"):
            queue.receive([new("a", "un"), new("a", "deux")], source=PLATFORM)
        assert queue.stats().states["received"] == 0

    def test_a_repeated_body_in_a_batch_is_created_once(self, queue):
        receipts = queue.receive([new("a"), new("b"), new("a")], source=PLATFORM)
        assert [receipt.created for receipt in receipts] == [True, True, False]
        assert receipts[0].id == receipts[2].id

    def test_external_ids_belong_to_their_key(self, queue):
        other = Source("clef-2", KeyKind.AUTHORITY)
        (mine,) = queue.receive([new("a", "un")], source=PLATFORM)
        (theirs,) = queue.receive([new("a", "deux")], source=other)
        assert mine.id != theirs.id
        assert (queue.get(theirs.id).row.lane, queue.get(mine.id).row.lane) == ("authority", "ordinary")

    def test_an_order_of_unknown_kind_stores_nothing_and_names_the_case(self, queue):
        bad = new("mauvais", order={"authority": "a", "reference": "r", "kind": "tcp"})
        with pytest.raises(InputError, match=r"'mauvais'.*did you mean 'tco'"):
            queue.receive([new("bon"), bad], source=PLATFORM)
        assert queue.stats().states["received"] == 0

    def test_an_order_cannot_buy_time_with_a_receipt_in_the_future(self, queue, noon):
        order = {"authority": "a", "reference": "TCO-1", "received_at": noon + timedelta(days=3)}
        (receipt,) = queue.receive([new(order=order)], source=PLATFORM, now=noon)
        assert queue.get(receipt.id).row.due_at == noon + timedelta(hours=1)

    def test_the_same_batch_at_the_same_time_is_stored_once(self, queue):
        batch = [new(f"cas-{number}") for number in range(40)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda turn: queue.receive(batch[turn:] + batch[:turn], source=PLATFORM), range(6)))
        created = [receipt.external_id for answer in answers for receipt in answer if receipt.created]
        assert sorted(created) == sorted(case.external_id for case in batch)
        assert len({receipt.id for answer in answers for receipt in answer}) == 40

    def test_a_process_killed_while_receiving_loses_nothing_it_acknowledged(
        self, database_url, engine, policy, taxonomy, root
    ):
        script = root / "tests" / "code" / "receiving.py"
        process = subprocess.Popen(
            [sys.executable, str(script), database_url], stdout=subprocess.PIPE, text=True, cwd=root
        )
        acknowledged = {process.stdout.readline().strip() for _ in range(200)}
        process.kill()
        # What it said before it died counts as well.
        acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
        process.wait()
        queue = Queue(open_database(database_url), policy, taxonomy, b"a secret for tests, 32 bytes long")
        stored = {row.external_id for row in queue.top(100_000)}
        assert len(acknowledged) >= 200
        assert acknowledged <= stored
        assert len(stored) % 10 == 0, "half a batch was stored"
        assert queue.verify_chain().first_bad is None
        queue.engine.dispose()


class TestScore:
    def test_cases_are_scored_and_ordered(self, queue, classifier):
        queue.receive([new("bas", "score=0.05"), new("haut", "score=0.95")], source=PLATFORM)
        assert queue.score_pending(classifier) == 2
        assert queue.score_pending(classifier) == 0
        rows = queue.top()
        assert [row.external_id for row in rows] == ["haut", "bas"]
        assert {row.state for row in rows} == {State.SCORED}
        assert rows[0].bundle == classifier.bundle_id
        assert queue.get(rows[0].id).verdict.scores["haine"] == 0.95

    def test_only_so_many_at_a_time_oldest_first(self, queue, classifier, noon):
        for minute in range(4):
            queue.receive([new(f"{minute}")], source=PLATFORM, now=noon + timedelta(minutes=minute))
        assert queue.score_pending(classifier, limit=3) == 3
        assert [row.external_id for row in queue.top() if row.state is State.RECEIVED] == ["3"]

    def test_a_case_that_cannot_be_scored_says_why_and_can_be_claimed(self, queue, classifier, analyst):
        queue.receive([new("a", "illisible")], source=PLATFORM)
        assert queue.score_pending(classifier) == 1
        case = queue.claim(analyst)
        assert case.row.score_error == {"code": "text_too_long", "detail": "the text is too long"}
        assert case.verdict is None
        assert queue.score_pending(classifier) == 0

    def test_a_classifier_that_dies_delays_its_cases_and_loses_none(self, queue, classifier, noon):
        class Dying:
            bundle_id = "sha256:x"

            def score(self, texts):
                raise MemoryError

        queue.receive([new()], source=PLATFORM, now=noon)
        with pytest.raises(MemoryError):
            queue.score_pending(Dying(), now=noon)
        assert queue.score_pending(classifier, now=noon + timedelta(seconds=30)) == 0
        assert queue.score_pending(classifier, now=noon + timedelta(minutes=5)) == 1

    def test_two_scorers_never_read_the_same_case(self, queue):
        seen: list[str] = []

        class Noting:
            bundle_id = "sha256:x"

            def score(self, texts):
                seen.extend(texts)
                return [InputError("no") for _ in texts]

        queue.receive([new(f"{n}", f"texte {n}") for n in range(60)], source=PLATFORM)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: queue.score_pending(Noting(), limit=7), range(12)))
        while queue.score_pending(Noting(), limit=7):
            pass
        assert sorted(seen) == sorted(f"texte {n}" for n in range(60))

    def test_a_case_claimed_before_its_verdict_keeps_its_analyst(self, queue, classifier, analyst):
        queue.receive([new("a", "score=0.7")], source=PLATFORM)
        claimed = queue.claim(analyst)
        queue.score_pending(classifier)
        case = queue.get(claimed.id)
        assert (case.state, case.verdict.scores["haine"]) == (State.CLAIMED, 0.7)
        assert queue.release(case.id, analyst).state is State.SCORED

    def test_a_new_reach_rewrites_the_rank(self, queue, classifier):
        queue.receive([new("a", "score=0.7"), new("b", "score=0.6")], source=PLATFORM)
        queue.score_pending(classifier)
        first, second = queue.top()
        queue.change_reach(second.id, 10_000, PLATFORM)
        assert [row.id for row in queue.top()] == [second.id, first.id]
        assert queue.top()[0].reach == 10_000
        with pytest.raises(InputError, match="-1"):
            queue.change_reach(first.id, -1, PLATFORM)


class TestBody:
    @pytest.mark.parametrize(
        ("change", "said", "pointer"),
        [
            ({"text": ""}, "blank", "/text"),
            ({"text": " \n\t "}, "blank", "/text"),
            ({"text": "a\x00b"}, "U\\+0000", "/text"),
            ({"text": "a\ud800b"}, "(?i)unicode", "/text"),
            ({"text": 3}, "string", "/text"),
            ({"external_id": ""}, "at least 1", "/external_id"),
            ({"texte": "x"}, "did you mean 'text'", "/texte"),
            ({"reach": -1}, "at least 0", "/reach"),
            ({"received_at": "2026-03-02T09:30:00"}, "timezone", "/received_at"),
            ({"thread": [{"text": "x", "auteur": "y"}]}, "unknown field 'auteur'", "/thread/0/auteur"),
            ({"order": {"authority": "a"}}, "'reference' is required", "/order/reference"),
            ({"order": {"authority": "a\x00", "reference": "r"}}, "U\\+0000", "/order/authority"),
        ],
    )
    def test_a_wrong_field_is_named_without_its_text(self, change, said, pointer):
        with pytest.raises(InputError, match=said) as caught:
            parse_case(WHOLE_BODY | change)
        assert caught.value.pointer == pointer
        assert "message à lire" not in caught.value.detail

    def test_a_field_that_is_missing_is_named(self):
        with pytest.raises(InputError, match="'text' is required"):
            parse_case({"external_id": "a"})

    @pytest.mark.parametrize("value", [None, 3, "texte", ["a"]])
    def test_what_is_no_object_is_refused(self, value):
        with pytest.raises(InputError):
            parse_case(value)
