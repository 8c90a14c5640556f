"""How other services' categories read our labels, as data: ``configs/facades.toml``. Knows nothing of HTTP.

The one rule scores -> category is here, used by the doors of serving and by the translation of thresholds in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from .bundle.config import Frozen, load
from .bundle.operating import LEVELS
from .bundle.taxonomy import OUTPUT_KEYS

#: The categories that OpenAI's SDKs read; each must be spoken of in the file.
OPENAI_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)

Reason = Annotated[str, Field(min_length=10)]
Scores = Mapping[str, float | None]


class Reading(Frozen):
    """One category or attribute, and the labels of ours that it is read from.

    Attributes:
        labels: none when we have nothing for it: it is announced as not scored.
        combine: ``any``: the surest label; ``all``: the least sure.
        part: our labels cover only a part of what the name means there; announced.
        reason: why this reading, in a sentence.
    """

    labels: tuple[str, ...]
    combine: Literal["any", "all"] = "any"
    part: bool = False
    reason: Reason

    @field_validator("labels")
    @classmethod
    def _known(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [label for label in labels if label not in OUTPUT_KEYS]:
            raise ValueError(f"unknown label {unknown[0]!r}; expected keys among {', '.join(OUTPUT_KEYS)}")
        return labels

    def scored(self, trained: frozenset[str]) -> bool:
        """Whether a bundle with these labels answers it; ``all`` needs every label, ``any`` one."""
        found = [label in trained for label in self.labels]
        return bool(found) and (all(found) if self.combine == "all" else any(found))

    def partial(self, trained: frozenset[str]) -> bool:
        """Whether what is answered covers less than the name says."""
        return self.scored(trained) and (self.part or not trained.issuperset(self.labels))

    def score(self, scores: Scores) -> float | None:
        """The score of the category; None when it cannot be read from ``scores``."""
        given = [score for label in self.labels if (score := scores.get(label)) is not None]
        if not given or (self.combine == "all" and len(given) < len(self.labels)):
            return None
        return max(given) if self.combine == "any" else min(given)


class Category(Reading):
    """A category of the OpenAI façade."""

    name: Annotated[str, Field(pattern=r"^[a-z-]+(/[a-z-]+)?$")]


class OpenAI(Frozen):
    """Everything about ``POST /v1/moderations``."""

    #: A category is true from this level of its labels on.
    level: str
    categories: Annotated[tuple[Category, ...], Field(alias="category")]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.level not in LEVELS[:-1]:
            raise ValueError(f"level {self.level!r} must be one of {', '.join(LEVELS[:-1])}")
        names = [category.name for category in self.categories]
        _once("category", names)
        if missing := [name for name in OPENAI_CATEGORIES if name not in names]:
            raise ValueError(f"category {missing[0]!r} is missing: its clients read it; give it no labels if need be")
        return self


class Attribute(Reading):
    """An attribute of the Perspective façade."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    #: Other names under which the same attribute is asked for.
    aliases: tuple[str, ...] = ()


class SuggestionWeights(Frozen):
    """What a suggested score weighs by the class of its key, against 1 for a decision of an analyst."""

    platform: Annotated[float, Field(gt=0, le=1)]
    authority: Annotated[float, Field(gt=0, le=1)]
    trusted_flagger: Annotated[float, Field(gt=0, le=1)]

    def of(self, kind: str) -> float:
        """The weight of a key of this ``kind``."""
        return float(getattr(self, kind))


class Perspective(Frozen):
    """Everything about ``POST /v1alpha1/comments:analyze`` and ``comments:suggestscore``."""

    #: Longest comment, in bytes of UTF-8.
    comment_bytes: Annotated[int, Field(ge=1)]
    #: Spans of one comment when they are asked for; further sentences are joined.
    spans: Annotated[int, Field(ge=1)]
    #: Languages that a client may name, as primary subtags (BCP 47).
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    suggestions: SuggestionWeights
    attributes: Annotated[tuple[Attribute, ...], Field(alias="attribute", min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _once("attribute", [name for attribute in self.attributes for name in (attribute.name, *attribute.aliases)])
        return self

    def attribute(self, name: str) -> Attribute | None:
        """The attribute asked for as ``name``, which may end in ``@version``; None when there is no such name."""
        plain = name.partition("@")[0]
        return next((found for found in self.attributes if plain in (found.name, *found.aliases)), None)


class Facades(Frozen):
    """The whole of ``configs/facades.toml``."""

    openai: OpenAI
    perspective: Perspective


def load_facades(path: Path) -> Facades:
    """Read and check ``facades.toml``.

    Raises:
        ConfigError: names the key and what was expected.
    """
    return load(Facades, path)


def _once(what: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} given twice: {', '.join(repeated)}")
