"""What the verbs share of a terminal: two consoles, progress, files, options. Knows nothing of queues or models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from serving.bundle import InputError

out = Console()
err = Console(stderr=True)

#: Columns beyond which even a table folds.
_WIDEST = 1_000

SourceFile = Annotated[str, typer.Argument(metavar="FILE|-", help="CSV, JSONL, Parquet or lines; - is standard input.")]
TextColumn_ = Annotated[str, typer.Option("--text-column", help="Column or key that holds the text.")]
IdColumn = Annotated[str | None, typer.Option("--id-column", help="Column or key of the row's id (default: number).")]
Format = Annotated[str | None, typer.Option("--format", help="csv, jsonl, parquet or lines (default: by extension).")]


def say(line: str) -> None:
    """Print a line as it is: no markup, no colour, no folding."""
    out.print(line, highlight=False, markup=False, soft_wrap=True)


def show(table: Table) -> None:
    """Print a table as wide as it is, however narrow the terminal: ids are there to be copied."""
    width = out.measure(table, options=out.options.update(max_width=_WIDEST)).maximum
    Console(width=max(out.width, width)).print(table)


@contextmanager
def sink(output: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that takes its name only once it is whole."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        file = part.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror}; expected a writable place") from None
    with file:
        yield file
    part.replace(output)


@contextmanager
def progress(total: int | None) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, when somebody watches."""
    columns = (SpinnerColumn(), TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task("rows", total=total)
        yield lambda: bar.advance(task)


def day(moment: datetime | None) -> str:
    """A date in ISO 8601; nothing for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d}"
