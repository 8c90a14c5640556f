"""Passages of the corpus: one in four is reserved for evaluation, and no line of it leaves its side."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from training.corpus import EXCERPT, excerpts, passages, reserved

PASSAGES = [f"Phrase numéro {n}.\nEt sa suite {n}, un peu plus longue.\n" for n in range(2_000)]


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "short.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(PASSAGES) + "\n\n")
    return path


def test_passages_are_what_stands_between_blank_lines(register: Path) -> None:
    assert list(passages(register)) == [passage.strip() for passage in PASSAGES]


def test_one_passage_in_four_is_reserved() -> None:
    share = sum(map(reserved, PASSAGES)) / len(PASSAGES)
    assert share == pytest.approx(1 / 4, abs=0.04)


def test_white_space_does_not_move_a_passage() -> None:
    assert all(reserved(passage) == reserved(" ".join(passage.split())) for passage in PASSAGES)


def test_which_passages_are_reserved_never_changes() -> None:
    # Bundles were trained on the others: another rule would judge them on what they learnt from.
    assert [n for n in range(30) if reserved(PASSAGES[n])] == [0, 3, 5, 7, 10, 11, 12, 13, 26]


def test_both_sides_share_no_line(register: Path) -> None:
    judged, learnt = (set(excerpts(register, for_evaluation=side)) for side in (True, False))
    assert len(judged) + len(learnt) == len(PASSAGES)
    assert not judged & learnt


def test_an_excerpt_is_whole_lines_up_to_a_length(tmp_path: Path) -> None:
    lines = [f"Une ligne de taille moyenne, la {n}e de son passage." for n in range(40)] + ["long " * 200]
    path = tmp_path / "essay.txt.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    found = [text for side in (True, False) for text in excerpts(path, for_evaluation=side)]
    assert " ".join(found) == " ".join(" ".join(lines).split())
    assert [len(text) <= EXCERPT for text in found] == [True] * (len(found) - 1) + [False]
    assert all(len(text) > EXCERPT / 2 for text in found[:-2])
