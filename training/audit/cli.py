"""``vigie-train audit``: parses, makes one call and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.settings import Settings

out = Console()


def audit(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="CSV or Parquet with labels (default: the recipe's test rows).")
    ] = None,
    text_column: Annotated[str, typer.Option("--text-column", help="Column of the texts.")] = "text",
    label_columns: Annotated[
        str, typer.Option("--label-columns", help="haine,harcelement or haine=COLUMN,...: 1, 0 or blank.")
    ] = "",
    group_columns: Annotated[
        str, typer.Option("--group-columns", help="Columns of groups, separated by commas; cells may hold a;b.")
    ] = "",
    unit_column: Annotated[
        str | None, typer.Option("--unit-column", help="Rows of one unit are drawn together (author, thread).")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", help="Names a row in the report.")] = None,
    time_column: Annotated[str | None, typer.Option("--time-column", help="Dates: figures by calendar period.")] = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", help="The recipe that made the bundle; with --data, shows training rows near errors."),
    ] = None,
    any_recipe: Annotated[
        bool, typer.Option("--any-recipe", help="The rows of a recipe that did not make the bundle.")
    ] = False,
    suite: Annotated[
        list[Path] | None, typer.Option("--suite", help="CSV of Multilingual HateCheck's schema; repeat.")
    ] = None,
    honest: Annotated[
        Path | None, typer.Option("--honest", help="HONEST's fr_template.tsv; the mirrored one by default.")
    ] = None,
    queue: Annotated[
        Path | None,
        typer.Option("--queue", help="File of vigie queue export, or of vigie simulate --readings: bias of the queue."),
    ] = None,
    replicates: Annotated[
        int | None, typer.Option("--replicates", min=20, help="Resamples, in place of audit.toml's.")
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Texts of the gravest mistakes, else masked; not filed with MLflow.")
    ] = False,
    track: Annotated[bool, typer.Option(help="File it with MLflow, where promote looks for it.")] = True,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder (default: runs/audit/ID).")] = None,
) -> None:
    """Whom a bundle serves less well: groups, intersections, counterfactuals, suites, and the release gate."""
    from serving.bundle import open_bundle

    sealed, settings = open_bundle(bundle), Settings.from_env()  # a wrong folder is told before anything heavy loads
    from training.audit.pages.terminal import show_audit
    from training.audit.rows import Columns
    from training.audit.run import HTML, Asked
    from training.audit.run import audit as audit_run

    columns = Columns(text_column, _pairs(label_columns), _names(group_columns), unit_column, id_column, time_column)
    folder = out_dir or Path("runs/audit") / sealed.id.rpartition(":")[2][:12]
    asked = Asked(
        folder,
        data=data,
        columns=columns,
        recipe=recipe,
        any_recipe=any_recipe,
        suites=tuple(suite or ()),
        honest=honest,
        queue=queue,
        replicates=replicates,
        show_text=show_text,
        track=track,
    )
    show_audit(*audit_run(bundle, settings, asked), out)
    out.print(f"report {folder / HTML}", highlight=False, soft_wrap=True)


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())


def _pairs(given: str) -> dict[str, str]:
    """``haine,harcelement=COLUMN`` as output key -> column."""
    parted = ((name, *name.partition("=")) for name in _names(given))
    return {key.strip(): (column.strip() if sign else name) for name, key, sign, column in parted}
