"""What a page reveals is in the ledger of its reader once a day, in whatever manner and however often."""

from __future__ import annotations

import pytest
from pages import post, take


@pytest.mark.parametrize("manners", [("nu", "nu"), ("voile", "surligne"), ("surligne", "nu")])
def test_a_text_revealed_again_is_not_read_again(house, manners):
    client, csrf, path = take(house)
    for manner in manners:
        post(client, csrf, f"{path}/reveler", partie="texte", maniere=manner)
    case = house.queue.get(path.rsplit("/", 1)[1])
    read = house.queue.exposure_of(case.row.claimed_by)
    assert [(line.cases, line.words) for line in read] == [(1, len(case.text.split()))]
