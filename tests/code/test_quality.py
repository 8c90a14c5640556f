"""Labels that a model doubts and a second reader contradicts: planted errors are found, figures are the textbook's."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from source_twins import sentence
from typer.testing import CliRunner

from serving.bundle import OUTPUT_KEYS, Interval
from training.data.examples import Example
from training.data.second_reading import Reading
from training.data.truth import Truth, of_case
from training.quality.agreement import agreements, alpha, kappa
from training.quality.doubt import noise
from training.quality.page import render
from training.quality.records import Agreement, LabelQuality, SourceQuality

HAINE = OUTPUT_KEYS.index("haine")
#: A word of the rows that must never reach a report unasked.
SECRET = "zanzibarique"


def example(number: int, labels: tuple[str, ...], unknown: tuple[str, ...] = ()) -> Example:
    return Example(f"{SECRET} {sentence(number)}", "s", f"s/{number}", f"s/{number}", of_case(labels, unknown))


@pytest.fixture(scope="module")
def planted() -> tuple[list[Example], np.ndarray, set[str]]:
    """Two hundred rows, what a fair judge believes of them, and the ids of the twenty whose label was turned."""
    rng = random.Random(4)
    truth = [number % 2 == 0 for number in range(200)]
    turned = set(rng.sample(range(200), 20))
    rows = [example(n, ("haine",) if truth[n] != (n in turned) else ()) for n in range(200)]
    believed = np.array([0.9 if held else 0.1 for held in truth]) + np.array([rng.uniform(-0.05, 0.05) for _ in truth])
    return rows, believed, {f"s/{n}" for n in turned}


def test_turned_labels_are_found_and_counted(planted):
    rows, believed, turned = planted
    found = noise(rows, believed, "haine", "Haine", {}, most=30, show_text=False)
    assert found is not None
    assert {item.row_id for item in found.suspects} == turned
    assert found.doubted_positive + found.doubted_negative == 20
    assert found.wrong == pytest.approx(0.1, abs=0.02)
    assert found.auc == pytest.approx(0.9, abs=0.03)
    assert found.confirmed is None


def test_doubt_is_held_against_the_second_reading(planted):
    rows, believed, _ = planted
    truthful = {str(n): Reading(("haine",) if n % 2 == 0 else (), ()) for n in range(200)}
    found = noise(rows, believed, "haine", "Haine", truthful, most=5, show_text=False)
    assert (found.confirmed.doubted_rows, found.confirmed.other_rows) == (20, 180)
    assert (found.confirmed.doubted.value, found.confirmed.others.value) == (1.0, 0.0)
    assert all(item.reread is not item.given for item in found.suspects)
    assert len(found.suspects) == 5


def test_presumptions_and_rows_without_a_judge_do_not_count(planted):
    rows, believed, _ = planted
    guessed = Truth(rows[0].truth.target, np.full(len(OUTPUT_KEYS), 0.3, np.float32), 1.0)
    presumed = [Example("", "s", "s/x", "s/x", guessed), *rows[1:]]
    unknown = np.where(np.arange(200) < 10, np.nan, believed)
    found = noise(presumed, unknown, "haine", "Haine", {}, most=0, show_text=False)
    assert found.positive + found.negative == 190
    assert noise(rows[:40], believed[:40], "haine", "Haine", {}, most=0, show_text=False) is None


def test_letters_are_hidden_unless_asked_for(planted):
    rows, believed, _ = planted
    hidden, shown = (noise(rows, believed, "haine", "Haine", {}, most=3, show_text=asked) for asked in (False, True))
    assert not any(SECRET in item.text for item in hidden.suspects)
    assert all(item.text.startswith(SECRET) for item in shown.suspects)


def test_kappa_is_cohens_and_alpha_is_krippendorffs():
    # Agreement 0.70, chance 0.50 by margins; thrown together, 45 yes and 55 no of 100 values.
    table = np.array([[[20.0, 5], [10, 15]]])
    assert kappa(table)[0] == pytest.approx(0.4)
    values = np.array([55.0, 45.0])
    chance = (values * (values - 1)).sum() / (100 * 99)
    assert alpha(table)[0] == pytest.approx((0.7 - chance) / (1 - chance))
    perfect, constant = np.array([[[5.0, 0], [0, 5]]]), np.array([[[9.0, 0], [0, 0]]])
    assert kappa(perfect)[0] == alpha(perfect)[0] == 1.0
    assert np.isnan(kappa(constant)[0])
    assert np.isnan(alpha(constant)[0])


def test_rows_that_one_of_the_two_leaves_undecided_do_not_count():
    published = [("haine",)] * 10 + [()] * 5 + [()]
    examples = [example(n, labels, ("haine",) * (n == 15)) for n, labels in enumerate(published)]
    readings = {str(n): Reading(("haine",) * (n < 5), ()) for n in range(16)}
    (found,) = agreements(examples, readings, {"haine": "Haine"})
    assert (found.rows, found.both, found.published_only, found.reader_only, found.neither) == (15, 5, 5, 0, 5)
    assert found.kappa.value == pytest.approx(0.4)
    assert found.kappa.low < found.kappa.value < found.kappa.high


def report(planted, **keys: object) -> LabelQuality:
    rows, believed, _ = planted
    item = noise(rows, believed, "haine", "Haine", {}, most=3, show_text=False)
    line = Agreement(
        label="haine", title="Haine", rows=3, both=1, published_only=1, reader_only=0, neither=1,
        kappa=Interval(value=0.4, low=-0.2, high=1.0), alpha=None,
    )  # fmt: skip
    source = SourceQuality(
        name="s", title="Une source", licence="MIT", rows=200, reread=3, agreements=(line,), noise=(item,)
    )
    fields = {
        "created_at": "2026-11-22T12:00:00+00:00", "recipe": "essai", "seed": 1, "folds": 2, "rows": 200,
        "show_text": False, "sources": (source,), "seconds": 1.0,
    }  # fmt: skip
    return LabelQuality(**(fields | keys))


def test_the_page_is_whole_french_and_holds_no_text(planted):
    page = render(report(planted))
    assert '<html lang="fr">' in page
    for anchor in re.findall(r'href="#(\w+)"', page):
        assert f'id="{anchor}"' in page
    assert not re.search(r"<script|https?://|<link", page)
    assert SECRET not in page
    assert "−0,20" in page


def test_the_verb_reads_a_recipe_and_writes_both_files(root: Path, tmp_path: Path, monkeypatch):
    from source_twins import make_twins

    from training.cli import app

    settings = make_twins(tmp_path / "twins", root)
    for name, value in (("DATASETS", settings.datasets), ("MIRROR", settings.mirror), ("STATE", tmp_path / "state")):
        monkeypatch.setenv(f"VIGIE_{name}", str(value))
    recipe = tmp_path / "recipe.toml"
    text = (root / "configs/train/petit.toml").read_text(encoding="utf-8")
    recipe.write_text(text, encoding="utf-8")
    arguments = ["--quiet", "labels", recipe, "--sources", "ftr,jigsaw_fr", "--folds", "2", "--out", tmp_path / "out"]
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    found = LabelQuality.model_validate_json((tmp_path / "out" / "labels.json").read_text(encoding="utf-8"))
    assert [source.name for source in found.sources] == ["ftr", "jigsaw_fr"]
    assert (tmp_path / "out" / "labels.html").exists()
    assert [item.label for item in found.sources[0].noise] == ["haine", "haine.origine"]
    refused = CliRunner().invoke(app, ["--quiet", "labels", str(recipe), "--sources", "ftrr"])
    assert "did you mean 'ftr'" in str(refused.exception)
