"""Results in the terminal, in French. Knows only records; computes nothing."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.wording import figure, percent, signed

from .records import Evaluation, SuiteResult

LEVEL_TITLES = {"tres_probable": "très probable", "probable": "probable", "possible": "possible"}


def show_suite(result: SuiteResult, console: Console) -> None:
    """Print a suite: the functionalities, the targets, then the summary."""
    console.print(_functionalities(result))
    if result.targets:
        console.print(_targets(result))
    console.print(_summary(result))
    if result.threshold is None:
        console.print("[yellow]Aucun seuil actif à ce niveau : rien n'est signalé. Essayez --level possible.[/]")
    if result.unscored:
        console.print(f"[yellow]{result.unscored} cas sans score (texte vide ou trop long), non comptés.[/]")


def _functionalities(result: SuiteResult) -> Table:
    level = LEVEL_TITLES[result.level]
    table = Table(title=f"Tests fonctionnels « {result.label} » au niveau « {level} »")
    for name, justify in (("Fonctionnalité", "left"), ("Attendu", "left"), ("Cas", "right"), ("Réussite", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for item in result.functionalities:
        expected = "[red]signalé[/]" if item.harmful else "[green]non signalé[/]"
        # Names come from a file: they are shown as they are, never read as markup.
        name = escape(item.title) if item.title == item.key else f"{escape(item.title)} [dim]{escape(item.key)}[/]"
        table.add_row(name, expected, str(item.cases), percent(item.passed))
    return table


def _targets(result: SuiteResult) -> Table:
    table = Table("Groupe visé", "Cas", "Haineux signalés", "Inoffensifs épargnés", "AUC", title="Par groupe visé")
    for item in result.targets:
        auc = "–" if item.auc is None else f"{item.auc:.2f}".replace(".", ",")
        table.add_row(escape(item.key), str(item.cases), percent(item.harmful), percent(item.harmless), auc)
    return table


def _summary(result: SuiteResult) -> Table:
    table = Table("Mesure", "Valeur [95 %]", title="Ensemble")
    table.add_row("Cas", str(result.cases))
    table.add_row("Haineux signalés", percent(result.harmful))
    table.add_row("Inoffensifs épargnés", percent(result.harmless))
    table.add_row("Exactitude", percent(result.accuracy))
    table.add_row("Macro-F1", figure(result.macro_f1))
    table.add_row("AUC", figure(result.auc))
    return table


def show_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the labels, model beside baseline, then the functional tests in brief."""
    table = Table(title=f"Évaluation de {evaluation.bundle_name} sur le jeu de test")
    for name in ("Sortie", "Lignes", "Positifs", "AUC", "AUC TF-IDF", "Écart", "AP", "AP TF-IDF", "Pente"):
        table.add_column(name, justify="left" if name == "Sortie" else "right")
    for label in evaluation.labels:
        model, baseline = label.model.figures, label.baseline.figures if label.baseline else {}
        table.add_row(
            label.title,
            str(label.rows),
            str(label.positives),
            figure(model.get("auc")),
            figure(baseline.get("auc")),
            signed(label.difference.get("auc")),
            figure(model.get("average_precision")),
            figure(baseline.get("average_precision")),
            figure(model.get("slope")),
        )
    console.print(table)
    console.print(_suites(evaluation))


def _suites(evaluation: Evaluation) -> Table:
    table = Table(title="Nos cas fonctionnels tenus à l'écart")
    for name in ("Famille", "Modèle", "Cas", "Nuisibles signalés", "Inoffensifs épargnés", "Macro-F1", "AUC"):
        table.add_column(name)
    for pair in evaluation.suites:
        for name, result in (("Vigie", pair.model), ("TF-IDF", pair.baseline)):
            if result:
                table.add_row(
                    result.label,
                    name,
                    str(result.cases),
                    percent(result.harmful),
                    percent(result.harmless),
                    figure(result.macro_f1),
                    figure(result.auc),
                )
    return table
