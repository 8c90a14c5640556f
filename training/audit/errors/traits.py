"""What a person can see of a text without reading it: length, signs, who speaks to whom, what it names. Knows no model.

A trait is a number of each row with a name in French; a tree over such traits can be said in words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from serving.bundle import words
from training.audit.rows import MENTION, AuditRows
from training.evaluation.metrics import Array

_SECOND = re.compile(r"\b(?:tu|te|toi|ton|ta|tes|vous|votre|vos)\b|\bt['’]", re.IGNORECASE)
_FIRST = re.compile(r"\b(?:je|moi|mon|ma|mes)\b|\b[jm]['’]", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:pas|jamais|rien|aucune?|personne|ni)\b", re.IGNORECASE)
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.IGNORECASE)
_MASKS = re.compile(r"@user|<url>|<mail>")


@dataclass(frozen=True)
class Trait:
    """One trait of n rows.

    Attributes:
        name: in French; of a yes-or-no trait, what a row that has it is ("avec un emoji").
        otherwise: what a row without it is; empty for a trait that is counted.
        values: (n,).
    """

    name: str
    otherwise: str
    values: Array

    def said(self, low: float, high: float) -> str:
        """The condition ``low < value <= high`` in words; an infinite side is left out."""
        if self.otherwise:
            return self.name if low > 0 else self.otherwise
        ends = (("plus de", low), ("au plus", high))
        return f"{self.name} : {' et '.join(f'{words} {_plain(end)}' for words, end in ends if np.isfinite(end))}"


def traits(rows: AuditRows, least: int) -> list[Trait]:
    """Every trait that ``least`` rows have and as many lack; counts always; groups of every column beside."""
    found = [Trait(name, "", _each(rows, read)) for name, read in _COUNTS.items()]
    signs = [Trait(name, other, _each(rows, read)) for name, (other, read) in _SIGNS.items()]
    return found + [t for t in (*signs, *_groups(rows)) if least <= t.values.sum() <= len(rows) - least]


def _groups(rows: AuditRows) -> Iterator[Trait]:
    named = np.array([bool(cell) for cell in rows.groups[MENTION]], dtype=float)
    yield Trait("nomme un groupe", "ne nomme aucun groupe", named)
    for column in rows.groups:
        for group, inside in rows.members(column).items():
            title = f"{rows.title(column).lower()} « {rows.title(column, group)} »"
            yield Trait(title, f"hors {title}", inside.astype(float))


def _each(rows: AuditRows, read: Callable[[str], float]) -> Array:
    return np.array([float(read(text)) for text in rows.texts])


def _plain(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",")


def _capitals(text: str) -> float:
    """Percent of capitals among the letters, masks aside."""
    letters = [sign for sign in _MASKS.sub("", text) if sign.isalpha()]
    return 100 * sum(sign.isupper() for sign in letters) / max(1, len(letters))


def _emoji(text: str) -> bool:
    return any(unicodedata.category(sign) == "So" for sign in text)


_COUNTS: dict[str, Callable[[str], float]] = {
    "nombre de mots": words,
    "part de majuscules, %": _capitals,
}
_SIGNS: dict[str, tuple[str, Callable[[str], float]]] = {
    "avec un emoji": ("sans emoji", _emoji),
    "avec un point d'exclamation": ("sans point d'exclamation", lambda text: "!" in text),
    "avec un point d'interrogation": ("sans point d'interrogation", lambda text: "?" in text),
    "avec des guillemets": ("sans guillemets", lambda text: any(sign in text for sign in '«“"')),
    "avec un nom ou un lien masqué": ("sans nom ni lien masqué", lambda text: bool(_MASKS.search(text))),
    "avec un mot-dièse": ("sans mot-dièse", lambda text: "#" in text),
    "avec un chiffre": ("sans chiffre", lambda text: any(sign.isdigit() for sign in text)),
    "avec une lettre répétée": ("sans lettre répétée", lambda text: bool(_REPEATED.search(text))),
    "s'adresse à quelqu'un (tu, vous)": ("sans tu ni vous", lambda text: bool(_SECOND.search(text))),
    "à la première personne": ("sans première personne", lambda text: bool(_FIRST.search(text))),
    "avec une négation": ("sans négation", lambda text: bool(_NEGATION.search(text))),
}
