"""The French pages of reports: one skeleton, one style, one way to write figures. Knows no report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from . import wording

_WRITTEN = ("percent", "figure", "signed", "plain", "decimal", "small", "number", "rate")


def render_page(package: str, template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """A self-contained page: ``template`` of ``package`` (its folder ``templates``), which extends ``page.html``.

    Every value is escaped; one that the template misses is an error.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("training")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {name: getattr(wording, name) for name in _WRITTEN} | filters
    return environment.get_template(template).render(**values)


def write_page(page: str, path: Path) -> Path:
    """Write a page, its folder made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
