"""Turns a template and its values into one page that stands alone: no script, nothing fetched. Escapes every value."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .figures import number


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("serving.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["nombre"] = number
    return environment


def page(name: str, /, **values: Any) -> str:
    """The template ``name`` with its values."""
    return _environment().get_template(name).render(values)
