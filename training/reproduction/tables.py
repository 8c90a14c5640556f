"""A reproduction in the terminal, in French. Knows only records."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .records import Check, Reproduction, Standing, Step

STEP_TITLES = {
    "origin": "Origine",
    Step.DATA: "Données",
    Step.TRAINING: "Apprentissage",
    Step.EVALUATION: "Évaluation",
}
_COLOURS = {
    Standing.SAME: "green",
    Standing.CLOSE: "cyan",
    Standing.DIFFERENT: "red",
    Standing.UNKNOWN: "dim",
}
#: A digest or a list is known by its beginning.
_SHOWN = 42


def show_reproduction(done: Reproduction, console: Console) -> None:
    """Print what is not identical, step by step, then the conclusion; the JSON has every check."""
    for step, title in STEP_TITLES.items():
        found = [check for check in done.checks if check.step == step]
        others = [check for check in found if check.standing is not Standing.SAME]
        if found:
            console.print(
                f"{title} : {len(found) - len(others)} vérifications identiques sur {len(found)}", highlight=False
            )
        if others:
            console.print(_table(others))
    console.print(conclusion(done), highlight=False)


def _table(checks: list[Check]) -> Table:
    table = Table("Quoi", "Dans le paquet", "Ici", "État")
    for check in checks:
        explains = check.standing is Standing.DIFFERENT and not check.decisive
        told = (escape(_short(value)) for value in (check.what, check.expected, check.found))
        table.add_row(*told, f"[{'yellow' if explains else _COLOURS[check.standing]}]{check.standing}[/]")
    return table


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"


def conclusion(done: Reproduction) -> str:
    """One sentence: reproduced or not, with counts."""
    counts = {standing: sum(check.standing is standing for check in done.checks) for standing in Standing}
    told = ", ".join(f"{count} {standing}(s)" for standing, count in counts.items() if count)
    decisive = [check.what for check in done.checks if check.decisive and check.standing is Standing.DIFFERENT]
    if not decisive:
        return f"Reproduit, sans écart décisif ({told}), en {done.seconds:.0f} s."
    return f"Non reproduit ({told}), en {done.seconds:.0f} s. Diffèrent : {', '.join(decisive)}."
