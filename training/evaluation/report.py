"""One self-contained HTML page, in French, from an evaluation alone: it can be made again from ``evaluation.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.bundle import LEVELED, Interval
from training.pages import render_page, write_page

from . import figures
from .records import Evaluation, LabelEvaluation
from .tables import LEVEL_TITLES

#: Difference is told as such only when its interval leaves out zero.
_BETTER, _WORSE, _EVEN = "mieux", "moins bien", "indécidable"


def write_report(evaluation: Evaluation, path: Path) -> Path:
    """Write the page."""
    return write_page(render(evaluation), path)


def render(evaluation: Evaluation) -> str:
    """The page as a string; every value is escaped."""
    return render_page(
        "training.evaluation",
        "report.html",
        {"standing": standing, "points": points, "mark": mark},
        e=evaluation,
        headline=headline(evaluation),
        families={label.key: label.title for label in evaluation.labels},
        leveled=[label for label in evaluation.labels if label.key in LEVELED],
        **_drawn(evaluation),
    )


def _drawn(evaluation: Evaluation) -> dict[str, Any]:
    others = [label for label in evaluation.labels if label.key not in LEVELED]
    return {
        "forest": figures.forest(evaluation) if evaluation.labels else None,
        "panels": {label.key: figures.panel(label) for label in evaluation.labels if label.key in LEVELED},
        "reliabilities": figures.reliabilities(others) if others else None,
        "bars": {pair.model.label: figures.suite_bars(pair) for pair in evaluation.suites},
        "lengths": figures.lengths(evaluation),
    }


def headline(evaluation: Evaluation) -> dict[str, int]:
    """How many labels are better, worse or undecided against the baseline, by AUC."""
    found = {_BETTER: 0, _WORSE: 0, _EVEN: 0}
    for label in evaluation.labels:
        if "auc" in label.difference:
            found[standing(label.difference["auc"])] += 1
    return found


def standing(difference: Interval | None) -> str:
    """``mieux``, ``moins bien`` or ``indécidable``, from the interval of a difference."""
    if difference is None or difference.low <= 0 <= difference.high:
        return _EVEN
    return _BETTER if difference.value > 0 else _WORSE


def mark(difference: Interval | None) -> str:
    """CSS class of ``standing``."""
    return {_BETTER: "better", _WORSE: "worse", _EVEN: "even"}[standing(difference)]


def points(label: LabelEvaluation) -> list[dict[str, Any]]:
    """Lines of the table of operating points: one per level, with the figures of both models."""
    return [
        {
            "level": title,
            "threshold": label.model.thresholds.get(level),
            "model": _at(label.model.figures, level),
            "baseline": _at(label.baseline.figures, level) if label.baseline else {},
        }
        for level, title in LEVEL_TITLES.items()
    ]


def _at(found: dict[str, Interval], level: str) -> dict[str, Interval]:
    return {name.removeprefix(f"{level}."): value for name, value in found.items() if name.startswith(f"{level}.")}
