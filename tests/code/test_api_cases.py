"""The queue over HTTP, from a key's submission to an analyst's decision."""

from __future__ import annotations

import json

import pytest

from serving.review import KeyKind, Role

DECISION = {"illegal": True, "ground": "cp.terrorisme", "action": "transmission_pharos", "note": "vu"}
WHOLE = {
    "external_id": "complet",
    "text": "une menace",
    "url": "https://exemple.fr/p/1",
    "received_at": "2026-03-02T10:00:00+01:00",
    "language": "fr",
    "reach": 1200,
    "category": "menace",
    "author_id": "auteur-en-clair",
    "target_id": "cible-en-clair",
    "thread": [{"text": "avant", "author_id": "autre-en-clair", "at": "2026-03-02T09:00:00+01:00"}],
    "reporter": {"id": "signaleur-en-clair"},
    "notice": {"explanation": "parce que", "name": "Nom", "email": "a@b.fr", "good_faith": True},
    "order": {"authority": "PHAROS", "reference": "TCO-1", "received_at": "2026-03-02T09:30:00Z"},
}


def submit(client, **fields):
    return client.post("/v1/cases", json={"external_id": "1", "text": "une menace", **fields})


def claimed(house, **fields):
    """A platform's key, an analyst, and the id of the case the analyst holds."""
    key, analyst = house.key(), house.person()
    submit(key, **fields)
    house.queue.score_pending(house.classifier)
    return key, analyst, analyst.post("/v1/queue/claim").json()["case"]["id"]


def test_a_case_is_202_then_200_then_409_for_another_body(house):
    key = house.key()
    first, again, other = submit(key), submit(key), submit(key, text="autre chose")
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["state"] == "received"
    assert again.json()["id"] == first.json()["id"]
    assert other.json()["code"] == "external_id_reused"


def test_what_202_said_is_on_disk(house, tmp_path):
    import sqlite3

    case_id = submit(house.key()).json()["id"]
    with sqlite3.connect(tmp_path / "queue.db") as other:
        assert other.execute("select id from cases").fetchall() == [(case_id,)]


def test_two_keys_may_use_the_same_external_id(house):
    assert submit(house.key()).json()["id"] != submit(house.key(), text="autre").json()["id"]


def test_the_whole_body_is_kept_and_people_only_as_hashes(house):
    key = house.key()
    case = key.get(f"/v1/cases/{key.post('/v1/cases', json=WHOLE).json()['id']}").json()
    assert (case["text"], case["url"], case["reach"], case["category"]) == ("une menace", WHOLE["url"], 1200, "menace")
    assert case["thread"][0]["text"] == "avant"
    assert case["order"]["reference"] == "TCO-1"
    assert "en-clair" not in json.dumps(case)


@pytest.mark.parametrize("kind", list(KeyKind))
def test_the_class_of_a_reporter_comes_from_the_key(house, kind):
    key = house.key(kind)
    assert key.get(f"/v1/cases/{submit(key).json()['id']}").json()["key_kind"] == kind.value
    assert submit(key, external_id="2", kind="authority").json()["code"] == "unknown_field"


def test_a_batch_is_answered_case_by_case(house):
    key = house.key()
    cases = [{"external_id": str(n), "text": f"texte {n}"} for n in range(500)]
    first, again = key.post("/v1/cases", json={"cases": cases}), key.post("/v1/cases", json={"cases": cases})
    assert (first.status_code, again.status_code) == (202, 200)
    assert [case["external_id"] for case in first.json()["cases"]] == [case["external_id"] for case in cases]


@pytest.mark.parametrize(
    ("last", "status", "pointer"),
    [
        ({"external_id": "z"}, 422, "/cases/2/text"),
        ({"external_id": "connu", "text": "autre"}, 409, "/cases/2/external_id"),
        ({"external_id": "b", "text": "autre"}, 409, "/cases/2/external_id"),
    ],
)
def test_one_bad_case_stores_nothing_of_its_batch(house, last, status, pointer):
    key = house.key()
    submit(key, external_id="connu")
    answer = key.post(
        "/v1/cases", json={"cases": [{"external_id": "a", "text": "a"}, {"external_id": "b", "text": "b"}, last]}
    )
    assert answer.status_code == status
    assert answer.json()["pointer"] == pointer
    assert len(key.get("/v1/cases").json()["rows"]) == 1


