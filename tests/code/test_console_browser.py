"""The console in a real browser: the whole way of an analyst, and hostile text that stays inert."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browsing import chromium, served
from house import PASSWORD, House, open_house

from serving.review import Display, Opening, Role

HOSTILE = (
    "<script>window.pris = 1</script><img src=x onerror='window.pris = 2'>"
    "<svg onload='window.pris = 3'></svg><a href='javascript:window.pris = 4'>ici</a>"
    "</blockquote></bdi></main><form action='https://ailleurs.test'> \u202e une menace"
)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def house(tmp_path, tiny_bundle) -> Iterator[House]:
    found, close = open_house(tmp_path, tiny_bundle)
    yield found
    close()


@pytest.fixture
def url(house) -> Iterator[str]:
    with served(house) as address:
        yield address


@pytest.fixture
def page(browser, url):
    """A page at the console, and everything it complained of in ``page.complaints``."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
    found = context.new_page()
    found.complaints = []
    found.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.on("console", lambda message: found.complaints.append(message.text) if message.type == "error" else None)
    found.on("dialog", lambda dialog: found.complaints.append("a dialog was opened"))
    yield found
    context.close()


def sign_in(page, name: str) -> None:
    page.goto("/console/")
    page.get_by_label("Identifiant").fill(name)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    page.get_by_role("heading", name="File d’attente").wait_for()


def test_an_analyst_signs_in_reveals_claims_and_decides(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.receive("une menace contre le lycée, demain", "une haine ordinaire", reach=900)
    sign_in(page, "ana")
    rows = page.locator("table.file tbody tr")
    assert rows.count() == 2
    assert "lycée" not in page.content()

    rows.first.get_by_role("link").click()
    heading = page.get_by_role("heading", level=1)
    assert "Terrorisme" in heading.inner_text()
    assert "lycée" not in page.content()
    page.get_by_role("button", name="Révéler le texte").click()
    page.get_by_text("une menace contre le lycée, demain").wait_for()
    # htmx swapped the text in: the address did not change, so nothing was loaded again.
    assert re.search(r"/console/dossiers/\w+$", page.url)

    page.get_by_role("button", name="Prendre le dossier suivant").click()
    page.get_by_text("vous est réservé jusqu’à").wait_for()
    page.get_by_label("Provocation directe").check()
    page.get_by_text("Ajouter une note").click()
    page.locator("#note").fill("transmis")
    page.get_by_role("button", name="Transmission à PHAROS").click()
    page.get_by_text("Décision enregistrée.").wait_for()
    assert page.locator("table.file tbody tr").count() == 1
    assert house.queue.stats().states["decided"] == 1
    assert page.complaints == []


def test_hostile_text_is_inert(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.receive(
        HOSTILE, thread=[{"text": HOSTILE}], notice={"explanation": HOSTILE}, category=HOSTILE[:200], url=HOSTILE
    )
    sign_in(page, "ana")
    page.locator("table.file tbody tr").first.get_by_role("link").click()
    for part in ("le texte", "le fil", "le signalement"):
        page.get_by_role("button", name=f"Révéler {part}").click()
        page.get_by_role("button", name=f"Révéler {part}").wait_for(state="detached")
    assert page.locator("blockquote.texte").count() == 3
    assert page.locator("blockquote.texte").first.inner_text().startswith("<script>window.pris = 1</script>")
    assert page.evaluate("window.pris === undefined")
    assert (
        page.locator("main script, main img, main svg, main form[action^='https'], main a[href^='javascript']").count()
        == 0
    )
    assert page.complaints == []


def test_the_policy_stops_inline_code_even_if_it_got_in(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    sign_in(page, "ana")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.pris = 1';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pris = 2">');
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.pris === undefined")
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


def test_the_keyboard_alone_reaches_a_decision(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.receive("une menace")
    page.goto("/console/")
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="File d’attente").wait_for()
    reach(page, "Prendre le dossier suivant")
    page.keyboard.press("Enter")
    page.get_by_text("vous est réservé jusqu’à").wait_for()
    reach(page, "Révéler le texte")
    page.keyboard.press("Enter")
    page.locator("blockquote.texte").wait_for()
    reach(page, "licite")
    page.keyboard.press("Space")
    assert page.locator("input[value=licite]").is_checked()
    reach(page, "classement_sans_suite")
    page.keyboard.press("Enter")
    page.get_by_text("Décision enregistrée").wait_for()


def test_two_keys_decide_once_the_text_has_been_seen_and_never_while_writing(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.receive("une menace")
    sign_in(page, "ana")
    page.keyboard.press("s")
    page.get_by_text("vous est réservé jusqu’à").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("t")
    page.locator("#annonces", has_text="Révélez d’abord le texte").wait_for(state="attached")
    assert house.queue.stats().states["claimed"] == 1
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Raccourcis du clavier").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    page.locator("blockquote.texte[data-lu]").wait_for()
    page.keyboard.press("o")
    page.locator("#note").fill("")
    page.locator("#note").press_sequentially("1t")
    assert not page.locator("#decision input[type=radio]:checked").count()
    page.get_by_role("heading", name="Décider").click()
    # The digits of an AZERTY row type other signs: keys count by their place.
    page.evaluate("document.activeElement.blur()")
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '&', code: 'Digit1', bubbles: true}))"
    )
    assert page.locator("input[value='cp.terrorisme']").is_checked()
    page.keyboard.press("m")
    page.locator("#annonces", has_text="ne va pas avec cette qualification").wait_for(state="attached")
    page.keyboard.press("t")
    page.get_by_text("Décision enregistrée").wait_for()
    (decision,) = house.queue.get(house.queue.changed_since().rows[-1].id).decisions
    assert (decision.ground, decision.action, decision.note) == ("cp.terrorisme", "transmission_pharos", "1t")
    assert page.complaints == []


