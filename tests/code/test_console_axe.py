"""WCAG 2.2 AA on every page of the console, as axe-core finds it in a real browser: desk and phone, light and dark."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pyotp
import pytest
from browsing import chromium, served
from house import PASSWORD, SECRET, House
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from serving.api.meters import Meters
from serving.console import Desk, Words, create_console
from serving.review import Role

AXE = Path(__file__).parents[1] / "axe" / "axe-4.14.1.min.js"
#: WCAG 2.0 to 2.2 at A and AA, and axe's own good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: axe leaves target-size out unless asked by name: it is of WCAG 2.2.
RULES = {"runOnly": TAGS, "rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
#: All rules at each width; of the other colour scheme nothing can differ but the contrast.
LOOKS = [(1280, "light", RULES), (1280, "dark", CONTRAST), (390, "dark", RULES), (390, "light", CONTRAST)]
#: The narrowest window that a page has to fit without a horizontal scroll (WCAG 1.4.10), in px.
NARROWEST = 320
TEXT = "une menace contre le lycée de la ville, écrite un soir de pluie par quelqu’un"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


class Walk:
    """A supervisor's way through the console; what is wrong on each page that it meets, in ``found``."""

    def __init__(self, browser, url: str | None = None) -> None:
        # Without motion a colour is what it will be as soon as the scheme changes.
        self.page = browser.new_context(base_url=url, reduced_motion="reduce").new_page()
        self.found: list[str] = []
        self.met: set[str] = set()

    def look(self, path: str | None = None) -> None:
        """Have axe look at the page, or first go there; leaves it as wide as a desk."""
        if path:
            self.page.goto(path)
        if not self.page.evaluate("typeof window.axe === 'object'"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        seen = urlsplit(self.page.url).path
        self.met.add(seen.removeprefix("/console"))
        for width, scheme, asked in LOOKS:
            self.resize(width, scheme)
            self.hear(f"{seen} {width} {scheme}", self.page.evaluate("asked => axe.run(document, asked)", asked))
        self.resize(NARROWEST, "light")
        if self.page.evaluate("document.documentElement.scrollWidth") > NARROWEST:
            self.found.append(f"{seen} {NARROWEST} light: wider than its window")
        self.resize(1280, "light")

    def resize(self, width: int, scheme: str) -> None:
        """Another window."""
        self.page.set_viewport_size({"width": width, "height": 850})
        self.page.emulate_media(color_scheme=scheme)

    def hear(self, where: str, told: dict) -> None:
        """Keep what axe has against the page, once it has shown that it read some text there."""
        assert "color-contrast" in {one["id"] for one in told["passes"] + told["violations"]}, f"{where}: nothing read"
        self.found += [f"{where}: {one['id']}: {node['target']}" for one in told["violations"] for node in one["nodes"]]

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name).first.click()

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Send name and password."""
        self.page.goto("/console/connexion")
        self.page.get_by_label("Identifiant").fill(name)
        self.page.get_by_label("Mot de passe").fill(password)
        self.press("Se connecter")


def receive(house: House) -> None:
    """Cases that show everything a case can show."""
    thread, notice = [{"text": "un message du fil"}], {"explanation": "vise une personne"}
    house.receive(TEXT, TEXT + " vraiment", target_id="t", thread=thread, notice=notice, reach=9_000)
    house.receive("une haine", order={"authority": "Tribunal", "reference": "LCEN-1"})
    house.receive("une menace ce soir", category="danger_vital")


def enrol(walk: Walk) -> None:
    """Set a second factor up and meet its three pages."""
    walk.look("/console/reglages/code")
    walk.page.get_by_text("Saisir la clef à la main").click()
    totp = pyotp.TOTP(walk.page.locator(".clef code").inner_text().replace(" ", ""))
    walk.look()
    walk.page.get_by_label("Saisissez le code").fill("000000x")
    walk.press("Activer le code")
    walk.page.get_by_role("alert").wait_for()
    walk.look()
    walk.page.get_by_label("Saisissez le code").fill(totp.now())
    walk.press("Activer le code")
    walk.page.get_by_role("heading", name="Vos codes de secours").wait_for()
    walk.look()


def read_and_decide(walk: Walk) -> None:
    """A case found by a search, taken, revealed, decided."""
    walk.look("/console/recherche")
    walk.page.get_by_label("Texte, mots").fill(TEXT)
    walk.press("Chercher")
    walk.page.get_by_role("heading", name="trouvé").wait_for()
    walk.look()
    walk.page.get_by_role("link", name="Terrorisme").first.click()
    walk.look()
    walk.press("Prendre ce dossier-ci")
    walk.page.get_by_text("vous est réservé").wait_for()
    walk.look()
    walk.press("Révéler sans les mots qui pèsent")
    walk.page.get_by_text("Passages voilés").wait_for()
    walk.look()
    walk.press("Tout révéler")
    walk.page.get_by_role("button", name="Tout révéler").wait_for(state="detached")
    for part in ("le fil", "le signalement"):
        walk.press(f"Révéler {part}")
        walk.page.get_by_role("button", name=f"Révéler {part}").wait_for(state="detached")
    walk.page.get_by_text("Passages qui pèsent").wait_for()
    walk.press("Révéler les mots qui diffèrent")
    walk.page.get_by_text("Mots qui diffèrent").wait_for()
    walk.page.get_by_label("Provocation directe").check()
    walk.page.locator("summary", has_text="Je ne peux pas trancher").click()
    walk.look()
    walk.press("Transmission à PHAROS")
    walk.page.get_by_text("Décision enregistrée").wait_for()
    walk.look()


def look_around(walk: Walk) -> None:
    """Every page as somebody finds it who has just come."""
    walk.look("/console/")
    walk.sign_in("eva")
    for path in ("", "journee", "equipe", "mot-de-passe", "reglages", "dossiers/absent"):
        walk.look(f"/console/{path}")


def look_back(walk: Walk, case_id: str) -> None:
    """The help over the queue, then the pages on which a decision shows."""
    walk.page.keyboard.press("?")
    walk.page.get_by_role("dialog").wait_for()
    walk.look()
    for path in (f"dossiers/{case_id}", "journee", "equipe"):
        walk.look(f"/console/{path}")


def come_back(walk: Walk) -> None:
    """Signed out everywhere; refused for the name, then for the code."""
    walk.look("/console/reglages/code")
    walk.look("/console/reglages?fait=lecture")
    walk.press("Me déconnecter partout")
    walk.sign_in("personne")
    walk.page.get_by_role("alert").wait_for()
    walk.look()
    walk.sign_in("eva")
    walk.page.get_by_label("Code de vérification").fill("000000x")
    walk.look()
    walk.press("Se connecter")
    walk.page.get_by_role("alert").wait_for()
    walk.look()


def begin(walk: Walk, name: str, given: str) -> None:
    """An administrator's first day: a password to choose, refused once, then the team without its names."""
    walk.page.context.clear_cookies()
    walk.sign_in(name, given)
    walk.page.get_by_role("heading", name="mot de passe").wait_for()
    walk.look()
    for chosen, then in (("court", "alert"), (PASSWORD, "status")):
        for label, word in (("actuel", given), ("Nouveau mot de passe douze", chosen), ("à nouveau", chosen)):
            walk.page.get_by_label(label).fill(word)
        walk.press("Enregistrer")
        walk.page.get_by_role(then).first.wait_for()
        walk.look()
    walk.look("/console/equipe")


