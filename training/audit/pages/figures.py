"""Draws an audit: records in, SVG data URIs out. Computes no figure. Hollow marks are small groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from serving.bundle import Interval
from training.audit.records import Counterfactual, Functional, GroupFigures, SourceShift, Table
from training.evaluation.figures import BASELINE, HARMFUL, HARMLESS, INK, MODEL, STYLE, data_uri

AREA_TITLES = {"subgroup_auc": "AUC dans le groupe", "bpsn_auc": "BPSN", "bnsp_auc": "BNSP"}
#: None passed, half, all: pale enough for the figures written over them.
PASSED = ("#e0857c", "#f6efe0", "#8fc3a8")
RATE_TITLES = {"tpr": "Nuisibles signalés", "fpr": "Inoffensifs signalés", "selection": "Part signalée"}


def areas(table: Table) -> str:
    """The three AUCs of every group, with intervals."""
    return _panels(table.groups, [(name, title, MODEL) for name, title in AREA_TITLES.items()], (0.0, 1.02), 0.5)


def rates(table: Table, level: str) -> str:
    """True and false positive rates of every group at ``level``, and its calibration bias."""
    columns = [
        (f"{level}.tpr", RATE_TITLES["tpr"], HARMLESS),
        (f"{level}.fpr", RATE_TITLES["fpr"], HARMFUL),
        ("bias", "Probabilité moyenne moins taux observé", MODEL),
    ]
    return _panels(table.groups, columns, None, None)


def _panels(
    groups: Sequence[GroupFigures],
    columns: Sequence[tuple[str, str, str]],
    limits: tuple[float, float] | None,
    line: float | None,
) -> str:
    with rc_context(STYLE):
        figure = Figure(figsize=(12.6, 1.2 + 0.27 * len(groups)))
        for axes, (name, title, colour) in zip(
            figure.subplots(1, len(columns), sharey=True, squeeze=False)[0], columns, strict=True
        ):
            for place, group in enumerate(groups):
                if name in group.figures:
                    _dot(axes, group.figures[name], place, colour, hollow=group.small)
            axes.set_title(title)
            axes.grid(axis="y", visible=False)
            if limits:
                axes.set_xlim(*limits)
            axes.axvline(0.0 if line is None else line, color=BASELINE, linestyle=":", linewidth=1)
            axes.set_yticks(range(len(groups)), [group.title for group in groups])
            axes.set_ylim(len(groups) - 0.4, -0.6)
        figure.tight_layout(w_pad=1.5)
        return data_uri(figure)


def _dot(axes: Axes, found: Interval, place: float, colour: str, *, hollow: bool = False) -> None:
    spread = [[max(0.0, found.value - found.low)], [max(0.0, found.high - found.value)]]
    axes.errorbar(
        [found.value],
        [place],
        xerr=spread,
        fmt="o",
        color=colour,
        markersize=4.5,
        linewidth=1.2,
        alpha=0.55 if hollow else 1,
        markerfacecolor="white" if hollow else colour,
    )


def counterfactual(item: Counterfactual) -> str:
    """Difference of score of every value to the others of the same sentences."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 1.0 + 0.25 * len(item.values)))
        axes = figure.subplots()
        for place, value in enumerate(item.values):
            _dot(axes, value.difference, place, MODEL)
        axes.axvline(0, color=BASELINE, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(item.values)), [value.title for value in item.values])
        axes.set_ylim(len(item.values) - 0.4, -0.6)
        axes.set_title("Écart de score aux autres valeurs des mêmes phrases")
        axes.grid(axis="y", visible=False)
        figure.tight_layout()
        return data_uri(figure)


def shifts(items: Sequence[SourceShift]) -> str:
    """AUC of every label and source: as served, and of the linear model that saw the source or did not."""
    views = (("bundle", "Modèle servi", MODEL), ("taught", "TF-IDF, source apprise", HARMLESS),
             ("untaught", "TF-IDF, source non apprise", HARMFUL))  # fmt: skip
    with rc_context(STYLE):
        figure = Figure(figsize=(9.0, 1.4 + 0.42 * len(items)))
        axes = figure.subplots()
        for line, (name, title, colour) in enumerate(views):
            for place, item in enumerate(items):
                _dot(axes, getattr(item, name), place + 0.22 * (line - 1), colour)
            axes.plot([], [], "o", color=colour, label=title)
        axes.axvline(0.5, color=BASELINE, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(items)), [f"{item.title} : {item.source}" for item in items])
        axes.set_ylim(len(items) - 0.4, -0.6)
        axes.set_xlabel("AUC")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3)
        axes.grid(axis="y", visible=False)
        figure.tight_layout()
        return data_uri(figure)


def heat_map(suite: Functional) -> str | None:
    """Share passed by functionality and group, those to flag above the line; None where no case names a group."""
    if not suite.cells:
        return None
    titles = {item.key: item.title for item in suite.result.functionalities}
    harmful = {item.key for item in suite.result.functionalities if item.harmful}
    lines = [key for key in titles if any(cell.functionality == key for cell in suite.cells)]
    names = sorted(suite.groups)
    grid = np.full((len(lines), len(names)), np.nan)
    with rc_context(STYLE):
        figure = Figure(figsize=(3.2 + 0.46 * len(names), 1.6 + 0.36 * len(lines)))
        axes = figure.subplots()
        for cell in suite.cells:
            line, column = lines.index(cell.functionality), names.index(cell.group)
            grid[line, column] = cell.passed.value
            axes.text(column, line, f"{100 * cell.passed.value:.0f}", ha="center", va="center", fontsize=7, color=INK)
        axes.imshow(grid, cmap=LinearSegmentedColormap.from_list("passed", PASSED), vmin=0, vmax=1, aspect="auto")
        axes.axhline(sum(key in harmful for key in lines) - 0.5, color=INK, linewidth=1.2)
        axes.set_xticks(range(len(names)), [suite.groups[name] for name in names], rotation=60, ha="right")
        axes.set_yticks(range(len(lines)), [titles[key] for key in lines])
        axes.grid(visible=False)
        figure.tight_layout()
        return data_uri(figure)
