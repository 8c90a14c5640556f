"""Rows for a notebook to read, and how it shows tables and figures. Measures nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from IPython.display import HTML, Markdown
from matplotlib_inline.backend_inline import set_matplotlib_formats

from serving.settings import Settings
from training.evaluation.figures import STYLE
from training.recipe import Recipe

if TYPE_CHECKING:
    from training.data.prepare import Prepared

_ROOT = Path(__file__).resolve().parents[2]


def opened() -> Settings:
    """The settings of the environment; figures are drawn from now on as in our reports, as SVG.

    What is kept between two runs goes where ``make`` puts it, whatever the folder the notebook runs in.
    """
    mpl.rcParams.update(STYLE)
    set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    return Settings.from_env({"VIGIE_STATE": str(_ROOT / "var"), **os.environ})


def rows(recipe: Recipe, settings: Settings, *, public: bool, instances: int) -> Prepared:
    """The rows of ``recipe``, or those of our own cases alone, which need neither network nor mirror.

    Args:
        recipe: says how rows are cleaned, split and weighed.
        settings: where sources, cases and caches lie.
        public: read the recipe's public sources too; its ordinary French only where ``settings.corpus`` is set.
        instances: most sentences written for one template.

    Raises:
        Unavailable: a public file is neither mirrored nor reachable.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm asks for widgets; no bar is shown
        from training.data.prepare import prepare

    left_out: dict[str, object] = {"instances_per_case": instances}
    if not settings.corpus or not public:
        kept = {name: weight for name, weight in recipe.data.weights.items() if name != "corpus"}
        left_out |= {"ordinary": None, "mentions": None, "names": None, "weights": kept}
    if not public:
        left_out |= {"sources": (), "second_reading": None, "weights": {}}
    data = recipe.data.model_copy(update=left_out)
    return prepare(data, settings, licence_classes=recipe.licence_classes, seed=recipe.seed)


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> Markdown:
    """A table; every column but the first is aligned on the right."""
    marks = [":---", *["---:"] * (len(head) - 1)]
    written = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (head, marks, *lines))
    return Markdown(written)  # type: ignore[no-untyped-call]


def picture(uri: str, words: str) -> HTML:
    """A figure of our reports (``training.evaluation.figures.data_uri``), and what it shows for who cannot see it."""
    image = f'<img src="{uri}" alt="{words}" style="max-width: 100%">'
    return HTML(image)  # type: ignore[no-untyped-call]
