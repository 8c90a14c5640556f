"""The simulated days: same worlds for every order, the real queue underneath, figures that mean what they say."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from serving.bundle import OUTPUT_KEYS, ConfigError, InputError, Taxonomy, Verdict, load_taxonomy, open_bundle
from serving.policy import Policy, load_policy
from serving.simulation.days import Reading, run
from serving.simulation.measures import figures
from serving.simulation.orders import Remembered, fifo, oracle, score_only, vigie
from serving.simulation.outputs import written
from serving.simulation.report import goals, write_page
from serving.simulation.scenario import Copies, Scenario, Variant, load_scenario
from serving.simulation.study import ORACLE, orders, study
from serving.simulation.texts import GoldText, everyday_sentences, in_posts, own_texts, read_texts
from serving.simulation.world import START, World, draw_world


@pytest.fixture(scope="module")
def taxonomy(root: Path) -> Taxonomy:
    return load_taxonomy(root / "configs/taxonomy.toml")


@pytest.fixture(scope="module")
def policy(root: Path) -> Policy:
    return load_policy(root / "configs/policy.toml")


@pytest.fixture(scope="module")
def scenario(root: Path) -> Scenario:
    whole = load_scenario(root / "configs/simulation.toml")
    arrivals = whole.arrivals.model_copy(update={"days": 1, "per_day": 60})
    changes = {"replicates": 2, "loads": (0.8, 2.0), "judged_load": 2.0, "arrivals": arrivals}
    return whole.model_copy(update=changes)


def gold(number: int, label: str | None, score: float, severity: float) -> GoldText:
    """A text whose length and score we choose; nothing in it is anybody's."""
    scores: dict[str, float | None] = dict.fromkeys(OUTPUT_KEYS, 0.01)
    labels = frozenset({label} if label else ())
    scores |= {label: score} if label else {"haine": score}
    levels = dict.fromkeys(("haine", "terrorisme", "harcelement", "contexte_protege"), "peu_probable")
    words = " ".join(["mot"] * (5 + number % 60))
    return GoldText(f"t{number}", f"{words} {number}", labels, severity, Verdict(scores, levels))


@pytest.fixture(scope="module")
def texts() -> list[GoldText]:
    """A model that knows: what is illegal has the higher score."""
    made = [gold(n, "haine", 0.8, 6.0) for n in range(12)]
    made += [gold(100 + n, "harcelement", 0.7, 5.0) for n in range(12)]
    made += [gold(200 + n, "terrorisme", 0.9, 8.0) for n in range(4)]
    return made + [gold(300 + n, None, 0.05, 0.0) for n in range(34)]


@pytest.fixture(scope="module")
def world(scenario: Scenario, texts: list[GoldText], policy: Policy, taxonomy: Taxonomy) -> World:
    return draw_world(scenario, texts, policy, taxonomy, load=2.0, seed=1)


def test_the_shipped_world_is_complete_and_refuses_what_it_does_not_know(root: Path, tmp_path: Path) -> None:
    shipped = (root / "configs/simulation.toml").read_text(encoding="utf-8")
    wrong = tmp_path / "simulation.toml"
    wrong.write_text(shipped.replace("replicates =", "replicate ="), encoding="utf-8")
    with pytest.raises(ConfigError, match="replicate"):
        load_scenario(wrong)


def test_a_seed_makes_one_world_and_the_load_only_stretches_reading(
    scenario: Scenario, texts: list[GoldText], policy: Policy, taxonomy: Taxonomy, world: World
) -> None:
    again = draw_world(scenario, texts, policy, taxonomy, load=2.0, seed=1)
    lighter = draw_world(scenario, texts, policy, taxonomy, load=1.0, seed=1)
    assert again == world
    assert [n.at for n in lighter.notices] == [n.at for n in world.notices]
    assert [n.minutes * 2 for n in lighter.notices] == pytest.approx([n.minutes for n in world.notices])
    capacity = scenario.minutes_a_day * scenario.arrivals.days
    assert sum(n.minutes for n in world.notices) == pytest.approx(2.0 * capacity)


def test_arrivals_keep_the_shares(world: World) -> None:
    firsts = {notice.gold.text: notice for notice in world.notices}.values()
    terrorism = sum("terrorisme" in notice.gold.labels for notice in firsts)
    assert (len(world.notices), len(firsts)) == (60, 51)
    assert (terrorism, sum(notice.illegal for notice in firsts)) == (3, 23)


