"""The words that fill the slots of our own cases (``datasets/vigie/lexicon.toml``): groups, first names, targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from serving.bundle.config import Frozen, load

from .cards import OutputKey

Gender = Literal["m", "f"]


class Noun(Frozen):
    """One noun for a group of people, with what French needs to know of it."""

    sg: str
    pl: str
    gender: Gender = Field(description="grammatical gender, of the singular and the plural alike")
    elide: bool = Field(description="le, la, de and que elide before it (false before an aspirated h)")
    #: Feminine singular when it exists; the noun itself when it is feminine.
    sg_f: str | None = None

    @property
    def feminine(self) -> str | None:
        """The feminine singular, if French has one."""
        return self.sg if self.gender == "f" else self.sg_f


class Group(Noun):
    """A protected group. Its variants are other nouns for the same people; an instance draws one of them."""

    key: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    title: str
    labels: tuple[OutputKey, ...] = Field(min_length=1)
    variants: tuple[Noun, ...] = ()

    @property
    def nouns(self) -> tuple[Noun, ...]:
        """The noun of the group itself, then its variants."""
        return (self, *self.variants)


class FirstName(Frozen):
    """A first name and the origin it is often perceived to have (to measure differences of treatment)."""

    text: str
    gender: Gender
    origin: str


class Target(Frozen):
    """A target that the law does not protect as a group: plural, masculine, without article."""

    text: str
    kind: str


class Lexicon(Frozen):
    """The whole of ``lexicon.toml``."""

    schema_version: Literal[1] = Field(alias="schema")
    groups: tuple[Group, ...] = Field(alias="group", min_length=2)
    names: tuple[FirstName, ...] = Field(alias="name", min_length=2)
    targets: tuple[Target, ...] = Field(alias="target", min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        keys = [group.key for group in self.groups]
        if repeated := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"group {repeated[0]!r} is given twice")
        if {name.gender for name in self.names} != {"m", "f"}:
            raise ValueError("names of both genders are needed")
        return self

    def group(self, key: str) -> Group | None:
        """The group called ``key``, if any."""
        return next((group for group in self.groups if group.key == key), None)

    @property
    def group_keys(self) -> tuple[str, ...]:
        """Keys of all groups, in the file's order."""
        return tuple(group.key for group in self.groups)


def load_lexicon(path: Path) -> Lexicon:
    """The lexicon at ``path`` (ConfigError naming the key, the value and what was expected)."""
    return load(Lexicon, path)
