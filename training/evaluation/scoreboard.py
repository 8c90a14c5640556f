"""The figures to reach in the terminal, in French. Computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.bundle import Interval

from .goals import Goal, Line
from .judges import BASELINE, MODEL
from .measurement import Measurement

#: Characters of a note that are shown.
_NOTE = 60
_REACHED = {True: "[green]oui[/]", False: "[red]non[/]", None: ""}


def fine(found: Interval | None) -> str:
    """``0,823 [0,781 ; 0,864]``, or a dash; the value alone when its interval is a point."""
    if found is None:
        return "–"
    value, low, high = (f"{number:.3f}".replace(".", ",").replace("-", "−") for number in _ends(found))
    return value if found.low == found.high else f"{value} [{low} ; {high}]"


def _ends(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def show_lines(lines: Sequence[Line], console: Console, title: str) -> None:
    """Print the figures to reach: model, baseline, goal, and whether the model is there."""
    table = Table(title=escape(title))
    for name in ("Mesure", "Vigie [95 %]", "TF-IDF [95 %]", "À atteindre", "Atteint"):
        table.add_column(name, justify="left" if name == "Mesure" else "right")
    for line in lines:
        note = f" [dim]({escape(shorten(line.note, _NOTE, placeholder=' …'))})[/]" if line.note else ""
        figures = (fine(line.figures.get(judge)) for judge in (MODEL, BASELINE))
        table.add_row(escape(line.title) + note, *figures, _goal(line.goal), _REACHED[line.reached])
    console.print(table)
    told = [line.reached for line in lines if line.reached is not None]
    console.print(f"{sum(told)} chiffres atteints sur {len(told)}")


def _goal(goal: Goal | None) -> str:
    if goal is None:
        return ""
    low, high = (None if end is None else f"{end:g}".replace(".", ",") for end in (goal.low, goal.high))
    if low and high:
        return f"{low} à {high}"
    return f"au plus {high}" if high else f"au moins {low}"


def show_skipped(found: Measurement, console: Console) -> None:
    """Say what was not measured, and why; and when the baseline did not see the bundle's rows."""
    for item in found.harmless:
        if item.skipped:
            console.print(f"[yellow]{escape(item.title)} : non mesuré ({escape(item.skipped)})[/]")
    if not found.own_recipe:
        console.print("[yellow]Lignes d'une autre recette que celle du modèle : TF-IDF a appris d'autres lignes.[/]")
    if found.changed_sources:
        names = escape(", ".join(found.changed_sources))
        console.print(f"[yellow]Sources changées depuis l'entraînement : {names}. TF-IDF a appris d'autres lignes.[/]")
