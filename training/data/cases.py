"""Our own functional cases (``datasets/vigie/*.toml``): read, checked, and their texts parsed into templates.

A fault names the file, the case and the key or slot, never the text. Instances are written by ``instances``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from serving.bundle import FAMILIES, ConfigError, family_of, with_parents
from serving.bundle.config import Frozen, load
from serving.bundle.errors import nearest

from .cards import OutputKey
from .digests import digest_of, file_sha256
from .lexicon import Lexicon, load_lexicon
from .slots import Template, parse

LEXICON = "lexicon.toml"
#: Faults shown at once: enough to correct a file in one pass.
_SHOWN = 20


class Register(StrEnum):
    """How a case is written."""

    #: Spelling and accents of the written standard.
    STANDARD = "standard"
    #: As spoken: dropped "ne", contractions.
    ORAL = "oral"
    #: Shortened spellings of messages.
    SMS = "sms"
    #: Inverted syllables and street slang.
    VERLAN = "verlan"
    #: Words of a region of France, Belgium, Switzerland or Québec.
    REGIONAL = "regional"
    #: French as written in West, Central or North Africa.
    AFRICAIN = "africain"
    #: Emoji carry part of the meaning.
    EMOJI = "emoji"


class Role(StrEnum):
    """What the cases of a file serve for."""

    #: Learnt from; split into train and validation by case.
    TRAIN = "train"
    #: Never learnt from: the test split.
    HELD_OUT = "held_out"


class Functionality(Frozen):
    """What a set of cases tests."""

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    title: str
    harmful: bool
    note: str = ""


class Case(Frozen):
    """One template and what is true of it."""

    id: Annotated[str, Field(pattern="^[a-z0-9_-]+$")]
    functionality: str
    text: Annotated[str, Field(min_length=1)]
    labels: tuple[OutputKey, ...]
    register_: Register = Field(alias="register")
    groups: Literal["all"] | tuple[str, ...] | None = None
    contrast: str = ""
    unknown: tuple[OutputKey, ...] = ()
    ideology: str = ""
    note: str = ""


class CaseFile(Frozen):
    """The whole of one file of cases."""

    schema_version: Literal[1] = Field(alias="schema")
    family: Literal["haine", "terrorisme", "harcelement"]
    role: Role
    functionalities: tuple[Functionality, ...] = Field(alias="functionality", min_length=1)
    cases: tuple[Case, ...] = Field(alias="case", min_length=1)
    note: str = ""


@dataclass(frozen=True, slots=True)
class OwnCase:
    """A case with what its file says of it.

    Attributes:
        labels: what is true of every instance, families included; a group slot adds the group's own labels.
        groups: keys its first group is drawn from; empty without group slot.
    """

    id: str
    file: str
    family: str
    role: Role
    functionality: Functionality
    register: Register
    template: Template
    labels: frozenset[str]
    unknown: tuple[str, ...]
    groups: tuple[str, ...]
    contrast: str
    harmful: bool


@dataclass(frozen=True)
class OwnCases:
    """All cases of a folder, the lexicon they draw from, and one digest of every file."""

    cases: tuple[OwnCase, ...]
    lexicon: Lexicon
    sha256: str

    def case(self, name: str) -> OwnCase | None:
        """The case called ``name``, if any."""
        return next((case for case in self.cases if case.id == name), None)


def load_cases(folder: Path) -> OwnCases:
    """Every case of ``folder`` (``settings.datasets / "vigie"``).

    Raises:
        ConfigError: lists the faults of all files, each with its file, case and key or slot.
    """
    paths = sorted(path for path in folder.glob("*.toml") if path.name != LEXICON)
    if not paths:
        raise ConfigError(f"{folder}: no file of cases (*.toml) here; see docs/data.md")
    lexicon = load_lexicon(folder / LEXICON)
    cases: list[OwnCase] = []
    faults: list[str] = []
    for path in paths:
        _read(path, load(CaseFile, path), lexicon, cases, faults)
    faults += _across(cases)
    if faults:
        more = f"\n... and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ConfigError("\n".join(faults[:_SHOWN]) + more, code="invalid_cases")
    return OwnCases(tuple(cases), lexicon, digest_of(file_sha256(path) for path in [*paths, folder / LEXICON]))


def _read(path: Path, file: CaseFile, lexicon: Lexicon, cases: list[OwnCase], faults: list[str]) -> None:
    functionalities = {functionality.key: functionality for functionality in file.functionalities}
    for case in file.cases:
        found = list(_faults(case, functionalities, lexicon))
        faults += [f"{path.name}, case {case.id}: {fault}" for fault in found]
        if not found:
            cases.append(_own_case(path, file, functionalities[case.functionality], case, lexicon))


def _own_case(path: Path, file: CaseFile, functionality: Functionality, case: Case, lexicon: Lexicon) -> OwnCase:
    template = parse(case.text)
    groups = _drawn_groups(case, lexicon) if template.uses_group else ()
    labels = frozenset(with_parents(case.labels))
    return OwnCase(
        id=case.id,
        file=path.name,
        family=file.family,
        role=file.role,
        functionality=functionality,
        register=case.register_,
        template=template,
        labels=labels,
        unknown=case.unknown,
        groups=groups,
        contrast=case.contrast,
        harmful=bool(labels & set(FAMILIES)),
    )


def _drawn_groups(case: Case, lexicon: Lexicon) -> tuple[str, ...]:
    return lexicon.group_keys if case.groups in ("all", None) else tuple(case.groups or ())


def _faults(case: Case, functionalities: Mapping[str, Functionality], lexicon: Lexicon) -> Iterator[str]:
    if case.functionality not in functionalities:
        known = nearest(case.functionality, functionalities)
        yield f"functionality = {case.functionality!r} is not declared in this file{known}"
    try:
        template = parse(case.text)
    except ValueError as error:
        yield f"text: {error}"
        return
    yield from _group_faults(case, template, lexicon)
    yield from _label_faults(case, template)
    functionality = functionalities.get(case.functionality)
    if functionality and functionality.harmful != any(family_of(label) for label in case.labels):
        expected = "a label of one of the three families" if functionality.harmful else "no label of the three families"
        yield (
            f"labels = {list(case.labels)}: functionality {functionality.key} has harmful = {functionality.harmful}, "
            f"so {expected} was expected"
        )


def _group_faults(case: Case, template: Template, lexicon: Lexicon) -> Iterator[str]:
    if template.uses_group and case.groups is None:
        yield 'the text has a group slot: give groups = "all" or a list of group keys'
    if not template.uses_group and case.groups is not None:
        yield "groups is given, but the text has no group slot"
    keys = _drawn_groups(case, lexicon)
    for key in keys:
        if key not in lexicon.group_keys:
            yield f"groups: unknown group {key!r}{nearest(key, lexicon.group_keys)}"
    if template.needs_feminine("group") and not any(_has_feminine(lexicon, key) for key in keys):
        yield "the text needs a feminine singular, which none of its groups has"


def _has_feminine(lexicon: Lexicon, key: str) -> bool:
    group = lexicon.group(key)
    return bool(group and any(noun.feminine for noun in group.nouns))


def _label_faults(case: Case, template: Template) -> Iterator[str]:
    if clash := sorted(set(case.labels) & set(case.unknown)):
        yield f"{clash[0]!r} is both in labels and in unknown"
    if "haine" in case.labels and not template.uses_group and not any(k.startswith("haine.") for k in case.labels):
        yield "labels: haine without group slot; name its ground, such as haine.origine"
    if "contexte_protege" in case.labels and (harm := sorted(k for k in case.labels if family_of(k))):
        yield f"labels: contexte_protege together with {harm[0]}; a protected text has no label of the three families"


def _across(cases: list[OwnCase]) -> Iterator[str]:
    by_id = {case.id: case for case in cases}
    for name, times in Counter(case.id for case in cases).items():
        if times > 1:
            yield f"case {name}: this id is given {times} times ({', '.join(c.file for c in cases if c.id == name)})"
    for case in cases:
        if not case.contrast:
            continue
        other = by_id.get(case.contrast)
        if other is None:
            yield f"{case.file}, case {case.id}: contrast = {case.contrast!r} is no case{nearest(case.contrast, by_id)}"
        elif other.labels == case.labels:
            yield f"{case.file}, case {case.id}: contrast {other.id} has the same labels; a contrast must change them"
        elif other.role != case.role:
            yield (
                f"{case.file}, case {case.id}: contrast {other.id} is {other.role.value}, this one {case.role.value}: "
                "a pair must not straddle the splits"
            )