def test_harm_runs_out_and_acting_earlier_averts_more(world: World) -> None:
    notice = next(n for n in world.notices if n.illegal)
    left = [notice.harm_left(notice.at + 60 * hours) for hours in (0, 1, 12, 240)]
    assert left == sorted(left, reverse=True)
    assert left[-1] == pytest.approx(0)
    harmless = next(n for n in world.notices if not n.illegal)
    assert harmless.harm_left(harmless.at) == 0


def test_everything_is_read_once_in_the_order_asked_for(world: World, scenario: Scenario) -> None:
    for order in (fifo(), score_only(), oracle()):
        readings = run(world, order, scenario)
        assert sorted(r.notice.number for r in readings) == [n.number for n in world.notices]
        assert all(r.begun >= r.notice.at for r in readings)
        assert all(r.ended - r.begun == pytest.approx(r.notice.minutes) for r in readings if r.read)
    first = run(world, fifo(), scenario)
    begun = sorted(first, key=lambda r: r.begun)
    assert [r.notice.number for r in begun] == [n.number for n in world.notices]


def test_vigie_is_the_queue_itself_and_keeps_clocks_that_first_come_misses(
    world: World, scenario: Scenario, policy: Policy, taxonomy: Taxonomy, texts: list[GoldText], tiny_bundle: Path
) -> None:
    bundle = open_bundle(tiny_bundle)
    scorer = Remembered(bundle.id, bundle.manifest, {text.text: text.verdict for text in texts})
    with vigie(world, policy, taxonomy, scorer, 1) as order:
        readings = run(world, order, scenario)
        report = order._queue.verify_chain()
    assert report.first_bad is None
    assert report.cases == len(world.notices)
    assert sorted(r.notice.number for r in readings) == [n.number for n in world.notices]
    mine = figures(world, readings, policy, 8.0)
    theirs = figures(world, run(world, fifo(), scenario), policy, 8.0)
    assert mine.missed <= theirs.missed
    assert mine.harm_averted > theirs.harm_averted


@pytest.fixture(scope="module")
def raid(scenario: Scenario, texts: list[GoldText], policy: Policy, taxonomy: Taxonomy) -> World:
    often = scenario.model_copy(update={"copies": Copies(share=0.5, mean=4, hours=2)})
    return draw_world(often, texts, policy, taxonomy, load=1.0, seed=3)


def test_a_copy_comes_after_its_first_and_within_the_days(raid: World) -> None:
    assert len({notice.gold.text for notice in raid.notices}) == len(raid.notices) / 2
    assert [n.at for n in raid.notices] == sorted(n.at for n in raid.notices)
    assert all(notice.at < raid.end for notice in raid.notices)


def test_a_decided_text_closes_its_copies_but_orders_and_dangers(
    raid: World, scenario: Scenario, policy: Policy, taxonomy: Taxonomy, texts: list[GoldText], tiny_bundle: Path
) -> None:
    bundle = open_bundle(tiny_bundle)
    scorer = Remembered(bundle.id, bundle.manifest, {text.text: text.verdict for text in texts})
    with vigie(raid, policy, taxonomy, scorer, 1) as order:
        mine = run(raid, order, scenario)
    bound = run(raid, oracle(), scenario)
    assert all(reading.read for reading in run(raid, score_only(), scenario))
    for readings in (mine, bound):
        closed = [reading for reading in readings if not reading.read]
        assert len(closed) > 10
        assert all(r.ended == r.begun and not r.notice.order and not r.notice.vital for r in closed)
        first = {r.notice.gold.text: r.acted for r in reversed(readings) if r.read}
        judged = {(r.notice.gold.text, r.acted) for r in readings if r.read}
        assert all((r.notice.gold.text, r.acted) in judged for r in closed)
        assert set(first) == {notice.gold.text for notice in raid.notices}


