"""``vigie queue``, ``log``, ``report``, ``hook`` and ``simulate`` through the console script, on a real database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from addressee import addressee
from program import Program, refused
from running import rooms
from sqlalchemy import text
from standardwebhooks import Webhook

from serving.review import Account, DecisionForm, Queue, Role
from serving.review.database import writing

ANALYST = Account("pseudo-1", "Ana", Role.ANALYST)
REMOVED = DecisionForm(illegal=True, ground="tco.menace", action="retrait")
CASE = {"external_id": "a", "text": "une menace", "url": "https://exemple.fr/1", "language": "fr"}


@pytest.fixture
def vigie(tmp_path: Path, tiny_bundle: Path) -> Program:
    return Program(tmp_path / "state", tiny_bundle)


@pytest.fixture
def key(vigie: Program) -> str:
    """Id of a key, in whose name one case has come."""
    made = vigie.says("key", "create", "p").split()[0]
    said = vigie.says("queue", "import", "-", "--format", "jsonl", "--key", made, stdin=json.dumps(CASE))
    assert "1 cases received" in said
    return made


@pytest.fixture
def queue(vigie: Program, root: Path, key: str) -> Iterator[Queue]:
    """The program's own database; chance never draws a case for a second reading."""
    found, _ = rooms(vigie.state, root)
    once = found.rules.policy.second_review.model_copy(update={"share": 0.0, "uncertain_share": 0.0})
    policy = found.rules.policy.model_copy(update={"second_review": once})
    yield Queue(found.engine, policy, found.rules.taxonomy, (vigie.state / "secret").read_bytes().strip())
    found.engine.dispose()


def decide(queue: Queue, *, ago: timedelta = timedelta(hours=1)) -> str:
    """The one case, decided long enough ago to be told."""
    (row,) = queue.top()
    then = datetime.now(UTC) - ago
    queue.claim_case(row.id, ANALYST, then)
    queue.decide(row.id, ANALYST, REMOVED, then)
    queue.seal()
    return row.id


def test_export_writes_decided_cases_and_asked_for_the_waiting_ones(vigie, queue, tmp_path):
    output = tmp_path / "rows.parquet"
    assert "0 training rows written" in vigie.says("queue", "export", str(output))
    assert "1 rows written" in vigie.says("queue", "export", str(output), "--waiting")
    case_id = decide(queue)
    assert "1 training rows written" in vigie.says("queue", "export", str(output))
    (row,) = pq.read_table(output).to_pylist()
    assert (row["row_id"], row["text"], row["illegal"]) == (case_id, "une menace", 1.0)
    assert output.stat().st_mode & 0o077 == 0


def test_erased_lists_exported_rows_whose_text_is_gone(vigie, queue, tmp_path):
    case_id = decide(queue)
    vigie.says("queue", "export", str(tmp_path / "rows.parquet"))
    assert vigie.says("queue", "erased") == ""
    queue.erase_expired(datetime.now(UTC) + timedelta(days=400))
    assert vigie.says("queue", "erased").split()[0] == case_id


@pytest.mark.usefixtures("key")
def test_rerank_places_open_cases_and_is_noted(vigie):
    said = vigie.says("queue", "rerank")
    assert re.search(r"1 open cases placed by policy [0-9a-f]{12} \(change 1\)", said)
    assert "(change 2)" in vigie.says("queue", "rerank")
    assert "sound: 1 events of 1 cases" in vigie.says("log", "verify")


def test_an_anchor_kept_elsewhere_tells_what_was_cut_off(vigie, queue):
    decide(queue)
    vigie.says("queue", "rerank")
    (anchor,) = re.findall(r"^anchor: (\S+)$", vigie.says("log", "verify"), re.MULTILINE)
    assert "sound" in vigie.says("log", "verify", "--expect", anchor)
    with writing(queue.engine) as connection:
        connection.execute(text("DELETE FROM policy_changes"))
    assert "sound" in vigie.says("log", "verify")
    refused(vigie("log", "verify", "--expect", anchor), "policy change 1: the anchor knows 1 policy changes")
    refused(vigie("log", "verify", "--expect", "3"), "expected what `vigie log verify` printed")


def test_an_altered_decision_is_located(vigie, queue):
    case_id = decide(queue)
    with writing(queue.engine) as connection:
        connection.execute(text("UPDATE decisions SET illegal = 0, ground = NULL, action = 'maintien'"))
    refused(vigie("log", "verify"), f"of case {case_id}: row 1 of table decisions says otherwise")


