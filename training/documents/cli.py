"""``vigie-train document``: parses, makes one call, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.bundle import open_bundle
from serving.settings import Settings

out = Console()


def document(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    audit: Annotated[
        Path | None,
        typer.Option("--audit", metavar="FILE", help="audit.json (default: the newest filed of its own rows)."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Folder (default: runs/documents/ID).")] = None,
) -> None:
    """Model card, data sheets with Croissant metadata, Annex IV, oversight, logging, error rates: French pages."""
    sealed = open_bundle(bundle)  # a wrong folder is told before anything heavy loads
    from .run import document as document_bundle

    folder = output or Path("runs/documents") / sealed.id.rpartition(":")[2][:12]
    written = document_bundle(bundle, Settings.from_env(), audit, folder)
    out.print(f"{len(written)} documents; page {written[-1]}", highlight=False, soft_wrap=True)
