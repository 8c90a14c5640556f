"""A notebook, run, as one French page to read: its prose, tables and figures, without its code. Leaves the file alone.

python -m training.notebooks.page notebooks/*.ipynb --out var/notebooks
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import nbformat
import typer
from markdown_it import MarkdownIt
from markupsafe import Markup
from nbclient import NotebookClient

from training.pages import render_page, write_page

_LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook at ``path`` with its outputs, run in its folder; an error of a cell stops it."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()


def as_page(notebook: nbformat.NotebookNode, source: Path, out: Path) -> str:
    """The page of a notebook that was run; links of ``source`` hold from the folder ``out``."""
    heading = next(cell.source for cell in notebook.cells if cell.cell_type == "markdown").splitlines()[0]
    parts = [part for cell in notebook.cells for part in _parts(cell, source, out)]
    return render_page("training.notebooks", "article.html", {}, title=heading.lstrip("# "), parts=parts)


def _parts(cell: nbformat.NotebookNode, source: Path, out: Path) -> Iterator[Markup]:
    if cell.cell_type == "markdown":
        yield _html(_LINK.sub(lambda link: f"]({_moved(link[1], source, out)})", cell.source))
    for output in cell.get("outputs", ()):
        if shown := _shown(output.get("data", {})):
            yield shown


def _moved(link: str, source: Path, out: Path) -> str:
    """A link between notebooks leads to the page beside; another, to the same file as before."""
    if link.endswith(".ipynb"):
        return link.removesuffix(".ipynb") + ".html"
    return Path(os.path.relpath(source.parent / link, out)).as_posix()


def _shown(data: dict[str, Any]) -> Markup | None:
    if drawing := data.get("image/svg+xml"):
        encoded = base64.b64encode(drawing.encode()).decode()
        return Markup('<img src="data:image/svg+xml;base64,{}" alt="">').format(encoded)
    if written := data.get("text/markdown"):
        return Markup('<div class="wrap">{}</div>').format(_html(written))
    return Markup(data["text/html"]) if "text/html" in data else None  # noqa: S704 made by our own notebooks


def _html(markdown: str) -> Markup:
    return Markup(MarkdownIt("commonmark").enable("table").render(markdown))  # noqa: S704 text of our own notebooks


def main(paths: list[Path], out: Annotated[Path, typer.Option(help="Folder of the pages.")]) -> None:
    """Run notebooks and write a page of each."""
    for path in paths:
        print(write_page(as_page(run(path), path.resolve(), out.resolve()), out / f"{path.stem}.html"))


if __name__ == "__main__":
    typer.run(main)
