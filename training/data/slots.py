"""French morphology of the slots of our own cases: articles, contractions, elision, agreement.

``parse`` turns a template into pieces once; ``fill`` writes one instance from the words drawn. Draws nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from serving.bundle.errors import nearest

from .lexicon import FirstName, Noun

Form = Callable[[Noun], str]


def _before(noun: Noun, elided: str, masculine: str, feminine: str) -> str:
    """The singular with the article that fits it; ``elided`` already ends with an apostrophe."""
    if noun.elide:
        return elided + noun.sg
    return f"{feminine if noun.gender == 'f' else masculine} {noun.sg}"


def _this(noun: Noun) -> str:
    if noun.gender == "f":
        return f"cette {noun.sg}"
    return f"{'cet' if noun.elide else 'ce'} {noun.sg}"


#: Slots about a group: what each writes for a noun.
GROUP_FORMS: dict[str, Form] = {
    "les": lambda noun: f"les {noun.pl}",
    "des": lambda noun: f"des {noun.pl}",
    "aux": lambda noun: f"aux {noun.pl}",
    "ces": lambda noun: f"ces {noun.pl}",
    "pl": lambda noun: noun.pl,
    "d_pl": lambda noun: f"d'{noun.pl}" if noun.elide else f"de {noun.pl}",
    "sg": lambda noun: noun.sg,
    "sg_f": lambda noun: noun.feminine or "",
    "une": lambda noun: f"une {noun.feminine}",
    "un": lambda noun: f"{'une' if noun.gender == 'f' else 'un'} {noun.sg}",
    "le": lambda noun: _before(noun, "l'", "le", "la"),
    "du": lambda noun: _before(noun, "de l'", "du", "de la"),
    "au": lambda noun: _before(noun, "à l'", "au", "à la"),
    "ce": _this,
}

#: Forms that exist only where the noun has a feminine singular.
FEMININE_FORMS = frozenset({"sg_f", "une"})

#: Slots about a target that is not protected: always plural and masculine.
TARGET_FORMS: dict[str, Callable[[str], str]] = {
    "cible": str,
    "les_cible": lambda target: f"les {target}",
    "des_cible": lambda target: f"des {target}",
    "aux_cible": lambda target: f"aux {target}",
    "ces_cible": lambda target: f"ces {target}",
}

NAME_SLOTS = ("prenom", "prenom_f", "prenom_m")


@dataclass(frozen=True, slots=True)
class Words:
    """What one instance draws: nouns of the first and second group, names in the order of their slots, a target."""

    first: Noun | None = None
    second: Noun | None = None
    names: tuple[FirstName, ...] = ()
    target: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One ``{...}`` of a template.

    Attributes:
        kind: ``group``, ``group2``, ``target``, ``name``, or an agreement with one of them (``agree``, ``agree2``,
            ``agree_name``).
        form: the form's name, or the masculine spelling of an agreement.
        other: the feminine spelling of an agreement.
    """

    kind: str
    form: str
    other: str = ""
    capital: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal strings and slots, in order."""

    pieces: tuple[str | Slot, ...]

    def slots(self, *kinds: str) -> list[Slot]:
        """The slots of these kinds, in order."""
        return [piece for piece in self.pieces if isinstance(piece, Slot) and piece.kind in kinds]

    @property
    def uses_group(self) -> bool:
        """A first group is needed."""
        return bool(self.slots("group", "agree"))

    @property
    def uses_second(self) -> bool:
        """A second group is needed."""
        return bool(self.slots("group2", "agree2"))

    def needs_feminine(self, kind: str) -> bool:
        """Some slot of ``kind`` exists only in the feminine singular."""
        return any(slot.form in FEMININE_FORMS for slot in self.slots(kind))


@cache
def parse(text: str) -> Template:
    """The template of ``text``.

    Raises:
        ValueError: names the slot that is unknown or misplaced (never the text).
    """
    pieces: list[str | Slot] = []
    for piece in re.split(r"(\{[^{}]*\})", text):
        if piece.startswith("{"):
            pieces.append(_slot(piece[1:-1]))
        elif "{" in piece or "}" in piece:
            raise ValueError("a brace is not closed or not opened; slots are written {slot}")
        elif piece:
            pieces.append(piece)
    template = Template(tuple(pieces))
    _check_agreements(template)
    return template


def _slot(inside: str) -> Slot:
    if "|" in inside:
        return _agreement(inside)
    capital, name = inside[:1].isupper(), inside[:1].lower() + inside[1:]
    if name in NAME_SLOTS:
        return Slot("name", name)
    if name in TARGET_FORMS:
        return Slot("target", name, capital=capital)
    bare, second = (name[:-1], True) if name.endswith("2") else (name, False)
    if bare in GROUP_FORMS:
        return Slot("group2" if second else "group", bare, capital=capital)
    known = [*GROUP_FORMS, *TARGET_FORMS, *NAME_SLOTS]
    raise ValueError(f"unknown slot {{{inside}}}{nearest(name, known)}; known slots: {', '.join(known)}")


def _agreement(inside: str) -> Slot:
    who, mark, spellings = inside.partition(":")
    kind = {"2": "agree2", "m": "agree_name"}.get(who, "agree") if mark else "agree"
    parts = (spellings if kind != "agree" else inside).split("|")
    if len(parts) != 2:
        raise ValueError(f"slot {{{inside}}} has {len(parts)} spellings; expected {{masculine|feminine}}")
    return Slot(kind, parts[0], parts[1])


def _check_agreements(template: Template) -> None:
    if template.slots("agree2") and not template.slots("group2"):
        raise ValueError("{2:...|...} agrees with a second group, but no slot writes one (such as {les2})")
    kinds = [piece.kind for piece in template.pieces if isinstance(piece, Slot)]
    if "agree_name" in kinds and "name" not in kinds[: kinds.index("agree_name")]:
        raise ValueError("{m:...|...} agrees with the last name drawn, but no {prenom} stands before it")


def fill(template: Template, words: Words) -> str:
    """The instance of ``template`` with ``words``: correct French for any noun."""
    names = iter(words.names)
    last: FirstName | None = None
    written = []
    for piece in template.pieces:
        if isinstance(piece, Slot) and piece.kind == "name":
            last = next(names)
        written.append(piece if isinstance(piece, str) else _write(piece, words, last))
    return "".join(written)


def _write(slot: Slot, words: Words, name: FirstName | None) -> str:
    if slot.kind == "name":
        return name.text if name else ""
    if slot.kind == "target":
        return _capital(TARGET_FORMS[slot.form](words.target), slot)
    noun = words.second if slot.kind in ("group2", "agree2") else words.first
    if slot.kind in ("group", "group2"):
        return _capital(GROUP_FORMS[slot.form](noun), slot) if noun else ""
    agreeing = name if slot.kind == "agree_name" else noun
    return slot.other if agreeing and agreeing.gender == "f" else slot.form


def _capital(text: str, slot: Slot) -> str:
    return text[:1].upper() + text[1:] if slot.capital else text