def test_a_variant_changes_the_policy_and_names_a_wrong_key(policy: Policy) -> None:
    patient = Variant(name="patient", policy={"rank.tau_seconds": 86400}).of(policy)
    assert (patient.rank.tau_seconds, policy.rank.tau_seconds != 86400) == (86400, True)
    assert patient.model_copy(update={"rank": policy.rank}) == policy
    with pytest.raises(ConfigError, match=r"rank.tau_second'.*rank.tau_seconds"):
        Variant(name="faux", policy={"rank.tau_second": 1}).of(policy)
    with pytest.raises(ConfigError, match=r"claims\.audit_share = 2"):
        Variant(name="faux", policy={"claims.audit_share": 2}).of(policy)


def test_readings_and_decisions_are_written_for_others(
    scenario: Scenario,
    policy: Policy,
    taxonomy: Taxonomy,
    texts: list[GoldText],
    tiny_bundle: Path,
    tmp_path: Path,
) -> None:
    bundle = open_bundle(tiny_bundle)
    quick = scenario.model_copy(update={"loads": (2.0,)})
    sheet, decisions = tmp_path / "lectures.csv", tmp_path / "decisions.parquet"
    with written(sheet, decisions, quick) as observe:
        found = study(quick, texts, policy, taxonomy, manifest=bundle.manifest, bundle_id=bundle.id, observe=observe)
    lines = list(csv.DictReader(sheet.open(encoding="utf-8")))
    assert len(lines) == len(orders(quick)) * quick.replicates * found.notices
    assert {line["order"] for line in lines} >= {"Vigie", "Oracle"}
    rows = pq.read_table(decisions).to_pylist()
    by_text = {text.text: text for text in texts}
    assert 0 < len(rows) <= found.notices
    assert all(row["family"] == by_text[row["text"]].family(taxonomy) for row in rows if row["illegal"] == 1)
    assert all(row["decided_at"] <= START + timedelta(days=1) for row in rows)


def test_posts_hold_the_text_among_everyday_sentences(root: Path, scenario: Scenario) -> None:
    around = everyday_sentences(root / "datasets/vigie")
    rows = [("a", "un texte dont la vérité est connue", frozenset({"haine"}))]
    posts = scenario.posts.model_copy(update={"per_text": 40, "most_words": 200})
    found = in_posts(rows, around, posts, 1)
    lengths = [len(text.split()) for _, text, _ in found]
    assert all(rows[0][1] in text and labels == rows[0][2] for _, text, labels in found)
    assert (min(lengths), max(lengths) <= 200) == (7, True)
    assert max(lengths) > 60
    assert found == in_posts(rows, around, posts, 1)


def test_figures_of_a_day_told_by_hand(world: World, policy: Policy) -> None:
    notice = replace(next(n for n in world.notices if n.illegal), found_illegal=True, order=None)
    one = World((notice,), end=notice.at + 100, load=1.0)
    found = figures(one, [Reading(notice, notice.at + 10, notice.at + 20, acted=True)], policy, 1.0)
    assert found.harm_averted == pytest.approx(notice.harm_left(notice.at + 20))
    assert found.harm_per_minute == pytest.approx(found.harm_averted / 10)
    assert found.action_minutes == pytest.approx((20,))
    assert found.grave_review_share == 1


def test_a_study_writes_a_page_that_stands_alone(
    scenario: Scenario, policy: Policy, taxonomy: Taxonomy, texts: list[GoldText], tiny_bundle: Path
) -> None:
    bundle = open_bundle(tiny_bundle)
    quick = scenario.model_copy(update={"loads": (2.0,)})
    found = study(quick, texts, policy, taxonomy, manifest=bundle.manifest, bundle_id=bundle.id)
    page = write_page(found, taxonomy, "essai <b>")
    assert page.count("<svg") == 3
    assert found.runs[2.0][ORACLE][0].unread > 0
    assert "essai &lt;b&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(text.text not in page for text in texts)
    assert set(found.runs[2.0]) == set(orders(quick))
    assert len(goals(found)) == 4


def test_a_file_of_texts_names_the_line_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    good = json.dumps({"id": 1, "text": "un texte", "gold": ["haine.genre"]})
    path.write_text(good + "\n" + json.dumps({"id": 2, "text": "secret", "gold": ["haines"]}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2.*'haines'.*haine") as told:
        list(read_texts(path))
    assert "secret" not in told.value.detail


def test_own_texts_held_out_are_whole_sentences(root: Path) -> None:
    rows = list(own_texts(root / "datasets/vigie"))
    assert len(rows) > 200
    assert not any("{" in text for _, text, _ in rows)