def test_no_page_has_a_fault(house, browser):
    receive(house)
    house.accounts.create_user("eva", Role.SUPERVISOR, PASSWORD)
    with served(house) as url:
        walk = Walk(browser, url)
        look_around(walk)
        read_and_decide(walk)
        look_back(walk, house.queue.changed_since().rows[-1].id)
        enrol(walk)
        come_back(walk)
        begin(walk, "adam", house.accounts.create_user("adam", Role.ADMIN)[1])
        walk.page.context.close()
    assert walk.found == []
    patterns = pages(house)
    assert patterns
    assert [pattern.pattern for pattern in patterns if not any(map(pattern.match, walk.met))] == []


FAULTY = """<!doctype html><html lang="fr"><title>Fautes</title><meta name="viewport" content="width=device-width">
<style>
  @media (prefers-color-scheme: dark) { #nuit { color: #777; background: #666 } }
  @media (max-width: 400px) { #telephone { color: #eee; background: #fff } }
  a { display: inline-block; width: 10px; height: 10px; overflow: hidden }
</style>
<main><h1>Fautes</h1><img src="data:,"><input><p id="nuit">la nuit</p><p id="telephone">au téléphone</p>
<a href="#a">a</a><a href="#b">b</a><div style="width: 350px">large</div></main>"""


def test_a_fault_is_found_where_there_is_one(browser):
    walk = Walk(browser)
    walk.page.set_content(FAULTY)
    walk.look()
    walk.page.context.close()
    for width, scheme in ((1280, "light"), (390, "dark")):
        for fault in ("image-alt: ['img']", "label: ['input']", "target-size: ['a[href=\"#a\"]']"):
            assert f"blank {width} {scheme}: {fault}" in walk.found
    contrast = {found.partition(": color-contrast: ")[::2] for found in walk.found if "color-contrast" in found}
    dark = {(f"blank {width} dark", "['#nuit']") for width in (1280, 390)}
    assert contrast == dark | {(f"blank 390 {scheme}", "['#telephone']") for scheme in ("light", "dark")}
    assert "blank 320 light: wider than its window" in walk.found


def pages(house: House) -> list:
    """The pattern of every page of the console."""
    words = Words(house.queue.rules.taxonomy, house.queue.rules.policy)
    app = create_console(Desk(house.queue, house.accounts, words, SECRET, Meters(CollectorRegistry())))
    return [route.path_regex for route in app.routes if isinstance(route, Route) and "GET" in route.methods]
