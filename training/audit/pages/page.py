"""One self-contained HTML page, in French, from an audit alone: it can be made again from ``audit.json``."""

from __future__ import annotations

from pathlib import Path

from training.audit.records import Audit, BoundOutcome, GroupFigures, Table
from training.evaluation.tables import LEVEL_TITLES
from training.pages import render_page, write_page

from . import figures
from .command import again
from .figures import AREA_TITLES, RATE_TITLES

DIFFERENCE_TITLES = AREA_TITLES | {"bias": "Calibration"} | RATE_TITLES
METRIC_TITLES = RATE_TITLES | {"equalized_odds": "Égalité des chances (equalized odds)"}
QUEUE_TITLES = {
    "waited": "Attente",
    "waited_illegal": "Attente, illicites",
    "read": "Lus",
    "read_illegal": "Lus, illicites",
    "overturned": "Renversées",
}
CORRECTIONS = {"holm": "Holm", "benjamini_hochberg": "Benjamini et Hochberg"}


def write_report(audit: Audit, gate: tuple[BoundOutcome, ...], path: Path) -> Path:
    """Write the page."""
    return write_page(render(audit, gate), path)


def render(audit: Audit, gate: tuple[BoundOutcome, ...]) -> str:
    """The page as a string; every value is escaped."""
    return render_page(
        "training.audit.pages",
        "audit.html",
        {"worst": worst, "told": told, "again": again},
        a=audit,
        gate=gate,
        figures=figures,
        plain_tables=[table for table in audit.tables if not table.crossed],
        crossed_tables=[table for table in audit.tables if table.crossed],
        areas=AREA_TITLES,
        levels=LEVEL_TITLES,
        metrics=METRIC_TITLES,
        queue_titles=QUEUE_TITLES,
        correction=CORRECTIONS[audit.multiplicity],
        found=[line for table in audit.tables for line in told(table, audit.significance)],
    )


def worst(groups: tuple[GroupFigures, ...]) -> list[GroupFigures]:
    """The groups of a crossing, the least well ranked first; those without figure last."""

    def place(group: GroupFigures) -> float:
        found = [group.figures[name].value for name in AREA_TITLES if name in group.figures]
        return min(found, default=2.0)

    return sorted(groups, key=place)


def told(table: Table, significance: float) -> list[dict[str, object]]:
    """Differences that stand after correction, as lines of a table."""
    return [
        {
            "label": table.title,
            "column": table.column_title,
            "crossed": table.crossed,
            "group": group.title,
            "figure": _title(name),
            "difference": group.difference[name],
            "value": group.figures[name],
            "p": p,
        }
        for group in table.groups
        for name, p in group.adjusted.items()
        if p <= significance
    ]


def _title(name: str) -> str:
    level, _, metric = name.rpartition(".")
    title = DIFFERENCE_TITLES[metric]
    return f"{title}, niveau {LEVEL_TITLES[level]}" if level else title
