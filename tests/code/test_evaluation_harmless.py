"""Shares of harmless texts flagged: by place, each unit weighing one, with the gap between places."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
from prepared_rows import make_prepared

from serving.bundle import OUTPUT_KEYS, ConfigError, Label, OperatingPoint
from serving.bundle.manifest import Calibration
from training.corpus import reserved
from training.evaluation.evaluate import Bench
from training.evaluation.harmless import Plain, corpus_texts, even_shares, harmless_rows, tally_harmless, tally_rows
from training.evaluation.measure import Scored
from training.evaluation.split import read_split


def label(threshold: float | None = 0.5) -> Label:
    points = (OperatingPoint(level="probable", formula="maximum recall @ precision >= 0.6", threshold=threshold),)
    calibration = Calibration(slope=1.0, intercept=0.0, population_rate=0.2)
    return Label(
        key="haine", title="Haine", family="haine", severity=1.0, calibration=calibration, operating_points=points
    )


def tally(texts, scores, threshold=0.5, **options):
    scored = {"model": {"haine": Scored(np.array(scores), label(threshold))}}
    return tally_harmless(scored, texts, "s", "Titre", **options)


def test_texts_of_one_unit_weigh_one_together():
    texts = [Plain("", "a", "t1")] * 4 + [Plain("", "a", "t2"), Plain("", "b", "t1")]
    found = tally(texts, [0.9, 0.9, 0.9, 0.1, 0.1, 0.9])
    shares = {place.place: place.shares["model"]["haine"]["probable"] for place in found.places}
    assert shares["a"].value == pytest.approx(0.75 / 2)
    assert shares["b"].value == 1.0
    assert [(place.texts, place.units) for place in found.places] == [(5, 2), (1, 1)]
    assert found.overall.shares["model"]["haine"]["probable"].value == pytest.approx((0.75 + 0 + 1) / 3)


def test_a_level_that_is_off_flags_nothing_and_a_text_without_score_neither():
    texts = [Plain("", "a", "1"), Plain("", "a", "2")]
    assert tally(texts, [0.9, 0.9], threshold=None).overall.shares["model"]["haine"]["probable"].value == 0
    assert tally(texts, [0.9, np.nan]).overall.shares["model"]["haine"]["probable"].value == 0.5


def test_the_gap_is_between_the_places_most_and_least_flagged():
    texts = [Plain("", place, f"t{n}") for place in "abc" for n in range(20)]
    scores = [0.9] * 5 + [0.1] * 15 + [0.9] * 2 + [0.1] * 18 + [0.1] * 20
    gap = tally(texts, scores, gap=True, replicates=200).gap["model"]["haine"]
    assert gap.value == pytest.approx(0.25)
    assert 0 <= gap.low < 0.25 < gap.high
    assert tally(texts, scores).gap == {}


def test_places_share_evenly_what_small_ones_leave():
    assert even_shares({"a": 5, "b": 100, "c": 100}, 65) == {"a": 5, "b": 30, "c": 30}
    assert even_shares({"a": 5, "b": 7}, 100) == {"a": 5, "b": 7}


def test_corpus_texts_are_of_reserved_passages_only(tmp_path):
    passages = {name: [f"Passage {n} du registre {name}." for n in range(80)] for name in ("short", "ugc")}
    for name, texts in passages.items():
        with lzma.open(tmp_path / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            file.write("\n\n".join(texts))
    found = corpus_texts(tmp_path, 20, seed=1)
    assert len(found) == 20
    assert all(reserved(item.text) and item.text in passages[item.place] for item in found)
    assert found == corpus_texts(tmp_path, 20, seed=1)
    assert found != corpus_texts(tmp_path, 20, seed=2)
    with pytest.raises(ConfigError, match=r"no NAME\.txt\.xz"):
        corpus_texts(tmp_path / "elsewhere", 20)


def test_harmless_rows_are_known_to_be_so_for_every_family():
    test = read_split(make_prepared().tables["test"])
    bench = Bench(test, {"model": {"haine": Scored(np.zeros(len(test)), label())}}, 10, 0)
    rows = harmless_rows(bench)
    families = [OUTPUT_KEYS.index(key) for key in ("haine", "terrorisme", "harcelement")]
    assert rows
    assert not test.target[rows][:, families].any()
    # Source b does not know of harassment: not known to be harmless.
    assert {test.sources[row] for row in rows} == {"a", "vigie"}
    found = tally_rows(bench)
    assert {place.place for place in found.places} == {"a", "vigie"}
    own = next(place for place in found.places if place.place == "vigie")
    assert own.units == len({test.case_ids[row] for row in rows if test.sources[row] == "vigie"})
    assert found.overall.texts == len(rows)


def test_no_harmless_row_is_no_figure():
    test = read_split(make_prepared().tables["test"])
    test.mask[:] = 0
    assert tally_rows(Bench(test, {"model": {}}, 10, 0)) is None
