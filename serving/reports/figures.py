"""Figures as inline SVG: they need no script, no font and no network, and print well. Pure strings, all words escaped.

Every figure carries its values as text, and every series a pattern of its own in the legend: colour never stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

_WIDTH, _LEFT, _ROW, _BAR = 720, 190, 22, 15
_COLOURS = ("#5d6a72", "#b9892f", "#1f5663", "#7fa9b2", "#973c2b", "#3c6650")


def number(value: float, digits: int = 1) -> str:
    """A number as French writes it; a dash when there is none."""
    if value != value:
        return "–"
    return f"{value:,.{digits}f}".replace(",", "\u202f").replace(".", ",")


def bars(title: str, series: Sequence[str], groups: Sequence[tuple[str, Sequence[float]]], digits: int = 1) -> Markup:
    """Horizontal bars: one group of rows a line of ``groups``, one bar a series; values are written at their ends."""
    most = max((value for _, values in groups for value in values if value == value), default=0) or 1
    parts, y = [], 10
    for label, values in groups:
        parts.append(_text(0, y + 12, label, "nom"))
        for place, value in enumerate(values):
            known = value == value
            length = (_WIDTH - _LEFT - 90) * (value / most if known else 0)
            colour = _COLOURS[place % len(_COLOURS)]
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>')
            shown = number(value, digits) if len(series) == 1 else f"{number(value, digits)}  {series[place]}"
            parts.append(_text(_LEFT + length + 6, y + 12, shown, "valeur"))
            y += _ROW
        y += 10
    return _svg(title, y, parts)


def curves(title: str, across: str, series: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> Markup:
    """Lines from (x, y), y a share from 0 to 1; x from 0 to the largest given."""
    height, top = 260, 12
    most = max((x for _, points in series for x, _ in points), default=1) or 1
    wide = _WIDTH - 60 - 130

    def place(x: float, y: float) -> str:
        return f"{50 + wide * x / most:.1f},{top + height * (1 - y):.1f}"

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        level = top + height * (1 - share)
        parts.append(f'<line class="grille" x1="50" x2="{50 + wide}" y1="{level}" y2="{level}"/>')
        parts.append(_text(2, level + 4, f"{number(100 * share, 0)} %", "valeur"))
    for quarter in range(5):
        parts.append(_text(40 + wide * quarter / 4, top + height + 18, number(most * quarter / 4, 0), "valeur"))
    parts.append(_text(50, top + height + 36, across, "nom"))
    for number_, (name, points) in enumerate(series):
        colour = _COLOURS[number_ % len(_COLOURS)]
        dash = ("", "6 3", "", "2 3", "8 3 2 3", "")[number_ % 6]
        drawn = " ".join(place(x, y) for x, y in points)
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"/>'
        )
        y = top + 10 + 22 * number_
        x = 60 + wide
        drawn_as = f'stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"'
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" {drawn_as}/>')
        parts.append(_text(x + 28, y + 4, name, "valeur"))
    return _svg(title, top + height + 44, parts)


def _svg(title: str, height: float, parts: Sequence[str]) -> Markup:
    inside = "".join(parts)
    return Markup(  # noqa: S704 (numbers of ours and words escaped by _text)
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'
