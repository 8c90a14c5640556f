"""An audit in the terminal, in French: the gate, then the differences that stand. Knows only records."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.audit.records import Audit, BoundOutcome
from training.wording import figure, signed

from .page import told

#: Differences shown in the terminal; the report has them all.
_SHOWN = 15


def show_audit(audit: Audit, gate: Sequence[BoundOutcome], console: Console) -> None:
    """Print the gate and the largest differences."""
    console.print(_gate(gate))
    if not audit.own_rows:
        console.print("Ces lignes ne sont pas celles de la recette : la barrière n'en dépend pas.", highlight=False)
    found = [line for table in audit.tables for line in told(table, audit.significance)]
    tested = sum(table.tested for table in audit.tables)
    console.print(f"{len(found)} écarts établis sur {tested} testés, après correction.", highlight=False)
    if found:
        console.print(_differences(found))


def _gate(gate: Sequence[BoundOutcome]) -> Table:
    table = Table("Figure", "Valeur [95 %]", "Borne", "État", title="Barrière de publication")
    for line in sorted(gate, key=lambda line: line.held):
        value = figure(line.value) if line.value else "non mesurée"
        table.add_row(escape(line.figure), value, line.bound, "[green]tenue[/]" if line.held else "[red]rompue[/]")
    return table


def _differences(found: Sequence[dict[str, object]]) -> Table:
    table = Table("Sortie", "Colonne", "Groupe", "Figure", "Écart au reste", title="Plus grands écarts")
    largest = sorted(found, key=lambda line: -abs(line["difference"].value))  # type: ignore[attr-defined]
    for line in largest[:_SHOWN]:
        names = (escape(str(line[name])) for name in ("label", "column", "group", "figure"))
        table.add_row(*names, signed(line["difference"]))  # type: ignore[arg-type]
    return table
