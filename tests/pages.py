"""The console without a browser: signs in, reads the forms of a page, posts them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from house import PASSWORD, House
from httpx2 import Response
from starlette.testclient import TestClient


class Forms(HTMLParser):
    """The forms of a page: action, method, and hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, Any]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a hidden field of the form that is open."""
        given = dict(attrs)
        if tag == "form":
            self.found.append({"action": given["action"], "method": given["method"], "fields": {}})
        elif tag == "input" and self.found and given.get("type") == "hidden":
            self.found[-1]["fields"][given["name"]] = given["value"]


def form_of(page: str, action: str) -> dict[str, Any]:
    """The first form of ``page`` that posts to ``action``."""
    return next(form for form in Forms(page).found if form["action"] == action)


def sign_in(client: TestClient, name: str = "ana", password: str = PASSWORD, **fields: str) -> Response:
    """The answer to name and password."""
    (form,) = Forms(client.get("/console/connexion").text).found
    return client.post(form["action"], data={**form["fields"], "nom": name, "mot_de_passe": password, **fields})


def post(client: TestClient, csrf: str, path: str, **fields: Any) -> Response:
    """The answer to a form of the console."""
    return client.post(path, data={"csrf": csrf, **fields})


def take(house: House, *texts: str, **fields: Any) -> tuple[TestClient, str, str]:
    """An analyst's browser on a freshly claimed case: client, token, path of the case."""
    house.receive(*(texts or ("une menace",)), **fields)
    client, csrf = house.browser()
    return client, csrf, post(client, csrf, "/console/suivant").headers["location"]


def figures(page: str) -> dict[str, str]:
    """The head of a page: figure by what it counts."""
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page))