UNKNOWN_ORDER = {"authority": "x", "reference": "y", "kind": "z"}
BODIES = [
    ({"cases": []}, "invalid_value", "/cases"),
    ({"cases": "a"}, "wrong_type", "/cases"),
    ({"cases": [{"external_id": "1", "text": "a"}] * 501}, "too_many_cases", "/cases"),
    ({"cases": [], "text": "a"}, "unknown_field", "/text"),
    ({"text": "a"}, "missing_field", "/external_id"),
    ({"external_id": "1"}, "missing_field", "/text"),
    ({"external_id": "1", "text": ""}, "invalid_value", "/text"),
    ({"external_id": "1", "text": "a\x00"}, "invalid_value", "/text"),
    ({"external_id": "1", "text": "a\ud800"}, None, "/text"),
    ({"external_id": 1, "text": "a"}, "wrong_type", "/external_id"),
    ({"external_id": "1", "text": "a", "reach": -1}, "invalid_value", "/reach"),
    ({"external_id": "1", "text": "a", "reach": "beaucoup"}, "wrong_type", "/reach"),
    ({"external_id": "1", "text": "a", "received_at": "hier"}, "invalid_value", "/received_at"),
    ({"external_id": "1", "text": "a", "received_at": "0001-01-01T00:00:00+14:00"}, "invalid_value", "/received_at"),
    (
        {"cases": [{"external_id": "1", "text": "a"}, {"external_id": "2", "text": "a", "order": UNKNOWN_ORDER}]},
        "unknown_order_kind",
        "/cases/1/order/kind",
    ),
    ({"external_id": "1", "text": "a", "thread": [{"texte": "b"}]}, "unknown_field", "/thread/0/texte"),
    ({"external_id": "1", "text": "a", "order": UNKNOWN_ORDER}, "unknown_order_kind", "/order/kind"),
    ({"external_id": "1", "text": "a", "priorite": 1}, "unknown_field", "/priorite"),
    ([1], "wrong_type", ""),
]


@pytest.mark.parametrize(("body", "code", "pointer"), BODIES)
def test_a_bad_body_is_422_with_its_pointer_and_stores_nothing(house, body, code, pointer):
    key = house.key()
    answer = key.post("/v1/cases", content=json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["pointer"] == pointer
    assert code is None or answer.json()["code"] == code
    assert key.get("/v1/cases").json()["rows"] == []


def test_a_refused_text_is_not_repeated(house):
    secret = "phrase à ne pas répéter"
    assert secret not in house.key().post("/v1/cases", content=json.dumps({"text": [secret], "external_id": "1"})).text


def test_the_scorer_is_told_once_per_new_submission(house):
    key = house.key()
    submit(key)
    submit(key)
    assert len(house.kicks) == 1


def test_a_key_sees_its_own_cases_and_no_other_key_s(house):
    mine, other = house.key(), house.key()
    case_id = submit(mine).json()["id"]
    assert mine.get(f"/v1/cases/{case_id}").status_code == 200
    assert [row["id"] for row in mine.get("/v1/cases").json()["rows"]] == [case_id]
    assert other.get("/v1/cases").json()["rows"] == []
    hidden, absent = other.get(f"/v1/cases/{case_id}"), other.get("/v1/cases/0123")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["detail"].replace(case_id, "0123") == absent.json()["detail"]
    assert other.post(f"/v1/cases/{case_id}/appeal").status_code == 404


def test_people_do_not_submit(house):
    assert submit(house.person(Role.SUPERVISOR)).status_code == 403


def test_claim_hands_out_the_first_case_and_then_none(house):
    _, analyst, case_id = claimed(house)
    case = analyst.get(f"/v1/cases/{case_id}").json()
    assert case["state"] == "claimed"
    assert case["text"] == "une menace"
    assert case["verdict"]["scores"]["terrorisme"] > 0.5
    assert analyst.post("/v1/queue/claim").json() == {"case": None}


def test_a_decision_closes_the_case_and_the_platform_learns_of_it(house):
    key, analyst, case_id = claimed(house)
    cursor = key.get("/v1/cases").json()["cursor"]
    answer = analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION)
    assert (answer.status_code, answer.json()["state"]) == (200, "decided")
    (row,) = key.get("/v1/cases", params={"changed_since": cursor}).json()["rows"]
    assert (row["id"], row["state"]) == (case_id, "decided")
    (decision,) = key.get(f"/v1/cases/{case_id}").json()["decisions"]
    assert (decision["illegal"], decision["ground"], decision["action"]) == (
        True,
        "cp.terrorisme",
        "transmission_pharos",
    )


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"illegal": "oui"}, 422, "/illegal"),
        ({"ground": None}, 422, "/ground"),
        ({"ground": "cp.inconnu"}, 422, "/ground"),
        ({"action": "bannir"}, 422, "/action"),
        ({"action": "maintien"}, 422, "/action"),
        ({"motif": "x"}, 422, "/motif"),
    ],
)
def test_a_wrong_decision_names_its_field_and_changes_nothing(house, change, status, pointer):
    _, analyst, case_id = claimed(house)
    answer = analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION | change)
    assert (answer.status_code, answer.json()["pointer"]) == (status, pointer)
    assert analyst.get(f"/v1/cases/{case_id}").json()["state"] == "claimed"


