"""``vigie-train labels``: parses, makes one call and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.settings import Settings

out = Console()


def labels(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, such as configs/train/petit.toml.")],
    sources: Annotated[str, typer.Option("--sources", help="Some of its sources, separated by commas.")] = "",
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Models, each judging what it did not see.")] = 5,
    most: Annotated[int, typer.Option("--most", min=0, help="Suspects listed for each label of a source.")] = 20,
    show_text: Annotated[bool, typer.Option("--show-text", help="Texts of the suspects, else masked.")] = False,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder of the report.")] = Path("runs/labels"),
) -> None:
    """How far the annotations can be trusted: labels that a model doubts, agreement with our second reading."""
    from .page import show_labels
    from .run import HTML, Asked, read_labels

    chosen = tuple(name.strip() for name in sources.split(",") if name.strip())
    asked = Asked(recipe, out_dir, chosen, folds, most, show_text)
    show_labels(read_labels(Settings.from_env(), asked), out)
    out.print(f"report {out_dir / HTML}", highlight=False, soft_wrap=True)
