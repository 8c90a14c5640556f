"""A part of our own cases: clusters stay whole, parts share none, what is held out stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from training.data.cases import OwnCases, load_cases
from training.data.examples import OWN, own_examples
from training.data.parts import PartSection, cluster_draws, within
from training.recipe import load_recipe


@pytest.fixture(scope="module")
def cases(root: Path) -> OwnCases:
    """The held-out files and one that is learnt from: few enough to be fast."""
    whole = load_cases(root / "datasets" / OWN)
    files = {"haine.toml", *(case.file for case in whole.cases if case.file.startswith("held_out"))}
    return OwnCases(tuple(case for case in whole.cases if case.file in files), whole.lexicon, whole.sha256)


def test_parts_divide_the_cases_and_contrasts_stay_together(cases: OwnCases) -> None:
    draws = cluster_draws(cases, 0.7)
    examples = own_examples(cases, 1, seed=13)
    low, high = (within(examples, PartSection(low=a, high=b), draws) for a, b in ((0.0, 0.3), (0.3, 1.0)))
    learnt = {e.case_id for e in examples if not e.held_out}
    first, second = ({e.case_id for e in part if not e.held_out} for part in (low, high))
    assert (first | second, first & second) == (learnt, set())
    assert 0.15 < len(first) / len(learnt) < 0.45
    assert sum(e.held_out for e in low) == sum(e.held_out for e in examples)
    pairs = [(case.id, case.contrast) for case in cases.cases if case.contrast]
    assert pairs
    assert all(draws[one] == draws[other] for one, other in pairs)


def test_a_part_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"low 0\.5 must lie below high 0\.5"):
        PartSection(low=0.5, high=0.5)


def test_the_shipped_recipe_of_the_month_takes_a_part(root: Path) -> None:
    recipe = load_recipe(root / "configs/train/mois.toml")
    assert recipe.data.part == PartSection(low=0.0, high=0.2)
