"""Where errors gather and what was learnt near them: planted slices are found on the half not searched; no noise is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from audit_rows import SECTION, label, learnt, rows_of
from sklearn.model_selection import GroupShuffleSplit

from training.audit.errors.mistakes import gravest
from training.audit.errors.neighbours import nearest, with_neighbours
from training.audit.errors.slices import find_slices
from training.audit.errors.traits import traits
from training.evaluation.measure import Scored


def written(number: int) -> str:
    """Half of the texts are loud; half of these are long."""
    loud = "!" if number % 2 else "."
    return f"le numéro {number} passe {'encore et encore et encore ' * (number % 4 > 1)}ici{loud}"


def test_a_slice_where_the_model_misses_is_found_said_and_confirmed():
    texts = [written(number) for number in range(600)]
    labels = np.random.default_rng(0).random(600) < 0.5
    loud = np.array(["!" in text for text in texts])
    wrong = np.random.default_rng(1).random(600) < np.where(loud & labels, 0.8, 0.1)
    scores = np.where(labels != wrong, 0.9, 0.1)
    found = find_slices(rows_of(texts, labels), ["haine"], {"haine": Scored(scores, label())}, SECTION)
    first = found[0]
    assert first.missed
    assert "avec un point d'exclamation" in first.conditions
    assert first.rate.value == pytest.approx(0.8, abs=0.1)
    assert first.rest.value < first.rate.value / 2  # other loud leaves are in it
    assert first.adjusted < 0.001
    assert first.errors < (wrong & loud & labels).sum()  # one half alone


def test_errors_at_random_confirm_no_slice():
    texts = [written(number) for number in range(600)]
    draws = np.random.default_rng(5)
    labels = draws.random(600) < 0.5
    scores = np.where(labels != (draws.random(600) < 0.3), 0.9, 0.1)
    found = find_slices(rows_of(texts, labels), ["haine"], {"haine": Scored(scores, label())}, SECTION)
    assert not [item for item in found if item.adjusted <= 0.05]


def test_a_slice_that_errs_less_on_the_half_not_searched_is_not_confirmed(monkeypatch):
    texts = [written(number) for number in range(600)]
    loud, labels = np.array(["!" in text for text in texts]), np.ones(600)
    searched, judged = np.arange(300), np.arange(300, 600)  # the slice's errors are all in the first half
    monkeypatch.setattr(GroupShuffleSplit, "split", lambda *_, **__: iter([(searched, judged)]))
    wrong = np.where(np.arange(600) < 300, loud & (np.arange(600) % 3 == 1), ~loud & (np.arange(600) % 5 == 0))
    rows = rows_of(texts, labels)
    found = find_slices(rows, ["haine"], {"haine": Scored(np.where(wrong, 0.1, 0.9), label())}, SECTION)
    assert found
    assert {item.errors for item in found} == {0}
    assert min(item.adjusted for item in found) > 0.5


def test_a_level_that_is_off_or_no_error_gives_no_slice():
    texts, labels = [written(number) for number in range(200)], np.arange(200) % 2 == 0
    off = label(None)
    perfect = Scored(np.where(labels, 0.9, 0.1), label())
    for scored in (Scored(perfect.scores, off), perfect):
        assert find_slices(rows_of(texts, labels), ["haine"], {"haine": scored}, SECTION) == ()


def test_traits_are_read_and_said_in_words():
    texts = ["TU ES LÀ !", "je n'ai rien dit à @user", "une belle journée 🎉", "nonnnn pas 3"] * 5
    found = {trait.name: trait for trait in traits(rows_of(texts, np.zeros(20)), 5)}
    assert found["nombre de mots"].values[:4].tolist() == [4, 6, 4, 3]
    assert found["part de majuscules, %"].values[:3].tolist() == [100, 0, 0]
    for name, held in (
        ("avec un emoji", [0, 0, 1, 0]),
        ("avec une lettre répétée", [0, 0, 0, 1]),
        ("avec un nom ou un lien masqué", [0, 1, 0, 0]),
        ("s'adresse à quelqu'un (tu, vous)", [1, 0, 0, 0]),
        ("à la première personne", [0, 1, 0, 0]),
        ("avec une négation", [0, 1, 0, 1]),
    ):
        assert found[name].values[:4].tolist() == held, name
    assert found["avec un emoji"].said(0.5, np.inf) == "avec un emoji"
    assert found["avec un emoji"].said(-np.inf, 0.5) == "sans emoji"
    assert found["nombre de mots"].said(3.5, 12.0) == "nombre de mots : plus de 3,5 et au plus 12"
    assert "avec des guillemets" not in found  # no row has any


def test_the_nearest_rows_are_those_that_share_characters():
    ((first, second), nothing) = nearest(["la porte du jardin", "zzz"], ["porte de jardin", "la porte", "xylophone"], 2)
    assert [row for row, _ in (first, second)] == [0, 1]
    assert first[1] > second[1] > 0
    assert nothing == []


def test_a_mistake_shows_what_its_neighbours_taught_and_hides_their_letters():
    rows = rows_of(["la porte du jardin", "un xylophone"], [1.0, 0.0])
    mistakes = gravest(rows, "haine", Scored(np.array([0.1, 0.9]), label()), 2, show_text=False)
    taught = learnt(["la porte du jardin est close", "les xylophones", "la porte"], [0.0, None, 1.0])
    hidden = {item.id: item.neighbours for item in with_neighbours(mistakes, rows, taught, 2, show_text=False)}
    assert [(near.id, near.harmful) for near in hidden["0"]] == [("train-0", False), ("train-2", True)]
    assert [(near.id, near.harmful) for near in hidden["1"]] == [("train-1", None)]
    assert not any(letter.isalnum() for near in hidden["0"] for letter in near.text)
    alike = dataclasses.replace(rows, ids=["même nom", "même nom"])
    same = with_neighbours(
        gravest(alike, "haine", Scored(np.array([0.1, 0.9]), label()), 2, show_text=False),
        alike, taught, 2, show_text=False,
    )  # fmt: skip
    assert [item.neighbours for item in same] == [hidden["1"], hidden["0"]]
    (shown, _) = with_neighbours(mistakes, rows, taught, 1, show_text=True)
    assert "xylophones" in shown.neighbours[0].text
    assert with_neighbours(mistakes, rows, taught, 0, show_text=True) == tuple(mistakes)
