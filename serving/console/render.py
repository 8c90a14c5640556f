"""Turns templates into answers with the headers of the console. Knows nothing of cases."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from .typography import typeset_page

#: No inline script, no inline style, nothing from elsewhere, no frame around us.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("serving.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """The template ``name`` with its values; every value is escaped, and our words have the spaces of French."""
    html = _environment().get_template(name).render(values)
    return HTMLResponse(typeset_page(html), status, HEADERS)


def by_htmx(request: Request) -> bool:
    """Whether htmx asks, which wants a fragment; a plain form wants a page."""
    return request.headers.get("hx-request") == "true"