def test_only_the_analyst_who_holds_a_case_decides_it(house):
    _, analyst, case_id = claimed(house)
    answer = house.person().post(f"/v1/cases/{case_id}/decision", json=DECISION)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_claimed_by_you")
    assert analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION).status_code == 200
    assert analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION).status_code == 409


def test_heartbeat_release_and_a_new_claim(house):
    _, analyst, case_id = claimed(house)
    assert analyst.post(f"/v1/cases/{case_id}/heartbeat").json()["lease_until"] > "2026"
    assert analyst.post(f"/v1/cases/{case_id}/release").json()["state"] == "scored"
    assert analyst.post(f"/v1/cases/{case_id}/heartbeat").status_code == 409
    assert house.person().post("/v1/queue/claim").json()["case"]["id"] == case_id


def test_an_escalated_case_goes_to_a_senior(house):
    _, analyst, case_id = claimed(house)
    answer = analyst.post(f"/v1/cases/{case_id}/escalate", json={"note": "doute", "vital": True})
    assert (answer.json()["state"], answer.json()["vital"]) == ("second_review", True)
    assert analyst.post("/v1/queue/claim").json() == {"case": None}
    assert house.person(Role.SENIOR).post("/v1/queue/claim").json()["case"]["id"] == case_id


def test_the_platform_appeals_its_decided_case(house):
    key, analyst, case_id = claimed(house)
    assert key.post(f"/v1/cases/{case_id}/appeal").status_code == 409
    analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION)
    answer = key.post(f"/v1/cases/{case_id}/appeal", json={"note": "nous contestons"})
    assert (answer.status_code, answer.json()["state"]) == (200, "appealed")


