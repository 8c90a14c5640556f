"""French spacing: the rule, and every page of the console read for a sign that could begin a line."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from house import SECRET
from pages import post
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from serving.api.meters import Meters
from serving.console import Desk, Words, create_console
from serving.console.typography import NBSP, THIN, typeset, typeset_page
from serving.review import Role

LOOSE = re.compile(r"\s[:;?!»%]|«\s")
TEXT = "une menace contre le lycée de la ville, écrite un soir de pluie par quelqu’un"
ORDER = {"authority": "Tribunal", "reference": "LCEN-1"}
DECISION = {"qualification": "cp.terrorisme", "suite": "transmission_pharos"}


class Visible(HTMLParser):
    """The text of a page without what others wrote and the signs on keys."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("bdi", "code", "textarea", "kbd"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.said.append(data)


def loose(page: str) -> list[str]:
    """Where a sign may be parted from its word, each with what stands around it."""
    said = "".join(Visible(page).said).replace(NBSP, "·").replace(THIN, "·")
    return [said[max(found.start() - 30, 0) : found.end() + 10] for found in LOOSE.finditer(said)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Vraiment ?", f"Vraiment{THIN}?"),
        ("Haine : religion ; autre !", f"Haine{NBSP}: religion{THIN}; autre{THIN}!"),
        ("« mot » à 95 %", f"«{NBSP}mot{NBSP}» à 95{NBSP}%"),
        ("à 12:30, sans espace?", "à 12:30, sans espace?"),
    ],
)
def test_signs_stay_with_their_word(words, expected):
    assert typeset(words) == expected
    assert typeset(expected) == expected


def test_what_others_wrote_and_what_is_no_text_are_left_alone():
    theirs = (
        '<bdi dir="auto">quoi ? <b>non</b> !</bdi><textarea>a : b</textarea><code>a ; b</code><i title="a : b"></i>'
    )
    assert typeset_page(f"<p>Note : {theirs} !</p>") == f"<p>Note{NBSP}: {theirs}{THIN}!</p>"


def test_a_loose_sign_is_found():
    assert loose("<p>Note : <bdi>a : b</bdi></p>") == ["Note : "]


def paths(house) -> list[str]:
    """Every page of the console that is about no case."""
    words = Words(house.queue.rules.taxonomy, house.queue.rules.policy)
    app = create_console(Desk(house.queue, house.accounts, words, SECRET, Meters(CollectorRegistry())))
    gets = [route.path for route in app.routes if isinstance(route, Route) and "GET" in route.methods]
    return [path for path in gets if "{" not in path]


def test_no_page_parts_a_sign_from_its_word(house):
    ids = house.receive(TEXT, TEXT + " vraiment", TEXT.replace("une", "pas une", 1), target_id="t", reach=9_000)
    house.receive("une haine", order=ORDER, category="injure : publique")
    client, csrf = house.browser(Role.SUPERVISOR)
    case = f"/console/dossiers/{ids[0]}"
    seen = [client.get(f"/console/{wrong}").text for wrong in ("rien", "dossiers/absent")]
    seen += [client.get(case).text, post(client, csrf, f"{case}/prendre").text, client.get(case).text]
    seen += [post(client, csrf, f"{case}/reveler", partie=part, maniere="voile").text for part in ("texte", "proches")]
    seen += [post(client, csrf, f"{case}/decision", qualification=wrong).text for wrong in ("", "cp.rien")]
    after = post(client, csrf, f"{case}/decision", **DECISION, avec=ids[1:]).headers["location"]
    seen += [client.get(after).text, client.get(case).text, post(client, csrf, "/console/recherche", texte=TEXT).text]
    post(client, csrf, f"{case}/contester", motif="non")
    admin, _ = house.browser(Role.ADMIN)
    for visitor in (client, admin, house.client()):
        seen += [visitor.get(f"/console{path}").text for path in paths(house)]
    seen += [client.get(case).text, client.get("/console/?annules=2&restes=1").text]
    assert [found for page in seen for found in loose(page)] == []
    # The reasons of a case's place stand among what others wrote, since they may quote it.
    reasons = re.search(r'<ul class="raisons">(.*?)</ul>', seen[2], re.DOTALL)[1]
    assert NBSP in reasons
    assert not LOOSE.search(re.sub("<[^>]*>", "", reasons).replace(NBSP, "·").replace(THIN, "·"))
