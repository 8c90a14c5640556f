"""Turns a template and its values into one page that stands alone: no script, nothing fetched. Escapes every value."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from .figures import number

_HERE = "serving.reports"


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(_HERE)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["nombre"] = number
    return environment


def page(name: str, /, *, package: str = _HERE, **values: Any) -> str:
    """The template ``name`` of ``package`` with its values; it may extend ``base.html`` of this one."""
    return _environment(package).get_template(name).render(values)
