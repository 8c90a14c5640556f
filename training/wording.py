"""How figures are written in French, in a terminal and on a page. Computes nothing."""

from __future__ import annotations

from markupsafe import Markup

from serving.bundle import Interval


def percent(found: Interval | None) -> str:
    """``82 % [78–86]``, or a dash."""
    if found is None:
        return "–"
    value, low, high = (round(100 * number) for number in (found.value, found.low, found.high))  # whole: no "-0"
    return f"{value} % [{low}–{high}]"


def figure(found: Interval | None) -> str:
    """``0,82 [0,78–0,86]``, or a dash."""
    if found is None:
        return "–"
    dash = "–" if found.low >= 0 else " ; "
    return f"{found.value:.2f} [{found.low:.2f}{dash}{found.high:.2f}]".replace(".", ",").replace("-", "−")


def signed(difference: Interval | None) -> str:
    """``+0,04 [+0,01 ; +0,07]``, or a dash."""
    if difference is None:
        return "–"
    low, value, high = (f"{number:+.2f}" for number in (difference.low, difference.value, difference.high))
    return f"{value} [{low} ; {high}]".replace(".", ",").replace("-", "−")


def minutes(found: Interval | None, difference: bool = False) -> str:
    """``42 min [30–55]``, ``+12 min [+3 ; +20]`` for a difference, or a dash."""
    if found is None:
        return "–"
    sign, dash = ("+", " ; ") if difference else ("", "–")
    value, low, high = (f"{number:{sign}.0f}" for number in (found.value, found.low, found.high))
    return f"{value} min [{low}{dash}{high}]".replace("-", "−")


def plain(found: Interval | None) -> str:
    """The value alone, ``0,82``, or a dash."""
    return "–" if found is None else decimal(found.value)


def decimal(value: float | None, digits: int = 2) -> str:
    """``0,82``, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}".replace(".", ",").replace("-", "−")


def small(value: float | None) -> str:
    """A p-value, ``0,0031`` or ``2,1e−05``, or a dash."""
    return "–" if value is None else f"{value:.2g}".replace(".", ",").replace("-", "−")


def number(value: float) -> Markup:
    """A count with thin spaces between thousands."""
    return Markup(f"{value:,.0f}".replace(",", "&#8239;"))  # noqa: S704 digits only


def rate(value: float) -> str:
    """A share as ``12,5 %``."""
    return f"{100 * value:.1f} %".replace(".", ",")
