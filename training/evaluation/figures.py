"""Draws an evaluation: records in, SVG data URIs out. Reads no file, computes no figure, uses no global state.

One colour per meaning, everywhere: blue is Vigie, grey the baseline, red what should be flagged, green what should not.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from itertools import pairwise
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from serving.bundle import Interval

from .records import Evaluation, Functionality, LabelEvaluation, Measured, SuitePair
from .tables import LEVEL_TITLES

MODEL, BASELINE, HARMFUL, HARMLESS, INK = "#1f5fa8", "#8b8f98", "#b8433a", "#2f7d5b", "#1d2430"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#c5cad3",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e8ebf0",
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": "#525a68",
    "ytick.color": "#525a68",
    "legend.frameon": False,
    # Letters as outlines: the same page on a machine without the font.
    "svg.fonttype": "path",
    "svg.hashsalt": "vigie",
}
#: Markers of the operating points, surest first.
_MARKERS = {"tres_probable": "^", "probable": "o", "possible": "s"}


def data_uri(figure: Figure) -> str:
    """``figure`` as an SVG data URI, the same bytes for the same figure."""
    buffer = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def forest(evaluation: Evaluation) -> str:
    """AUC and average precision of every label, with intervals, model above baseline."""
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 1.1 + 0.36 * len(evaluation.labels)))
        left, right = figure.subplots(1, 2, sharey=True)
        _dots(left, evaluation.labels, "auc", "AUC")
        _dots(right, evaluation.labels, "average_precision", "Précision moyenne")
        left.axvline(0.5, color=BASELINE, linestyle=":", linewidth=1)
        left.set_yticks(range(len(evaluation.labels)), [label.title for label in evaluation.labels])
        left.set_xlim(0.3, 1.01)
        right.set_xlim(0, 1.01)
        left.invert_yaxis()
        figure.legend(*left.get_legend_handles_labels(), loc="upper right", ncols=2)
        figure.tight_layout(rect=(0, 0, 1, 0.96))
        return data_uri(figure)


def _dots(axes: Axes, labels: Sequence[LabelEvaluation], metric: str, title: str) -> None:
    for name, colour, shift in (("Vigie", MODEL, -0.14), ("TF-IDF", BASELINE, 0.14)):
        places, values = [], []
        for row, label in enumerate(labels):
            measured = label.model if name == "Vigie" else label.baseline
            if measured and (value := measured.figures.get(metric)):
                places.append(row + shift)
                values.append(value)
        _with_intervals(axes, values, places, colour, name)
    axes.set_title(title)
    axes.grid(axis="y", visible=False)


def _with_intervals(axes: Axes, values: Sequence[Interval], places: Sequence[float], colour: str, name: str) -> None:
    middle = [value.value for value in values]
    spread = [
        [max(0.0, value.value - value.low) for value in values],
        [max(0.0, value.high - value.value) for value in values],
    ]
    axes.errorbar(middle, places, xerr=spread, fmt="o", color=colour, markersize=4.5, linewidth=1.4, label=name)


def panel(label: LabelEvaluation) -> str:
    """ROC, precision-recall, reliability and score shares of one label."""
    with rc_context(STYLE):
        figure = Figure(figsize=(13.2, 3.3))
        roc, pr, reliability, shares = figure.subplots(1, 4)
        _roc(roc, label)
        _precision_recall(pr, label)
        _reliability(reliability, label)
        _score_shares(shares, label)
        figure.tight_layout(w_pad=1.6)
        return data_uri(figure)


def _models(label: LabelEvaluation) -> list[tuple[str, str, Measured]]:
    """Baseline first, so that the model is drawn over it."""
    pairs = [("TF-IDF", BASELINE, label.baseline), ("Vigie", MODEL, label.model)]
    return [(name, colour, measured) for name, colour, measured in pairs if measured and measured.curves]


def _roc(axes: Axes, label: LabelEvaluation) -> None:
    axes.plot([0, 1], [0, 1], color="#c5cad3", linestyle=":", linewidth=1)
    for name, colour, measured in _models(label):
        assert measured.curves
        area = measured.figures.get("auc")
        shown = f"{name} {area.value:.2f}".replace(".", ",") if area else name
        axes.plot(measured.curves.fpr, measured.curves.tpr, color=colour, label=shown)
    _points(axes, label.model, "fpr", "recall")
    _unit(axes, "Courbe ROC", "Faux positifs", "Rappel")
    axes.legend(loc="lower right")


def _precision_recall(axes: Axes, label: LabelEvaluation) -> None:
    rate = label.population_rate
    axes.axhline(rate, color="#c5cad3", linestyle=":", linewidth=1)
    for _, colour, measured in _models(label):
        assert measured.curves
        axes.plot(measured.curves.recall, measured.curves.precision, color=colour)
    _points(axes, label.model, "recall", "precision", legend=True)
    _unit(axes, f"Précision et rappel (à {100 * rate:.0f} %)", "Rappel", "Précision")


def _points(axes: Axes, measured: Measured, x: str, y: str, *, legend: bool = False) -> None:
    """The operating points that are on."""
    for level, marker in _MARKERS.items():
        across, up = measured.figures.get(f"{level}.{x}"), measured.figures.get(f"{level}.{y}")
        if across and up:
            axes.plot(
                across.value,
                up.value,
                marker,
                color="white",
                markeredgecolor=INK,
                markersize=7,
                label=LEVEL_TITLES[level] if legend else None,
            )
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best", fontsize=8)


def _reliability(axes: Axes, label: LabelEvaluation) -> None:
    axes.plot([0, 1], [0, 1], color="#c5cad3", linestyle=":", linewidth=1)
    for _, colour, measured in _models(label):
        assert measured.curves
        bins = measured.curves.reliability
        observed = [item.observed for item in bins]
        spread = [[o.value - o.low for o in observed], [o.high - o.value for o in observed]]
        axes.errorbar(
            [item.predicted for item in bins],
            [o.value for o in observed],
            yerr=spread,
            fmt="o-",
            color=colour,
            markersize=3.5,
            linewidth=1,
            elinewidth=0.6,
        )
    _unit(axes, "Fiabilité", "Probabilité annoncée", "Taux observé")


def _score_shares(axes: Axes, label: LabelEvaluation) -> None:
    assert label.model.curves
    for name, colour, shares in (
        ("négatifs", HARMLESS, label.model.curves.negative_scores),
        ("positifs", HARMFUL, label.model.curves.positive_scores),
    ):
        edges = [step / len(shares) for step in range(len(shares) + 1)]
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.45, label=name)
    for level, threshold in label.model.thresholds.items():
        if threshold is not None:
            axes.axvline(threshold, color=INK, linewidth=0.8, linestyle="--")
            axes.text(
                threshold,
                1.01,
                _MARKERS_TEXT[level],
                transform=axes.get_xaxis_transform(),
                ha="center",
                fontsize=8,
            )
    axes.set_xlim(0, 1)
    axes.set_title("Scores de Vigie", pad=14)
    axes.set_xlabel("Probabilité annoncée")
    axes.set_ylabel("Part des textes")
    axes.legend(loc="upper center", fontsize=8)


_MARKERS_TEXT = {"tres_probable": "▲", "probable": "●", "possible": "■"}


def _unit(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def reliabilities(labels: Sequence[LabelEvaluation]) -> str:
    """Reliability diagrams of several labels, side by side."""
    columns = 4
    lines = -(-len(labels) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(13.2, 3.2 * lines))
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes, label in zip(grid.flat, labels, strict=False):
            _reliability(axes, label)
            axes.set_title(fill(label.title, 34))
            top = min(1.0, 3 * label.population_rate + 0.25)
            axes.set_xlim(-0.02 * top, top)
            axes.set_ylim(-0.02 * top, top)
        for axes in list(grid.flat)[len(labels) :]:
            axes.remove()
        figure.tight_layout(w_pad=1.6, h_pad=1.6)
        return data_uri(figure)


def suite_bars(pair: SuitePair) -> str:
    """Pass rate of each functionality, harmful and harmless apart; bars are the model, diamonds the baseline."""
    sides = [
        ("À signaler", HARMFUL, [item for item in pair.model.functionalities if item.harmful]),
        ("À ne pas signaler", HARMLESS, [item for item in pair.model.functionalities if not item.harmful]),
    ]
    longest = max(len(items) for _, _, items in sides)
    with rc_context(STYLE):
        figure = Figure(figsize=(13.2, 1.1 + 0.34 * longest))
        for axes, (title, colour, items) in zip(figure.subplots(1, 2), sides, strict=True):
            _bars(axes, items, pair, colour)
            axes.set_title(title)
            axes.set_ylim(longest - 0.4, -0.6)
        figure.tight_layout(w_pad=2)
        return data_uri(figure)


def _bars(axes: Axes, items: Sequence[Functionality], pair: SuitePair, colour: str) -> None:
    reference = {(f.key, f.harmful): f.passed.value for f in pair.baseline.functionalities} if pair.baseline else {}
    values = [100 * item.passed.value for item in items]
    spread = [
        [100 * (item.passed.value - item.passed.low) for item in items],
        [100 * (item.passed.high - item.passed.value) for item in items],
    ]
    error = {"ecolor": INK, "elinewidth": 0.8}
    axes.barh(range(len(items)), values, xerr=spread, color=colour, alpha=0.75, height=0.62, error_kw=error)
    known = [
        (row, 100 * reference[key]) for row, item in enumerate(items) if (key := (item.key, item.harmful)) in reference
    ]
    for row, value in known:  # no empty line of marks: the layout would take it for one at the figure's corner
        axes.plot(value, row, "D", color="white", markeredgecolor=INK, markersize=5, clip_on=False)
    axes.set_yticks(range(len(items)), [f"{item.title} ({item.units})" for item in items])
    axes.set_xlim(0, 101)
    axes.set_xlabel("Réussite, %")
    axes.grid(axis="y", visible=False)


def lengths(evaluation: Evaluation) -> str:
    """Words per test text, and test rows per source."""
    edges = evaluation.lengths.edges
    names = [_span(low, high) for low, high in pairwise(edges)]
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 2.8))
        left, right = figure.subplots(1, 2)
        left.bar(names, evaluation.lengths.counts, color=MODEL, alpha=0.8)
        left.set_title("Longueur des textes de test (mots)")
        left.tick_params(axis="x", labelsize=8)
        right.barh(list(evaluation.test_sources), list(evaluation.test_sources.values()), color=MODEL, alpha=0.8)
        right.set_title("Lignes de test par source")
        right.invert_yaxis()
        for axes, off in ((left, "x"), (right, "y")):
            axes.grid(axis=off, visible=False)
        figure.tight_layout(w_pad=2)
        return data_uri(figure)


def _span(low: float, high: float) -> str:
    if high > 1e5:
        return f"{low:.0f}+"
    return f"{low:.0f}" if high - low <= 1 else f"{low:.0f}–{high - 1:.0f}"
