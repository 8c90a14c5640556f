"""The reading of the labels as one French page and as a table in the terminal. Computes nothing."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.pages import render_page, write_page
from training.wording import decimal, figure, rate

from .records import LabelQuality


def write_report(quality: LabelQuality, path: Path) -> Path:
    """Write the page."""
    return write_page(render(quality), path)


def render(quality: LabelQuality) -> str:
    """The page as a string; every value is escaped."""
    return render_page("training.quality", "labels.html", {}, q=quality)


def show_labels(quality: LabelQuality, console: Console) -> None:
    """Print, per source and label, what the model doubts, then how the second reading agrees."""
    table = Table("Source", "Sortie", "Positifs", "Négatifs", "AUC du juge", "Fausses, estimé", "Mises en doute")
    for source in quality.sources:
        for item in source.noise:
            doubted = f"{item.doubted_positive} + {item.doubted_negative}"
            counts = str(item.positive), str(item.negative)
            table.add_row(source.name, item.title, *counts, decimal(item.auc), rate(item.wrong), doubted)
    console.print(table)
    agreed = Table("Source", "Sortie", "Lignes", "Kappa [95 %]", "Alpha [95 %]")
    for source in quality.sources:
        for line in source.agreements:
            agreed.add_row(source.name, line.title, str(line.rows), figure(line.kappa), figure(line.alpha))
    if agreed.row_count:
        console.print(agreed)
