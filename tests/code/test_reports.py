"""What leaves Vigie: statements that the database takes, notices with their elements, figures that add up."""

from __future__ import annotations

import csv
import json
import re
from datetime import date, timedelta

import pytest

from serving.bundle import ConfigError, InputError
from serving.reports.config import load_rules, values
from serving.reports.figures import bars, number
from serving.reports.statements import Statement
from serving.reports.written import Report, Span, write_report
from serving.review import DecisionForm, KeyKind, NewCase, Queue, Source
from serving.review.reporting import handled, period

PLATFORM = Source("clef", KeyKind.PLATFORM)
AUTHORITY = Source("autorite", KeyKind.AUTHORITY)
SECRET = b"a secret for tests, 32 bytes long"
REMOVED = DecisionForm(illegal=True, ground="tco.menace", action="retrait")
NOTIFIED = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")
TERMS = DecisionForm(illegal=False, action="retrait")
KEPT = DecisionForm(illegal=False, action="maintien")
SPAN = Span(date(2020, 1, 1), date(2037, 1, 1))


@pytest.fixture
def plain(engine, policy, taxonomy):
    """A queue without second readings or draws."""
    once = policy.second_review.model_copy(update={"share": 0.0, "uncertain_share": 0.0})
    claims = policy.claims.model_copy(update={"audit_share": 0.0, "ordinary_share": 0.0, "golden_share": 0.0})
    changed = policy.model_copy(update={"second_review": once, "claims": claims})
    return Queue(engine, changed, taxonomy, SECRET, draw=lambda: 0.5)


@pytest.fixture
def rules(root, policy, taxonomy):
    return load_rules(root / "configs/reports.toml", taxonomy, policy)


@pytest.fixture
def busy(plain, analyst, noon):
    """Four cases decided an hour apart."""
    sent = [
        (
            AUTHORITY,
            REMOVED,
            {"order": {"authority": "Autorité", "reference": "TCO-1"}, "url": "https://www.a.example/1"},
        ),
        (PLATFORM, NOTIFIED, {"url": "https://b.example/2", "notice": {"explanation": "motif", "name": "Nom secret"}}),
        (PLATFORM, TERMS, {"language": "fr-FR"}),
        (PLATFORM, KEPT, {}),
    ]
    for place, (source, form, fields) in enumerate(sent):
        at = noon + timedelta(hours=place)
        new = NewCase.model_validate({"external_id": f"c{place}", "text": f"texte secret numéro {place}", **fields})
        plain.receive([new], source=source, now=at)
        plain.decide(plain.claim(analyst, now=at).id, analyst, form, now=at + timedelta(minutes=30))
    return plain


def written(kind, queue, rules, folder):
    """The files of a report, by name."""
    write_report(kind, queue, SPAN, rules, folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} if folder.exists() else {}


def test_decisions_in_force_are_told_and_others_wait(busy, noon):
    after = noon + timedelta(days=1)
    found = list(handled(busy, noon, after, now=after))
    assert [case.action for case in found] == ["retrait", "notification_hebergeur", "retrait", "maintien"]
    busy.appeal(found[3].case_id, PLATFORM, now=after)
    assert len(list(handled(busy, noon, after, now=after))) == 3
    assert list(handled(busy, after, after + timedelta(days=1), now=after)) == []
    # A decision that its analyst may still take back is not told.
    assert len(list(handled(busy, noon, after, now=noon + timedelta(minutes=30, seconds=5)))) == 0
    counts = period(busy, noon, after + timedelta(days=1))
    assert (counts.received, counts.appeals, counts.waiting) == ({"authority": 1, "platform": 3}, 1, 1)


def test_statements_are_those_of_restrictions_and_hold_the_databases_rules(busy, rules, tmp_path):
    files = written(Report.MOTIFS, busy, rules, tmp_path / "out")
    illegal, terms = json.loads(files["motifs-0001.json"])["statements"]
    assert illegal["decision_ground"] == "DECISION_GROUND_ILLEGAL_CONTENT"
    assert illegal["category_specification"] == ["KEYWORD_TERRORIST_CONTENT"]
    assert illegal["source_type"] == "SOURCE_TYPE_OTHER_NOTIFICATION"
    assert "incompatible_content_ground" not in illegal
    assert terms["decision_ground"] == "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    assert terms["content_language"] == "FR"
    assert "illegal_content_legal_ground" not in terms
    required = {"decision_visibility", "decision_ground", "content_type", "category", "content_date"}
    required |= {
        "application_date",
        "decision_facts",
        "source_type",
        "automated_detection",
        "automated_decision",
        "puid",
    }
    for statement in (illegal, terms):
        assert required <= set(statement)
        assert re.fullmatch(r"[a-zA-Z0-9-_]+", statement["puid"])
        assert set(statement["decision_visibility"]) <= set(values("decision_visibilities"))
        assert statement["category"] in values("statement_categories")
        assert statement["automated_decision"] in values("automated_decisions")
    assert illegal["puid"] != terms["puid"]


