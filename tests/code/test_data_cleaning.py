"""Doubted annotations: planted errors are found, true labels are left alone, nothing but training rows is touched."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from source_twins import make_twins

from serving.bundle import OUTPUT_KEYS
from training.data.cleaning import clean, doubtful, out_of_fold
from training.data.examples import OWN, Example
from training.data.prepare import DataRecipe, prepare
from training.data.recipe import CleaningSection
from training.data.report import as_markdown
from training.data.truth import Truth

HAINE, ORIGINE, TOXICITE = (OUTPUT_KEYS.index(key) for key in ("haine", "haine.origine", "toxicite"))
SENTENCE = "le marché ouvre demain matin sous la halle avec les voisins du quartier et leurs enfants"
FILLER = SENTENCE.split()
HOSTILE = ("dehors", "vermine", "parasites", "chassons", "sales", "rats")
KIND = ("bienvenue", "amis", "fête", "partage", "merci", "accueil")


def section(**keys: object) -> CleaningSection:
    given = {"sources": ("mlma",), "labels": ("haine",), "method": "confident", "folds": 4, "most": 0.3}
    return CleaningSection.model_validate(given | keys)


def example(number: int, source: str, hateful: bool, draw: random.Random, *, told: bool | None = None) -> Example:
    """A text that is hateful or not, annotated as ``told`` (the truth when not given)."""
    words = [draw.choice(FILLER) for _ in range(8)] + draw.sample(HOSTILE if hateful else KIND, 2)
    draw.shuffle(words)
    target, mask = np.zeros(len(OUTPUT_KEYS), np.float32), np.zeros(len(OUTPUT_KEYS), np.float32)
    mask[[HAINE, ORIGINE, TOXICITE]] = 1
    target[[HAINE, ORIGINE]] = hateful if told is None else told
    target[TOXICITE] = hateful
    # Two rows of one group each time.
    return Example(" ".join(words), source, f"{source}/{number}", f"{source}/{number // 2}", Truth(target, mask, 1.0))


@pytest.fixture(scope="module")
def planted() -> tuple[list[Example], set[int]]:
    """120 rows of ours, 400 of a noisy source in which one annotation in eight is turned; where these are."""
    draw = random.Random(5)
    own = [example(n, OWN, n % 2 == 0, draw) for n in range(120)]
    noisy, wrong = [], set()
    for n in range(400):
        hateful, turned = draw.random() < 0.4, draw.random() < 0.125
        noisy.append(example(n, "mlma", hateful, draw, told=hateful != turned))
        if turned:
            wrong.add(len(own) + n)
    return own + noisy, wrong


def doubted_rows(before: list[Example], after: list[Example]) -> set[int]:
    pairs = zip(before, after, strict=True)
    return {n for n, (old, new) in enumerate(pairs) if old.truth.mask[HAINE] and not new.truth.mask[HAINE]}


@pytest.mark.parametrize("method", ["confident", "ranked"])
def test_planted_errors_are_found(planted, method):
    examples, wrong = planted
    most = 0.3 if method == "confident" else 0.25
    found = doubted_rows(examples, clean(examples, section(method=method, most=most), seed=1).examples)
    assert len(found & wrong) / len(wrong) > 0.8
    assert len(found & wrong) / len(found) > (0.8 if method == "confident" else 0.5)


def test_a_doubted_family_takes_its_sub_labels_and_nothing_else(planted):
    examples, _ = planted
    done = clean(examples, section(), seed=1)
    for row in doubted_rows(examples, done.examples):
        old, new = examples[row].truth, done.examples[row].truth
        assert not new.mask[[HAINE, ORIGINE]].any()
        assert not new.target[[HAINE, ORIGINE]].any()
        assert new.mask[TOXICITE] == 1
        assert (new.target[TOXICITE], new.weight) == (old.target[TOXICITE], old.weight)
        assert done.examples[row].text == examples[row].text
    assert all(e.truth.mask[HAINE] for e in examples), "what came in is left as it was"


def test_only_the_named_sources_are_doubted(planted):
    examples, _ = planted
    done = clean(examples, section(), seed=1)
    assert done.examples[:120] == examples[:120]
    (doubts,) = done.doubts
    found = doubted_rows(examples, done.examples)
    told = Counter(bool(examples[row].truth.target[HAINE]) for row in found)
    assert (doubts.source, doubts.label, doubts.positive + doubts.negative) == ("mlma", "haine", 400)
    assert (doubts.doubted_positive, doubts.doubted_negative) == (told[True], told[False])
    assert 0.5 < doubts.auc < 1


def test_same_seed_same_doubts(planted):
    examples, _ = planted
    one, other = (doubted_rows(examples, clean(examples, section(), seed=1).examples) for _ in range(2))
    assert one == other


def test_without_a_section_nothing_changes(planted):
    examples, _ = planted
    assert clean(examples, None, seed=1).examples == examples


def test_a_row_is_judged_without_its_group():
    """A text whose only likeness is in its own group: the model has never seen its words."""
    draw = random.Random(2)
    rows = [example(n, "mlma", n % 4 < 2, draw) for n in range(80)]
    for n in (0, 1):
        rows[n] = replace(rows[n], text="xylophone zwieback kumquat")
    believed = out_of_fold(rows, section(folds=8), seed=3)
    assert believed.shape == (80, 1)
    # The two rows share words that nothing else holds, and say yes; alone, these words would carry it.
    assert believed[0, 0] == pytest.approx(believed[1, 0])
    assert believed[0, 0] < believed[2:, 0][np.array([bool(e.truth.target[HAINE]) for e in rows[2:]])].mean()


def test_presumptions_are_nobodys_word(planted):
    examples, _ = planted
    light = [replace(e, truth=replace(e.truth, mask=e.truth.mask * np.float32(0.1))) for e in examples]
    done = clean(light, section(), seed=1)
    assert done.examples == light
    assert (done.doubts[0].positive, done.doubts[0].negative, done.doubts[0].auc) == (0, 0, None)


def test_no_more_than_the_share_and_the_surest_first():
    truth = np.array([True] * 10 + [False] * 10)
    believed = np.concatenate([np.linspace(0.0, 0.9, 10), np.linspace(0.1, 1.0, 10)])
    found = doubtful(truth, believed, "confident", 0.2)
    assert np.flatnonzero(found).tolist() == [0, 1, 18, 19]
    assert doubtful(truth, np.where(truth, 0.9, 0.1), "confident", 0.2).sum() == 0
    assert doubtful(truth, np.full(20, np.nan), "ranked", 0.2).sum() == 0


def test_a_prepared_report_counts_and_only_training_changes(tmp_path: Path, root: Path):
    settings = make_twins(tmp_path, root)
    table = {
        "sources": ("ftr", "mlma"), "own_cases": True, "instances_per_case": 4, "validation_share": 0.25,
        "near_duplicate": 0.7, "temperature": 1.0,
    }  # fmt: skip
    asked = {"method": "ranked", "folds": 3, "most": 0.2, "sources": ("mlma",), "labels": ("haine", "toxicite")}
    plain, cleaned = (
        prepare(DataRecipe.model_validate(t), settings, licence_classes=("open",), seed=1)
        for t in (table, table | {"cleaning": asked})
    )
    assert plain.path != cleaned.path
    for split in ("validation", "test"):
        assert cleaned.tables[split].to_dict() == plain.tables[split].to_dict()
    before, after = (np.asarray(p.tables["train"]["mask"])[:, HAINE] for p in (plain, cleaned))
    haine, toxicite = cleaned.report.doubts
    assert (haine.label, toxicite.label) == ("haine", "toxicite")
    assert haine.doubted_positive + haine.doubted_negative == int((before > after).sum()) > 0
    assert plain.report.doubts == ()
    assert f"| mlma | haine | {haine.positive} |" in as_markdown(cleaned.report)
    with pytest.raises(ValueError, match=r"cleaning names 'jigsaw_fr'"):
        DataRecipe.model_validate(table | {"cleaning": asked | {"sources": ("jigsaw_fr",)}})
    with pytest.raises(ValueError, match="did you mean 'haine'"):
        DataRecipe.model_validate(table | {"cleaning": asked | {"labels": ("hane",)}})