def test_the_database_is_made_and_brought_up_to_date(vigie):
    assert "up to date" in vigie.says("db", "upgrade")
    assert (vigie.state / "vigie.db").exists()


# --- Reports ----------------------------------------------------------------------------------------------------------


def days(kind: str, output: Path) -> list[str]:
    """The arguments of a report over yesterday and today."""
    today = date.today()
    return ["report", kind, "--from", str(today - timedelta(days=1)), "--to", str(today), "--output", str(output)]


@pytest.mark.parametrize("kind", ["signalements", "motifs", "tco", "bilan"])
def test_each_report_writes_what_it_says(vigie, queue, tmp_path, kind):
    decide(queue)
    output = tmp_path / "rapports"
    said = vigie.says(*days(kind, output))
    written = (
        {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()} if output.exists() else set()
    )
    assert written or "nothing of this kind in these days" in said
    assert all(Path(name).name in said for name in written)
    if kind in ("motifs", "bilan"):
        assert written
    assert "une menace" not in said


def test_a_report_that_is_none_and_days_that_end_before_they_begin_are_refused(vigie, queue, tmp_path):
    refused(vigie(*days("bilans", tmp_path)), "signalements, motifs, tco, bilan")
    turned = ["report", "bilan", "--from", "2026-03-02", "--to", "2026-03-01", "--output", str(tmp_path)]
    refused(vigie(*turned), "2026-03-01")


# --- Webhooks ---------------------------------------------------------------------------------------------------------


NEARBY = {"VIGIE_HOOK_HTTP": "1", "VIGIE_HOOK_PRIVATE": "1"}


def test_a_hook_is_added_tested_listed_and_removed(vigie, key):
    with addressee() as found:
        hook_id, _, secret = vigie.says("hook", "add", found.url, "--key", key, **NEARBY).split()
        assert f"{hook_id} took the message" in vigie.says("hook", "test", hook_id, **NEARBY)
    ((headers, body),) = found.got
    assert Webhook(secret).verify(body, headers)["type"] == "vigie.test"
    listed = vigie.says("hook", "list")
    assert hook_id in listed
    assert key in listed
    assert "ready" in listed
    assert secret not in listed
    refused(vigie("hook", "test", hook_id), "VIGIE_HOOK_HTTP=1")
    vigie.says("hook", "remove", hook_id)
    assert hook_id not in vigie.says("hook", "list")
    refused(vigie("hook", "remove", hook_id), "vigie hook list")


def test_a_hook_to_nowhere_or_inside_is_refused(vigie):
    refused(vigie("hook", "add", "https://127.0.0.1/"), "public network")
    refused(vigie("hook", "add", "http://exemple.fr/"), "expected https://")
    refused(vigie("hook", "add", "https://127.0.0.1/", "--key", "personne", **NEARBY), "--key 'personne'")
    assert len(vigie.says("hook", "list").split("\n")) < 7  # a head and no row


# --- Simulation -------------------------------------------------------------------------------------------------------


def test_simulate_compares_the_orders_on_given_texts(vigie, root, tmp_path):
    texts, scenario = tmp_path / "textes.jsonl", tmp_path / "monde.toml"
    said = [("une menace", "terrorisme"), ("la haine", "haine"), ("une insulte", "harcelement"), ("bonjour", None)]
    rows = [
        {"id": f"t{n}", "text": f"{text} numéro {n}", "gold": [label] if label else []}
        for n in range(40)
        for text, label in [said[n % 4]]
    ]
    texts.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    world = (root / "configs" / "simulation.toml").read_text(encoding="utf-8")
    small = {"days": "1", "per_day": "40", "loads": "[0.8, 1.5]"}
    for name, value in small.items():
        world = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", world)
    scenario.write_text(world, encoding="utf-8")
    page = tmp_path / "page.html"
    told = vigie.says("simulate", str(texts), "--scenario", str(scenario), "--replicates", "2", "--output", str(page))
    assert "load 1.5" in told
    assert f"report: {page}" in told
    assert "<html" in page.read_text(encoding="utf-8")
    refused(vigie("simulate", str(tmp_path / "absent.jsonl"), "--output", str(page)), "absent.jsonl")
