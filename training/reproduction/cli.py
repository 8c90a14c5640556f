"""``vigie-train reproduce``: parses, makes one call, prints; ends with 1 when something decisive differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.bundle import InputError, open_bundle
from serving.bundle.errors import nearest
from serving.settings import Settings

from .records import Step

out = Console()


def reproduce(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    steps: Annotated[str, typer.Option("--steps", help="data, training, evaluation, separated by commas.")] = "data",
    recipe: Annotated[Path | None, typer.Option("--recipe", help="The recipe that made the bundle.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="In place of the manifest's: what chance alone changes.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="On figures, beyond their intervals, and on shares of levels.")
    ] = 0.01,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder (default: runs/reproduction/ID).")] = None,
) -> None:
    """Make a bundle's data, figures or model again from its manifest, and say what differs."""
    wanted, sealed = _steps(steps), open_bundle(bundle)  # told before anything heavy loads
    from .run import JSON, Asked
    from .run import reproduce as reproduce_bundle
    from .tables import show_reproduction

    folder = out_dir or Path("runs/reproduction") / sealed.id.rpartition(":")[2][:12]
    done = reproduce_bundle(bundle, Settings.from_env(), Asked(folder, wanted, recipe, seed, tolerance))
    show_reproduction(done, out)
    out.print(f"reproduction {folder / JSON}", highlight=False, soft_wrap=True)
    if not done.reproduced:
        raise typer.Exit(1)


def _steps(given: str) -> tuple[Step, ...]:
    known = [step.value for step in Step]
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"--steps {unknown[0]!r}{nearest(unknown[0], known)}: expected some of {', '.join(known)}")
    if not names:
        raise InputError(f"--steps {given!r}: names no step; expected some of {', '.join(known)}")
    return tuple(Step(name) for name in names)
