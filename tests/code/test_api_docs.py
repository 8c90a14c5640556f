"""docs/api.md says what the interface does."""

from __future__ import annotations

import json
import re

import pytest

from serving.api.limits import Limits
from serving.bundle import MAX_CODE_POINTS


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_example_is_accepted(house, page):
    examples = re.findall(r"```http\n(GET|POST) (\S+)\n(.*?)```", page, re.S)
    key = house.key()
    for method, path, body in examples:
        answer = key.request(method, path, json=json.loads(body) if body.strip() else None)
        assert answer.status_code in (200, 202), (path, answer.text)
    assert len(examples) >= 5


def test_every_route_is_told(house, page):
    for path in house.key().get("/v1/openapi.json").json()["paths"]:
        assert path in page


def test_the_limits_told_are_the_limits(page):
    limits = Limits()
    told = page[page.index("## Limits") : page.index("## Refusals")]
    for said in (f"{limits.items:,} items", f"{limits.cases} cases", f"{MAX_CODE_POINTS:,} code points"):
        assert said in told
    assert f"{limits.body // 1024**2} MiB" in told
    assert f"Past {limits.scoring} scoring" in told


def test_the_openapi_document_has_bodies_and_no_dangling_reference(house):
    document = house.key().get("/v1/openapi.json").json()
    body = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["items"]["items"]["required"] == ["text"]
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for step in reference.split("/"):
            found = found[step]
