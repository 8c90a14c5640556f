"""Requests drawn from the OpenAPI document by schemathesis: no accident, and every answer is one that it tells."""

from __future__ import annotations

import pytest
import schemathesis
from house import open_house
from hypothesis import HealthCheck, Phase, given, settings
from routes import WHO, Visitors, closed
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.api.document import load_examples

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: One bad item never fails the others here: a body with one is answered 200, with the item's error.
ITEM_BY_ITEM = ("/v1/score", "/v1/explain")

MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
SHORT, FULL = 12, 400


@pytest.fixture(scope="module")
def visitors(tmp_path_factory, tiny_bundle):
    house, close = open_house(tmp_path_factory.mktemp("house"), tiny_bundle)
    yield Visitors(house)
    close()


@pytest.fixture(scope="module")
def schema(visitors):
    found = schemathesis.openapi.from_dict(closed(visitors.key.get("/v1/openapi.json").json()))
    found.app = visitors.house.app
    return found


def draw(schema, name: str, mode: GenerationMode, most: int, visitors: Visitors, *senders) -> None:
    """Send ``most`` drawn requests to one route, for each of ``senders``."""
    method, path = name.split()
    checks = CHECKS if path in ITEM_BY_ITEM else [*CHECKS, negative_data_rejection]

    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def send(case) -> None:
        if "{case_id}" in path and mode is GenerationMode.POSITIVE:
            case.path_parameters = {"case_id": visitors.case_for(path, WHO[name][0])}
        for sender in senders:
            case.call_and_validate(headers={"Authorization": sender.headers["Authorization"]}, checks=checks)

    send()


@pytest.mark.parametrize("mode", MODES, ids=["fitting", "unfit"])
@pytest.mark.parametrize("name", load_examples())
def test_drawn_requests_are_answered_as_told(schema, visitors, name, mode):
    draw(schema, name, mode, SHORT, visitors, visitors.sender(name))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("mode", MODES, ids=["fitting", "unfit"])
@pytest.mark.parametrize("name", load_examples())
def test_many_drawn_requests_from_everybody_are_answered_as_told(schema, visitors, name, mode):
    draw(schema, name, mode, FULL, visitors, visitors.key, visitors.by("analyst"), visitors.stranger)
