"""Hostile texts in a real browser under the console's policy: shown as text, nothing runs, leaves or overflows.

The texts (``tests/texts/hostile.toml``) stand wherever a sender or a colleague can put one; one session visits all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, served
from house import PASSWORD, House, open_house
from pydantic import ValidationError

from serving.bundle.config import read_toml
from serving.reports.config import load_rules
from serving.reports.written import Report, Span, write_report
from serving.review import Account, DecisionForm, KeyKind, NewCase, Role, Source

ROOT = Path(__file__).resolve().parents[2]
TEXTS = read_toml(ROOT / "tests" / "texts" / "hostile.toml")["text"]
STORED = {one["name"]: one["text"] * one.get("times", 1) for one in TEXTS if not one.get("refused")}
REFUSED = [one["text"] for one in TEXTS if one.get("refused")]

PHONE = {"width": 390, "height": 844}
NAME = "<img src=x onerror=window.pris=1>"
ORDINARY = (
    "une phrase ordinaire, assez longue pour que ses copies se ressemblent toutes et soient proposées ensemble, " * 3
)
ILLEGAL = DecisionForm(illegal=True, ground="loi1881.injure", action="notification_hebergeur")

#: Attributes that act and carry something of ours: none may exist. Values of fields are only text.
ACTING = """() => [...document.querySelectorAll('*')].flatMap((element) => [...element.attributes]
  .filter((one) => /^(on|hx-|data-hx|src|href|xlink|action|formaction|style|ping|data$|content$)/.test(one.name))
  .filter((one) => /pris|ailleurs/.test(one.value)).map((one) => `${element.tagName} ${one.name}`))"""
#: Elements that our own pages never have inside ``main``.
FOREIGN = "script img iframe object embed video audio meta base link style math animate frameset hx-partial template"

pytestmark = pytest.mark.browser


@dataclass
class Visit:
    """A page at the console, everything it complained of, and every address it asked for elsewhere."""

    page: Any
    house: House
    me: Account
    complaints: list[str] = field(default_factory=list)

    def to(self, path: str) -> None:
        self.page.goto(path)
        self.check()

    def check(self) -> None:
        """Nothing ran, nothing acts, nothing overflows, nothing was asked for elsewhere."""
        page = self.page
        assert page.evaluate("window.pris") is None
        assert page.evaluate(ACTING) == []
        assert page.locator(", ".join(f"main {name}" for name in FOREIGN.split())).count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert self.complaints == []

    def reveal(self, part: str) -> None:
        """Ask for a hidden part, and wait until it and its words that weigh are there."""
        button = self.page.get_by_role("button", name=f"Révéler {part}")
        button.click()
        button.wait_for(state="detached")
        self.page.locator("main [hx-trigger*=load]").wait_for(state="detached")


@pytest.fixture(scope="module")
def visit(tmp_path_factory, tiny_bundle) -> Iterator[Visit]:
    house, close = open_house(tmp_path_factory.mktemp("hostile"), tiny_bundle)
    me, _ = house.accounts.create_user(NAME, Role.SUPERVISOR, PASSWORD)
    with chromium() as browser, served(house) as url:
        context = browser.new_context(base_url=url, viewport=PHONE)
        found = Visit(context.new_page(), house, me)
        watch(found, url)
        sign_in(found.page)
        yield found
        context.close()
    close()


def watch(visit: Visit, url: str) -> None:
    """Write down errors of scripts, refusals of the policy, dialogs, and requests elsewhere."""
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("console", lambda said: visit.complaints.append(said.text) if said.type == "error" else None)
    visit.page.on("dialog", lambda dialog: (visit.complaints.append("a dialog was opened"), dialog.dismiss()))
    visit.page.on(
        "request",
        lambda asked: None if asked.url.startswith((url, "file:")) else visit.complaints.append(f"asked {asked.url}"),
    )


def sign_in(page) -> None:
    page.goto("/console/")
    page.get_by_label("Identifiant").fill(NAME)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("heading", name="File d’attente").wait_for()


def attack(text: str, number: int) -> dict[str, Any]:
    """A case with ``text`` wherever its sender may write."""
    short = text[:180] or "vide"
    return {
        "external_id": f"{number} {short}",
        "text": text,
        "url": text[:8_000],
        "category": short,
        "author_id": short,
        "target_id": "la même",
        "reporter": {"id": short},
        "notice": {"explanation": text[:20_000], "name": short, "email": short},
        "order": {"authority": short, "reference": short},
        "thread": [{"text": text[:20_000], "author_id": short}],
    }


@pytest.fixture(scope="module")
def cases(visit) -> dict[str, str]:
    """A case for each text: id by name."""
    new = [NewCase.model_validate(attack(text, number)) for number, text in enumerate(STORED.values())]
    received = visit.house.queue.receive(new, source=Source("clef", KeyKind.PLATFORM))
    while visit.house.queue.score_pending(visit.house.classifier):
        pass
    return {name: receipt.id for name, receipt in zip(STORED, received, strict=True)}


def test_the_queue_its_refresh_and_the_team(visit, cases):
    visit.to("/console/")
    assert visit.page.locator("td.nature a").count() == len(cases)
    assert visit.page.locator(".signale").first.inner_text().startswith("signalé comme ")
    visit.page.evaluate("htmx.ajax('GET', '/console/', {target: '#file', swap: 'innerMorph'})")
    visit.check()
    visit.to("/console/journee")
    visit.to("/console/equipe")
    assert visit.page.get_by_role("heading", name="Échéances").is_visible()


@pytest.mark.parametrize("name", STORED)
def test_a_case_and_what_it_reveals(visit, cases, name):
    visit.to(f"/console/dossiers/{cases[name]}")
    for part in ("le texte", "le fil", "le signalement"):
        visit.reveal(part)
    shown = visit.page.locator("blockquote.texte").first
    assert shown.is_visible()
    visit.check()


def test_a_text_is_shown_sign_for_sign(visit, cases):
    visit.to(f"/console/dossiers/{cases['script']}")
    visit.reveal("le texte")
    assert visit.page.locator("blockquote.texte").first.inner_text().strip() == STORED["script"]


def test_near_texts_and_the_words_that_differ(visit):
    near = [f"{ORDINARY} {text[:60]}" for text in STORED.values()]
    first, *_ = visit.house.receive(ORDINARY, *near)
    visit.to(f"/console/dossiers/{first}")
    visit.page.get_by_role("button", name="Révéler les mots qui diffèrent").click()
    visit.page.locator(".differe").first.wait_for()
    assert visit.page.locator(".differe .mot").count() > 10
    visit.check()


def test_notes_of_colleagues(visit):
    (case_id,) = visit.house.receive("une haine à commenter")
    for text in STORED.values():
        visit.house.queue.add_note(case_id, visit.me, text[:20_000])
    visit.to(f"/console/dossiers/{case_id}")
    assert visit.page.locator(".notes li").count() == len(STORED)


def test_what_was_searched_comes_back_as_text(visit, cases):
    for text in ("\n".join(STORED.values())[:150_000], STORED["raw text elements"], STORED["jinja"]):
        visit.to("/console/recherche")
        visit.page.locator("#texte").evaluate("(field, text) => { field.value = text; }", text)
        visit.page.locator("#categorie").fill(STORED["double quote"])
        visit.page.get_by_role("button", name="Chercher").click()
        visit.page.locator("#titre-trouves").wait_for()
        visit.check()


def test_a_decision_its_note_and_the_reference_made_of_it(visit):
    (case_id,) = visit.house.receive("une insulte")
    visit.to(f"/console/dossiers/{case_id}")
    visit.page.get_by_role("button", name="Prendre ce dossier-ci").click()
    visit.page.get_by_text("vous est réservé jusqu’à").wait_for()
    visit.to("/console/equipe")
    assert visit.page.get_by_role("table", name="Dossiers en cours de lecture").get_by_text(NAME).first.is_visible()
    form = ILLEGAL.model_copy(update={"note": "\n".join(STORED.values())[:20_000]})
    visit.house.queue.decide(case_id, visit.me, form)
    visit.to(f"/console/?decide={case_id}")
    visit.to(f"/console/dossiers/{case_id}")
    visit.page.get_by_role("button", name="Garder comme référence").click()
    visit.page.get_by_text("Dossier gardé comme référence.").wait_for()
    visit.check()


def test_documents_of_vigie_report(visit, tmp_path):
    queue, past = visit.house.queue, datetime.now(UTC) - timedelta(hours=1)
    new = [NewCase.model_validate(attack(text, 1000 + number)) for number, text in enumerate(STORED.values())]
    for receipt in queue.receive(new, source=Source("clef", KeyKind.PLATFORM), now=past):
        queue.claim_case(receipt.id, visit.me, now=past)
        queue.decide(receipt.id, visit.me, ILLEGAL, now=past)
    rules = load_rules(ROOT / "configs" / "reports.toml", queue.rules.taxonomy, queue.rules.policy)
    day = past.astimezone(queue.rules.policy.zone).date()
    for kind in (Report.SIGNALEMENTS, Report.BILAN):
        write_report(kind, queue, Span(day, day), rules, tmp_path)
        visit.page.goto((tmp_path / f"{kind.value}.html").as_uri())
        assert visit.page.locator("section").count() > 5
        visit.check()


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_database_holds_is_refused_in_words(visit, text):
    with pytest.raises(ValidationError, match="U\\+0000"):
        NewCase(external_id="nul", text=text)
    (case_id,) = visit.house.receive("une haine")
    client, csrf = visit.house.browser()
    for path in (f"/console/dossiers/{case_id}/note", "/console/recherche"):
        answer = client.post(path, data={"csrf": csrf, "note": text, "texte": text})
        assert answer.status_code in (200, 422)
