"""What was written of a case is on its page, signed."""

from __future__ import annotations

from pages import post, take

from serving.review import KeyKind, Role, Source


def test_words_of_a_move_are_read_with_the_case_and_those_of_a_key_are_a_complaint(house):
    client, csrf, path = take(house)
    post(client, csrf, f"{path}/transmettre", note="doute sur le fil")
    senior, senior_csrf = house.browser(Role.SENIOR)
    post(senior, senior_csrf, "/console/suivant")
    assert "doute sur le fil" in senior.get(path).text
    post(senior, senior_csrf, f"{path}/decision", qualification="licite", suite="classement_sans_suite")
    house.queue.appeal(path.rsplit("/", 1)[1], Source("clef", KeyKind.PLATFORM), "nous contestons")
    page = client.get(path).text
    assert "nous contestons" in page
    assert "Réclamation" in page
