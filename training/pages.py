"""The French pages of reports: one skeleton, one style, one way to write figures. Knows no report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from . import wording

_WRITTEN = ("percent", "figure", "signed", "minutes", "plain", "decimal", "small", "number", "rate")


def render_page(package: str, template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """A self-contained page: ``template`` of ``package`` (its folder ``templates``), which extends ``page.html``.

    Every value is escaped; one that the template misses is an error.
    """
    environment = _environment(package, filters, autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(**values)


def render_markdown(package: str, template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """A Markdown document: ``template`` of ``package``. Nothing is escaped: values are records of ours, no texts."""
    plain = {"number": lambda value: wording.number(value).unescape()}
    environment = _environment(
        package, plain | filters, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(template).render(**values)


def _environment(package: str, filters: dict[str, Callable[..., Any]], **options: Any) -> Environment:
    loader = ChoiceLoader([PackageLoader(package), PackageLoader("training")])
    environment = Environment(loader=loader, undefined=StrictUndefined, **options)  # noqa: S701  pages ask for escaping
    environment.filters |= {name: getattr(wording, name) for name in _WRITTEN} | filters
    return environment


def write_page(page: str, path: Path) -> Path:
    """Write a page, its folder made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
