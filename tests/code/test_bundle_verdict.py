"""From logits to levels: the one rule both wings use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serving.bundle import (
    LEVELED,
    OUTPUT_KEYS,
    Judge,
    Label,
    OperatingPoint,
    at_least,
    calibrated,
    level_of,
    open_bundle,
)


@pytest.fixture(scope="module")
def label(tiny_bundle: Path) -> Label:
    return open_bundle(tiny_bundle).manifest.labels[0]


def with_points(label: Label, **thresholds: float | None) -> Label:
    points = tuple(OperatingPoint(level=level, formula="", threshold=value) for level, value in thresholds.items())
    return label.model_copy(update={"operating_points": points})


@pytest.mark.parametrize(
    ("score", "level"),
    [(0.95, "tres_probable"), (0.9, "tres_probable"), (0.7, "probable"), (0.2, "possible"), (0.19, "peu_probable")],
)
def test_the_surest_level_reached_holds(label: Label, score: float, level: str) -> None:
    points = with_points(label, tres_probable=0.9, probable=0.6, possible=0.2)
    assert level_of(points, score) == level


def test_an_unattainable_level_lets_the_next_one_hold(label: Label) -> None:
    points = with_points(label, tres_probable=None, probable=0.6, possible=0.2)
    assert level_of(points, 0.99) == "probable"
    assert level_of(with_points(label, tres_probable=None, probable=None, possible=None), 0.99) == "peu_probable"


def test_crossing_thresholds_switch_the_less_sure_level_off(label: Label) -> None:
    points = with_points(label, tres_probable=0.5, probable=0.3, possible=0.4)
    assert level_of(points, 0.45) == "probable"
    assert level_of(points, 0.2) == "peu_probable"


def test_calibration_is_a_stable_sigmoid(label: Label) -> None:
    scores = calibrated(label, np.array([-1e4, 0.0, 1e4]))
    assert scores.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_every_key_is_present_and_unknown_is_null(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    verdict = Judge(manifest)(np.zeros((1, len(manifest.labels))))
    assert tuple(verdict.scores) == OUTPUT_KEYS
    assert tuple(verdict.levels) == LEVELED
    assert verdict.scores["vulgarite"] is None
    assert verdict.scores["haine"] == pytest.approx(0.5)


def test_the_maximum_over_windows_counts(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    logits = np.full((3, len(manifest.labels)), -3.0)
    logits[2, 0] = 3.0
    verdict = Judge(manifest)(logits, truncated=True)
    assert verdict.scores["haine"] == pytest.approx(0.9526, abs=1e-3)
    assert (verdict.windows, verdict.truncated) == (3, True)


def test_logits_of_the_wrong_shape_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(ValueError, match="shape"):
        Judge(open_bundle(tiny_bundle).manifest)(np.zeros((1, 2)))


def test_an_absent_level_is_never_enough() -> None:
    assert at_least("tres_probable", "probable")
    assert not at_least("possible", "probable")
    assert not at_least(None, "peu_probable")