@pytest.mark.parametrize(
    "change",
    [
        {"category": "STATEMENT_CATEGORY_HATE"},
        {"illegal_content_explanation": None},
        {"incompatible_content_ground": "clause"},
        {"content_date": "1999-12-31"},
        {"puid": "a b"},
        {"decision_facts": "x" * 5001},
        {"decision_visibility": []},
    ],
)
def test_a_statement_the_database_would_refuse_is_not_made(busy, rules, tmp_path, change):
    files = written(Report.MOTIFS, busy, rules, tmp_path / "out")
    good = json.loads(files["motifs-0001.json"])["statements"][0]
    Statement.model_validate(good)
    with pytest.raises(ValueError):
        Statement.model_validate({**good, **change})


def test_notices_carry_the_elements_of_article_16_and_say_what_they_lack(busy, rules, tmp_path):
    files = written(Report.SIGNALEMENTS, busy, rules, tmp_path / "out")
    (notice,) = json.loads(files["signalements.json"])
    assert (notice["localisation_electronique"], notice["complete"]) == ("https://b.example/2", True)
    assert notice["notifiant"]["courriel"] == rules.organisation.email
    assert "bonne foi" in notice["declaration_de_bonne_foi"]
    assert "art. 33" in notice["explication_motivee"]
    assert notice["reference"] in files["signalements.html"]


def test_removal_orders_are_answered_on_the_right_annex(busy, rules, tmp_path):
    forms = json.loads(written(Report.TCO, busy, rules, tmp_path / "out")["tco.json"])
    (form,) = forms["annexe_ii"]
    assert (form["reference_injonction"], form["dans_le_delai"], forms["annexe_iii"]) == ("TCO-1", True, [])


def test_the_bilan_adds_up_and_knows_no_text(busy, rules, tmp_path):
    files = written(Report.BILAN, busy, rules, tmp_path / "out")
    rows = list(csv.reader(files["suites.csv"].splitlines()))
    assert sum(int(row[1]) for row in rows[1:]) == 4
    hosts = list(csv.reader(files["article_22.csv"].splitlines()))
    assert hosts[1][0] == "b.example"
    orders = list(csv.reader(files["injonctions.csv"].splitlines()))
    assert orders[1][1:] == ["1", "1", "0"]
    delays = list(csv.reader(files["delais.csv"].splitlines()))
    assert {row[2] for row in delays[1:]} == {"0.5"}
    assert "<svg" in files["bilan.html"]
    assert "<script" not in files["bilan.html"]


@pytest.mark.parametrize("kind", list(Report))
def test_no_document_holds_a_text_or_the_name_of_a_reporter(busy, rules, tmp_path, kind):
    whole = " ".join(written(kind, busy, rules, tmp_path / "out").values())
    assert whole
    assert "secret" not in whole


def test_rules_that_do_not_fit_the_taxonomy_are_refused(root, policy, taxonomy, tmp_path):
    text = (root / "configs/reports.toml").read_text(encoding="utf-8")
    path = tmp_path / "reports.toml"
    path.write_text(text.replace('"cp.menace"', '"cp.menaces"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lacks 'cp\.menace'"):
        load_rules(path, taxonomy, policy)
    path.write_text(
        text.replace("KEYWORD_STALKING", "X").replace("KEYWORD_SUICIDE", "KEYWORD_SUICIDES"), encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="KEYWORD_SUICIDE"):
        load_rules(path, taxonomy, policy)


def test_days_go_forward():
    with pytest.raises(InputError, match="--to"):
        Span(date(2026, 2, 1), date(2026, 1, 1))


def test_figures_escape_words_and_speak_french():
    drawn = bars("<titre>", ["x"], [("<b>", [1234.5])])
    assert "<b>" not in drawn
    assert number(1234.5) == "1\u202f234,5"
    assert number(float("nan")) == "–"
