"""What leaves Vigie: statements that the database takes, notices with their elements, figures that add up."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from serving.bundle import ConfigError, InputError
from serving.reports.config import load_rules, values
from serving.reports.figures import bars, number
from serving.reports.page import page
from serving.reports.statements import Statement
from serving.reports.summary import Summary
from serving.reports.written import Report, Span, write_report
from serving.review import Account, DecisionForm, KeyKind, NewCase, Queue, Role, Source
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


def test_a_contested_golden_copy_is_in_no_count(engine, policy, taxonomy, classifier, analyst, noon):
    always = policy.claims.model_copy(update={"golden_share": 1.0, "audit_share": 0.0, "ordinary_share": 0.0})
    queue = Queue(engine, policy.model_copy(update={"claims": always}), taxonomy, SECRET, draw=lambda: 0.5)
    queue.receive([NewCase(external_id="r", text="score=0.7")], source=PLATFORM, now=noon)
    supervisor = Account("pseudo-9", "Eva", Role.SUPERVISOR)
    queue.add_golden(NewCase(external_id="g", text="score=0.8"), NOTIFIED, supervisor, now=noon)
    queue.score_pending(classifier, now=noon)
    copy = queue.claim(analyst, now=noon)
    assert copy.row.external_id != "r"
    queue.decide(copy.id, analyst, NOTIFIED, now=noon)
    queue.appeal(copy.id, analyst, now=noon)
    counts = period(queue, noon, noon + timedelta(days=1))
    assert (counts.received, counts.appeals) == ({"platform": 1}, 0)


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


@pytest.fixture
def ordered(plain, analyst, colleague, noon):
    """Judge one removal order: decided after 20 minutes, and after each appeal 20 days later; returns the case's id."""

    def judge(*forms: DecisionForm) -> str:
        order = {"authority": "Autorité", "reference": "TCO-7", "received_at": noon.astimezone(UTC)}
        new = NewCase.model_validate({"external_id": "o", "text": "texte", "order": order})
        (case,) = plain.receive([new], source=AUTHORITY, now=noon)
        for place, form in enumerate(forms):
            at = noon + timedelta(days=20 * place, minutes=20)
            if place:
                plain.appeal(case.id, AUTHORITY, now=at)
            who = (analyst, colleague)[place % 2]
            plain.claim_case(case.id, who, now=at)
            plain.decide(case.id, who, form, now=at)
        return case.id

    return judge


def test_a_removal_confirmed_on_appeal_is_as_old_as_the_first(ordered, plain, rules, noon, tmp_path):
    ordered(REMOVED, REMOVED)
    first = (noon + timedelta(minutes=20)).astimezone(plain.rules.policy.zone)
    (form,) = json.loads(written(Report.TCO, plain, rules, tmp_path / "tco")["tco.json"])["annexe_ii"]
    assert (form["mesure_prise_le"], form["dans_le_delai"]) == (first.isoformat(timespec="minutes"), True)
    bodies = json.loads(written(Report.MOTIFS, plain, rules, tmp_path / "motifs")["motifs-0001.json"])
    assert bodies["statements"][0]["application_date"] == first.date().isoformat()
    told = list(csv.reader(written(Report.BILAN, plain, rules, tmp_path / "bilan")["injonctions.csv"].splitlines()))
    assert told[1][1:] == ["1", "1", "0"]


def test_a_removal_that_only_the_appeal_brought_is_late_in_every_document(ordered, plain, rules, noon, tmp_path):
    ordered(KEPT, REMOVED)
    taken = (noon + timedelta(days=20, minutes=20)).astimezone(plain.rules.policy.zone)
    (form,) = json.loads(written(Report.TCO, plain, rules, tmp_path / "tco")["tco.json"])["annexe_ii"]
    assert (form["mesure_prise_le"], form["dans_le_delai"]) == (taken.isoformat(timespec="minutes"), False)
    told = list(csv.reader(written(Report.BILAN, plain, rules, tmp_path / "bilan")["injonctions.csv"].splitlines()))
    assert told[1][1:] == ["1", "0", "1"]


def test_an_order_executed_in_time_and_reversed_on_appeal_was_not_late(ordered, plain, rules, tmp_path):
    ordered(REMOVED, KEPT)
    forms = json.loads(written(Report.TCO, plain, rules, tmp_path / "tco")["tco.json"])
    assert (len(forms["annexe_ii"]), len(forms["annexe_iii"])) == (0, 1)
    told = list(csv.reader(written(Report.BILAN, plain, rules, tmp_path / "bilan")["injonctions.csv"].splitlines()))
    assert told[1][1:] == ["1", "1", "0"]


def test_every_date_of_a_form_is_in_the_policys_zone(ordered, plain, rules, noon, tmp_path):
    ordered(REMOVED)
    (form,) = json.loads(written(Report.TCO, plain, rules, tmp_path / "tco")["tco.json"])["annexe_ii"]
    assert form["injonction_recue"] == noon.astimezone(plain.rules.policy.zone).isoformat(timespec="minutes")
    offsets = {datetime.fromisoformat(form[name]).utcoffset() for name in ("injonction_recue", "echeance")}
    assert offsets == {noon.astimezone(plain.rules.policy.zone).utcoffset()}


def test_a_removal_stays_one_when_the_deployment_no_longer_offers_it(ordered, plain, rules, tmp_path):
    ordered(REMOVED)
    hotline = plain.rules.policy.model_copy(update={"deployments": ("hotline",)})
    later = Queue(plain.engine, hotline, plain.rules.taxonomy, SECRET)
    assert len(json.loads(written(Report.TCO, later, rules, tmp_path / "tco")["tco.json"])["annexe_ii"]) == 1


def test_what_waited_for_a_second_reading_had_no_effect_before(engine, policy, taxonomy, analyst, colleague, noon):
    always = policy.second_review.model_copy(update={"share": 1.0, "uncertain_share": 1.0})
    queue = Queue(engine, policy.model_copy(update={"second_review": always}), taxonomy, SECRET, draw=lambda: 0.5)
    (case,) = queue.receive([NewCase(external_id="s", text="texte")], source=PLATFORM, now=noon)
    for days, who in ((0, analyst), (2, colleague)):
        at = noon + timedelta(days=days)
        queue.claim_case(case.id, who, now=at)
        queue.decide(case.id, who, TERMS, now=at)
    (found,) = handled(queue, noon, noon + timedelta(days=9), now=noon + timedelta(days=9))
    assert found.taken == ((noon + timedelta(days=2), "retrait"),)


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


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 décision en vigueur, dont 0 constat d’illicéité"),
        (1, "1 décision en vigueur, dont 1 constat d’illicéité"),
        (2, "2 décisions en vigueur, dont 2 constats d’illicéité"),
    ],
)
def test_the_bilan_counts_one_in_the_singular(noon, count, said):
    days = {"organisation": "Essai", "since": "hier", "until": "demain"}
    assert said in page("bilan.html", summary=Summary(noon, noon, count, count, ()), parts=[], **days)


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
