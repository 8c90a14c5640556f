"""Disguises differ from those of training, change every text, and leave masks and short words alone."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from random import Random

import pytest

from serving.bundle import prepare
from training import noise
from training.evaluation import obfuscation
from training.evaluation.obfuscation import MIXED, OPERATORS, STACKED, TITLES, obfuscated

TEXTS = [
    "Les voisins du quatrième organisent une grande soirée, tout le monde est bienvenu.",
    "Pourquoi @user refuse-t-il de répondre ? Voir <url> pour la discussion.",
    "La bibliothèque municipale reste ouverte dimanche.",
]


@pytest.mark.parametrize("name", OPERATORS)
def test_every_text_is_changed_and_stays_prepared(name):
    for text, copy in zip(TEXTS, obfuscated(TEXTS, name, 0), strict=True):
        assert copy != text
        assert prepare(copy) == copy


@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in ("join", "by_sound")])
def test_masks_and_short_words_are_left_alone(name):
    (copy,) = obfuscated([TEXTS[1]], name, 1)
    assert "@user" in copy
    assert "<url>" in copy
    assert " la " in copy


def test_copies_are_the_same_for_one_seed_and_others_for_another():
    for name in (MIXED, STACKED, "signs"):
        assert obfuscated(TEXTS * 9, name, 3) == obfuscated(TEXTS * 9, name, 3)
        assert obfuscated(TEXTS * 9, name, 3) != obfuscated(TEXTS * 9, name, 4)


def test_mixed_copies_go_through_many_operators_and_stacked_ones_through_two(monkeypatch):
    seen: list[str] = []

    def spied(name):
        return lambda text, draw: seen.append(name) or text

    monkeypatch.setattr(obfuscation, "OPERATORS", {name: (spied(name), "") for name in OPERATORS})
    obfuscated(["texte"] * 200, MIXED, 0)
    assert set(seen) == set(OPERATORS)
    assert len(seen) == 200
    seen.clear()
    obfuscated(["texte"] * 50, STACKED, 0)
    assert all(first != second for first, second in zip(seen[::2], seen[1::2], strict=True))
    assert len(seen) == 100


def test_no_sign_of_training_is_used():
    theirs = {letter: set(signs) for letter, signs in noise._LEET.items()}
    for letter, sign in obfuscation._SIGNS.items():
        assert sign not in theirs.get(letter, set())
    for letter, sign in obfuscation._LOOKALIKES.items():
        assert sign != noise._LOOKALIKES.get(letter)
    assert not set(obfuscation._INSIDE) & set(" .-_*")
    assert not set(obfuscation._EMOJI) & set(noise._EMOJI)


def test_no_operator_of_training_is_imported_and_training_imports_none_of_these(root: Path):
    assert "training.noise" not in {
        node.module for node in ast.walk(ast.parse(inspect.getsource(obfuscation))) if isinstance(node, ast.ImportFrom)
    }
    elsewhere = [p for p in (root / "training").rglob("*.py") if p.parent.name not in ("evaluation", "audit")]
    assert len(elsewhere) > 10
    assert [p.name for p in elsewhere if "obfuscation" in p.read_text(encoding="utf-8")] == []


def test_no_output_of_an_operator_is_one_of_training():
    text = "Maintenant personne ne comprend rien aux consignes données."
    ours = {copy for name in OPERATORS for seed in range(20) for copy in obfuscated([text], name, seed)}
    theirs = {prepare(op(text, Random(seed))) for op in (*noise.CASUAL, *noise.EVASIVE) for seed in range(60)}
    assert not ours & theirs


def test_every_copy_has_a_title():
    assert set(TITLES) == {*OPERATORS, MIXED, STACKED}
