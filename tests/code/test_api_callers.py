"""Every route of the interface tried by every kind of key, every role and nobody."""

from __future__ import annotations

import pytest
from house import open_house
from routes import EVERYBODY, WHO, Visitors, operations

from serving.api.document import load_examples

EXAMPLES = load_examples()
#: What each façade answers to nobody: OpenAI's way is 401, Google's 403.
GOOGLE = ("v1alpha1", "$discovery")
TRIED = [(name, caller) for name in WHO for caller in EVERYBODY]


@pytest.fixture(scope="module")
def visitors(tmp_path_factory, root):
    """On the embedded bundle: the examples of façades ask for labels that a tiny one was not trained on."""
    house, close = open_house(tmp_path_factory.mktemp("house"), root / "serving" / "embedded")
    yield Visitors(house)
    close()


def example_of(name: str):
    return next(iter(EXAMPLES[name].get("requests", {}).values()), None)


def test_every_route_has_an_entry(visitors):
    assert set(operations(visitors.key.get("/v1/openapi.json").json())) == set(WHO)


@pytest.mark.parametrize(("name", "caller"), TRIED)
def test_who_may_ask_is_answered_and_the_others_refused(visitors, name, caller):
    answer = visitors.ask(name, example_of(name), by=caller)
    if caller in WHO[name]:
        assert answer.status_code in (200, 202), answer.text[:300]
    else:
        assert answer.status_code == 403, answer.text[:300]


@pytest.mark.parametrize("name", WHO)
def test_nobody_is_refused(visitors, name):
    method, path = name.split()
    for client, google in ((visitors.house.client(), 403), (visitors.stranger, 401)):
        answer = client.request(method, path.replace("{case_id}", "x"), json=example_of(name))
        assert answer.status_code == (google if any(word in path for word in GOOGLE) else 401)


@pytest.mark.parametrize("name", [name for name in WHO if "{case_id}" in name])
def test_a_key_reaches_no_case_of_another_key(visitors, name):
    method, path = name.split()
    theirs = visitors.case_for(path, "authority")
    answer = visitors.key.request(method, path.replace("{case_id}", theirs), json=example_of(name))
    assert answer.status_code == (404 if "platform" in WHO[name] else 403)