@pytest.mark.parametrize("move", ["release", "escalate", "appeal"])
def test_a_move_refuses_unknown_fields(house, move):
    _, analyst, case_id = claimed(house)
    answer = analyst.post(f"/v1/cases/{case_id}/{move}", json={"notee": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")


def test_a_case_the_model_cannot_score_stays_claimable(house):
    _, analyst, case_id = claimed(house, text="x" * 150_000)
    case = analyst.get(f"/v1/cases/{case_id}").json()
    assert case["score_error"]["code"] == "text_too_long"
    assert case["verdict"] is None


@pytest.mark.parametrize(
    "query", ["changed_since=-1", "changed_since=x", f"changed_since={2**63}", "limit=0", "limit=501"]
)
def test_a_wrong_query_is_a_problem(house, query):
    answer = house.key().get(f"/v1/cases?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["pointer"]


def test_following_the_cursor_reads_every_case_once(house):
    key = house.key()
    key.post("/v1/cases", json={"cases": [{"external_id": str(n), "text": f"t{n}"} for n in range(25)]})
    seen, cursor = [], 0
    while rows := (page := key.get("/v1/cases", params={"changed_since": cursor, "limit": 10}).json())["rows"]:
        seen += [row["external_id"] for row in rows]
        cursor = page["cursor"]
    assert sorted(seen, key=int) == [str(n) for n in range(25)]


def test_stats_and_meters_count_without_text(house):
    _, analyst, case_id = claimed(house)
    analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION)
    stats = analyst.get("/v1/stats").json()
    assert stats["states"]["decided"] == 1
    assert stats["decided_last_day"] == 1
    assert house.registry.get_sample_value("vigie_cases_received_total", {"kind": "platform"}) == 1
    assert house.registry.get_sample_value("vigie_cases_decided_total", {"illegal": "true"}) == 1


def test_latencies_are_kept_by_route_and_not_by_case(house):
    key, _, case_id = claimed(house)
    key.get(f"/v1/cases/{case_id}")
    key.get("/v1/cases/inconnu")
    key.get("/chemin/inventé")
    shown = key.get("/metrics").text
    assert 'route="/v1/cases/{case_id}"' in shown
    assert case_id not in shown
    assert "inventé" not in shown
    assert "menace" not in shown


def test_a_skipped_case_is_not_handed_to_the_same_person_again(house):
    _, analyst, case_id = claimed(house)
    assert analyst.post(f"/v1/cases/{case_id}/skip", json={"reason": "paresse"}).status_code == 422
    assert analyst.post(f"/v1/cases/{case_id}/skip", json={"reason": "fatigue"}).json()["state"] == "scored"
    assert analyst.post("/v1/queue/claim").json()["case"] is None
    assert house.person().post("/v1/queue/claim").json()["case"]["id"] == case_id


def test_a_decision_is_taken_back_by_who_took_it(house):
    key, analyst, case_id = claimed(house)
    analyst.post(f"/v1/cases/{case_id}/decision", json=DECISION)
    assert house.person().post(f"/v1/cases/{case_id}/undo").status_code == 409
    assert analyst.post(f"/v1/cases/{case_id}/undo").json()["state"] == "claimed"
    assert key.get(f"/v1/cases/{case_id}").json()["decisions"] == []
    assert key.post(f"/v1/cases/{case_id}/undo").status_code == 403


# --- Beside a case: names, notes, texts alike -------------------------------------------------------------------------

LEGAL = {"illegal": False, "action": "classement_sans_suite"}
LONG = "les voisins du troisième étage font un bruit terrible toute la nuit sans que personne ne dise rien"


def test_a_named_case_is_claimed_listed_and_handed_on(house):
    (first,), (second,) = house.receive("un premier texte"), house.receive("un second texte")
    analyst, supervisor = house.person(), house.person(Role.SUPERVISOR)
    assert [row["id"] for row in analyst.get("/v1/queue").json()["rows"]] == [first, second]
    assert analyst.post(f"/v1/cases/{second}/claim").json()["text"] == "un second texte"
    assert analyst.post(f"/v1/cases/{second}/claim").status_code == 409
    (held,) = analyst.get("/v1/queue/held").json()["rows"]
    assert (held["id"], "text" in held) == (second, False)
    senior = next(one.id for one in house.accounts.list_users() if one.role == Role.SENIOR)
    assert analyst.post(f"/v1/cases/{second}/reassign", json={"to": senior}).status_code == 403
    assert supervisor.post(f"/v1/cases/{second}/reassign", json={"to": "personne"}).status_code == 404
    assert supervisor.post(f"/v1/cases/{second}/reassign", json={"to": senior}).json()["claimed_by"] == senior
    assert analyst.get("/v1/queue/held").json() == {"rows": []}


def test_notes_are_for_those_who_read(house):
    (case_id,) = house.receive("un texte")
    analyst = house.person()
    written = analyst.post(f"/v1/cases/{case_id}/notes", json={"text": "déjà vu hier"}).json()
    assert house.person().get(f"/v1/cases/{case_id}/notes").json() == {"notes": [written]}
    answer = analyst.post(f"/v1/cases/{case_id}/notes", json={"text": " "})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/text")


def test_texts_alike_are_proposed_and_decided_together(house):
    first, alike, other = house.receive(LONG, LONG + " !", LONG.replace("ne dise", "dise"))
    analyst = house.person()
    near = analyst.get(f"/v1/cases/{first}/near").json()["cases"]
    assert {(one["row"]["id"], one["risky"]) for one in near} == {(alike, False), (other, True)}
    assert [one["row"]["id"] for one in analyst.get(f"/v1/cases/{first}/cluster").json()["cases"]] == [alike]
    answer = analyst.post("/v1/decisions", json={"ids": [first, alike, other], **LEGAL})
    assert answer.json()["decided"] == [first, alike]
    assert list(answer.json()["peeled"]) == [other]
    assert house.registry.get_sample_value("vigie_cases_decided_total", {"illegal": "false"}) == 2
    assert analyst.post("/v1/decisions", json={"ids": [], **LEGAL}).json()["pointer"] == "/ids"


def test_a_search_finds_by_words_names_and_filters(house):
    (case_id,), (other,) = (house.receive(text, target_id="u-9") for text in (LONG, "une menace"))
    analyst = house.person()

    def found(**asked: object) -> list[str]:
        return [row["id"] for row in analyst.post("/v1/cases:search", json=asked).json()["rows"]]

    assert found(query="voisins bruit") == found(query=case_id) == found(query=LONG) == [case_id]
    assert found(family="terrorisme") == [other]
    assert found(state="decided") == found(since="2037-01-01T00:00:00Z") == []
    assert found(limit=1, offset=1) == [case_id]
    assert [row["id"] for row in analyst.get(f"/v1/cases/{case_id}/same-target").json()["rows"]] == [other]
    for asked, pointer in (({"state": "perdu"}, "/state"), ({"family": "x"}, "/family"), ({"limit": 0}, "/limit")):
        answer = analyst.post("/v1/cases:search", json=asked)
        assert (answer.status_code, answer.json()["pointer"]) == (422, pointer)


def test_a_reach_is_told_by_the_key_that_sent_the_case(house):
    key, _, case_id = claimed(house)
    before = key.get(f"/v1/cases/{case_id}").json()["rank"]
    after = key.post(f"/v1/cases/{case_id}/reach", json={"reach": 10**6}).json()
    assert (after["reach"], after["rank"] > before) == (10**6, True)
    assert house.key().post(f"/v1/cases/{case_id}/reach", json={"reach": 1}).status_code == 404
    assert key.post(f"/v1/cases/{case_id}/reach", json={"reach": -1}).json()["pointer"] == "/reach"


def test_exposure_is_one_s_own(house):
    (case_id,) = house.receive("une menace")
    reading, resting = house.person(), house.person()
    shown = reading.post(f"/v1/cases/{case_id}/exposure", json={"words": 2})
    assert shown.json() == reading.get("/v1/exposure").json()["pace"]
    (day,) = reading.get("/v1/exposure").json()["read"]
    assert (day["family"], day["cases"], day["words"]) == ("terrorisme", 1, 2)
    for part, words in (("text", 2), ("thread", 3)):
        reading.post(f"/v1/cases/{case_id}/exposure", json={"words": words, "part": part})
    (day,) = reading.get("/v1/exposure").json()["read"]
    assert (day["cases"], day["words"]) == (1, 5)
    assert resting.get("/v1/exposure").json()["read"] == []
    assert reading.post("/v1/cases/inconnu/exposure", json={"words": 2}).status_code == 404


def test_agreement_is_a_figure_for_those_who_watch(house):
    watcher = house.person(Role.RESEARCHER)
    assert watcher.get("/v1/agreement").json() == {"alpha": None, "pairs": 0, "low": None, "high": None}
    assert watcher.get("/v1/agreement", params={"days": 0}).status_code == 422
