"""Everything measured at once on a tiny bundle, read back, held against the goals, and averaged over runs."""

from __future__ import annotations

import io
import lzma
from pathlib import Path
from types import SimpleNamespace

import pytest
from prepared_rows import make_prepared
from rich.console import Console

from serving.bundle import InputError, Interval, open_bundle
from serving.settings import Settings
from training.evaluation.goals import Goal, lines_of, mean_lines, mean_of
from training.evaluation.judges import BASELINE, MODEL
from training.evaluation.measurement import Measurement, Wanted, measure_bundle, read_measurement
from training.evaluation.records import write_json
from training.evaluation.scoreboard import show_lines, show_skipped

PASSAGES = [f"Une phrase ordinaire, la {n}e, qui parle du temps." for n in range(60)]


@pytest.fixture(scope="module")
def measured(tiny_bundle: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Measurement:
    place = tmp_path_factory.mktemp("measure")
    for name in ("short", "ugc"):
        with lzma.open(place / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            # In one register the word that the tiny bundle flags stands everywhere.
            file.write("\n\n".join(f"{text} La haine." if name == "ugc" else text for text in PASSAGES))
    settings = Settings.from_env({"VIGIE_CACHE": str(place), "VIGIE_DATASETS": str(root / "datasets")})
    recipe = SimpleNamespace(
        name="tiny",
        seed=5,
        digest="f" * 64,
        training=SimpleNamespace(pos_weight_max=8.0),
        calibration=SimpleNamespace(bootstrap=20),
    )
    wanted = Wanted(corpus=place, passages=20, replicates=30)
    return measure_bundle(open_bundle(tiny_bundle), recipe, make_prepared(), settings, wanted)


def test_each_kind_of_harmless_text_is_there_or_says_why_not(measured):
    assert [item.suite for item in measured.harmless] == [
        "test_rows",
        "neutral",
        "neutral_held_out",
        "honest",
        "corpus",
    ]
    honest = measured.suite("honest")
    assert honest.overall is None
    assert "VIGIE_MIRROR" in honest.skipped
    out = io.StringIO()
    show_skipped(measured, Console(file=out, width=160))
    assert "HONEST : non mesuré" in out.getvalue()
    assert "autre recette" in out.getvalue()  # the tiny bundle has none


def test_corpus_is_told_by_register(measured):
    shares = {place.place: place.shares[MODEL]["haine"]["probable"].value for place in measured.suite("corpus").places}
    assert shares == {"short": 0.0, "ugc": 1.0}
    (line,) = (line for line in lines_of(measured) if line.key == "corpus.haine")
    assert line.figures[MODEL].value == pytest.approx(0.5, abs=0.1)
    assert line.reached is False
    assert set(line.figures) == {MODEL, BASELINE}


def test_lines_hold_the_figures_that_the_rows_can_give(measured):
    lines = {line.key: line for line in lines_of(measured)}
    for family in ("haine", "terrorisme", "harcelement"):
        assert lines[f"own.{family}.macro_f1"].figures[MODEL] == next(
            pair.model.macro_f1 for pair in measured.evaluation.suites if pair.model.label == family
        )
        assert f"drop.{family}.mixed" in lines
        assert f"calibration.{family}.brier_skill" in lines
    assert not any(key.startswith(("ftr", "honest")) for key in lines)
    worst = lines["neutral.worst"]
    assert worst.figures[MODEL].value == max(
        place.shares[MODEL][key]["probable"].value
        for place in measured.suite("neutral").places
        for key in ("haine", "terrorisme", "harcelement")
    )


def test_it_is_written_and_read_back_without_text(measured, tmp_path):
    path = write_json(measured, tmp_path / "measure.json")
    assert read_measurement(path) == measured
    stored = path.read_text(encoding="utf-8")
    assert not any(text in stored for text in PASSAGES)
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    for name, said in (("other.json", "not a file of vigie-train measure"), ("absent.json", "not readable")):
        with pytest.raises(InputError, match=said):
            read_measurement(tmp_path / name)


def test_the_table_says_what_is_reached(measured):
    out = io.StringIO()
    show_lines(lines_of(measured), Console(file=out, width=170), "Essai")
    assert "chiffres atteints sur" in out.getvalue()
    assert "À 50/50, haine : pente" in out.getvalue()
    assert "oui" in out.getvalue()
    assert "non" in out.getvalue()


def _other(measured: Measurement, bundle: str) -> Measurement:
    return measured.model_copy(update={"evaluation": measured.evaluation.model_copy(update={"bundle": bundle})})


def test_the_mean_of_equal_runs_is_the_run(measured):
    lines = mean_lines([measured, _other(measured, "sha256:two"), _other(measured, "sha256:three")])
    for line, single in zip(lines, lines_of(measured), strict=True):
        assert line.key == single.key
        for judge, figure in line.figures.items():
            assert figure.value == pytest.approx(single.figures[judge].value)
            assert figure.low == pytest.approx(single.figures[judge].low)


def test_one_bundle_is_not_averaged_with_itself(measured):
    with pytest.raises(InputError, match="each once"):
        mean_lines([measured, measured])


def test_runs_share_the_chance_of_rows_and_add_that_of_training():
    runs = [Interval(value=v, low=v - 0.02, high=v + 0.03) for v in (0.80, 0.84, 0.88)]
    found = mean_of(runs)
    training = 1.96 * 0.04 / 3**0.5
    assert found.value == pytest.approx(0.84)
    assert found.value - found.low == pytest.approx((0.02**2 + training**2) ** 0.5, rel=1e-3)
    assert found.high - found.value == pytest.approx((0.03**2 + training**2) ** 0.5, rel=1e-3)
    assert mean_of(runs[:1]) == runs[0]


@pytest.mark.parametrize(
    ("goal", "found", "reached"),
    [
        (Goal(low=0.9), Interval(value=0.9, low=0.8, high=1), True),
        (Goal(low=0.9), Interval(value=0.89, low=0.8, high=1), False),
        (Goal(high=0.005), Interval(value=0.006, low=0, high=1), False),
        (Goal(low=0.8, high=1.25), Interval(value=1.3, low=1, high=2), False),
        (Goal(low=0.0, surely=True), Interval(value=0.2, low=-0.1, high=0.3), False),
        (Goal(low=0.0, surely=True), Interval(value=0.2, low=0.1, high=0.3), True),
    ],
)
def test_goals(goal, found, reached):
    assert goal.holds(found) is reached