def test_a_text_shows_itself_to_whoever_wants_that_and_hides_again(house, page):
    account, _ = house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.accounts.set_display(account.id, Display(Opening.SHOWN, warned=False))
    house.receive("une menace contre le lycée")
    sign_in(page, "ana")
    page.keyboard.press("s")
    page.get_by_text("une menace contre le lycée").wait_for()
    assert [(read.cases, read.words) for read in house.queue.exposure_of(account.id)] == [(1, 5)]
    page.get_by_role("link", name="Masquer à nouveau").click()
    page.get_by_role("button", name="Révéler le texte").wait_for()
    assert "lycée" not in page.content()
    assert page.complaints == []


def test_what_is_revealed_beside_a_decision_takes_nothing_away_from_it(house, page):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    text = "une menace contre le lycée de la ville, écrite un soir de pluie par quelqu’un"
    house.receive(text, text + " vraiment")
    sign_in(page, "ana")
    page.keyboard.press("s")
    page.get_by_role("button", name="Révéler le texte").click()
    page.get_by_text("Passages qui pèsent").wait_for()
    # The quote was replaced by the marked one: whoever reads stays on the text.
    assert page.evaluate("document.activeElement.matches('blockquote[data-lu]:has(mark)')")
    page.get_by_label("Décider aussi").check()
    page.get_by_text("Ajouter une note").click()
    page.locator("#note").fill("à relire")
    page.get_by_role("button", name="Révéler les mots qui diffèrent").click()
    page.locator("bdi.mot", has_text="vraiment").wait_for()
    assert page.get_by_label("Décider aussi").is_checked()
    assert page.locator("#note").input_value() == "à relire"
    assert page.locator("blockquote[data-lu]").count() == 1
    assert page.evaluate("document.activeElement.closest('#proches') !== null")
    assert page.complaints == []


@pytest.mark.parametrize("scripts", [True, False])
def test_the_words_that_differ_are_revealed_to_whoever_does_not_hold_the_case(house, browser, url, scripts):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    text = "une menace contre le lycée de la ville, écrite un soir de pluie par quelqu’un"
    house.receive(text, text + " vraiment")
    context = browser.new_context(base_url=url, java_script_enabled=scripts)
    page = context.new_page()
    sign_in(page, "ana")
    page.locator("td.nature a").first.click()
    page.get_by_role("button", name="Révéler les mots qui diffèrent").click()
    page.locator("bdi.mot", has_text="vraiment").wait_for()
    context.close()


def reach(page, wanted: str) -> None:
    """Press Tab until the focus is on what says or holds ``wanted``."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.value || document.activeElement.innerText || ''")
        if wanted in focused:
            return
    raise AssertionError(f"the keyboard does not reach {wanted!r}")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_its_window(house, page, width):
    house.accounts.create_user("ana", Role.ANALYST, PASSWORD)
    house.receive("x" * 3_000, category="y" * 200, url="https://exemple.fr/" + "z" * 500, reach=10**12)
    house.receive("une menace", order={"authority": "a" * 200, "reference": "b" * 200})
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, "ana")
    for case in page.locator("td.nature a").all():
        assert case.is_visible()
    paths = [link.get_attribute("href") for link in page.locator("td.nature a").all()]
    for path in ["/console/", "/console/mot-de-passe", *paths]:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
