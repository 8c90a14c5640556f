"""Cards: what Vigie states about each source it may learn from or be judged on (``datasets/*.toml``).

A card is data people review: where the files are, under which licence, and what each annotation means for our outputs.
It reads no text and fetches nothing.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from serving.bundle import OUTPUT_KEYS, ConfigError, DatasetRecord, InputError
from serving.bundle.config import Frozen, load
from serving.bundle.errors import nearest

from .digests import digest_of


class LicenceClass(StrEnum):
    """What a licence allows a model trained on the source to be used for."""

    #: Anyone may use the texts and what is trained on them, commercially too.
    OPEN = "open"
    #: Research only: a bundle trained on it is marked non-commercial.
    RESEARCH = "research"
    #: No licence stated: never on by default.
    UNLICENSED = "unlicensed"
    #: Published to judge models, not to train them.
    EVALUATION = "evaluation"


class Use(StrEnum):
    """What a source serves for."""

    #: A recipe may name it under ``[data] sources``.
    TRAINING = "training"
    #: Only evaluation suites read it; ``prepare`` refuses it.
    EVALUATION = "evaluation"


def _known_output(key: str) -> str:
    if key not in OUTPUT_KEYS:
        raise ValueError(f"unknown label {key!r}{nearest(key, OUTPUT_KEYS)}; expected one of the output keys")
    return key


OutputKey = Annotated[str, AfterValidator(_known_output)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class SourceFile(Frozen):
    """One file of a source, pinned byte for byte."""

    path: str = Field(description="path inside the repository")
    url: Annotated[str, Field(pattern="^https://")]
    bytes: Annotated[int, Field(gt=0)]
    sha256: Sha256


class SourceField(Frozen):
    """One column of the source's files that its reader reads."""

    #: As in the header; the number from 0 in a file without one.
    name: str
    meaning: str


class Annotation(Frozen):
    """What one value that the reader emits says about our outputs; what it does not name stays unknown."""

    value: str
    meaning: str
    positive: tuple[OutputKey, ...] = ()
    negative: tuple[OutputKey, ...] = ()
    #: Held to be false without having been annotated: counted with the card's low weight.
    presumed_negative: tuple[OutputKey, ...] = ()
    #: Factor on the row's weight, for values known to be noisy.
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        named = [*self.positive, *self.negative, *self.presumed_negative]
        if repeated := sorted({key for key in named if named.count(key) > 1}):
            raise ValueError(f"annotation {self.value!r} names {repeated[0]!r} twice")
        return self


class PresumedNegative(Frozen):
    """Labels that the source's texts almost never carry, so that no label learns from our own cases alone."""

    weight: Annotated[float, Field(gt=0, lt=1)]
    labels: tuple[OutputKey, ...] = ()


class Split(Frozen):
    """How the source is split, once for all recipes."""

    seed: int
    test_share: Annotated[float, Field(ge=0.2, lt=1)]
    #: In words: which rows must stay together.
    group: str


class Card(Frozen):
    """The whole of ``datasets/<name>.toml``."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    title: str
    #: What there is, in numbers, in a French sentence.
    content: str
    use: Use
    language: str
    repository: Annotated[str, Field(pattern="^[^/]+/[^/]+$")]
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    licence: str
    licence_class: LicenceClass
    citation: str
    traps: tuple[str, ...] = Field(min_length=1)
    reader: str
    #: Weight of a row before the annotations' factors and the recipe's weight of the source.
    row_weight: Annotated[float, Field(gt=0, le=1)]
    split: Split | None = None
    presumed_negative: PresumedNegative | None = None
    annotations: tuple[Annotation, ...] = Field(alias="annotation", default=())
    fields: tuple[SourceField, ...] = Field(alias="field", min_length=1)
    files: tuple[SourceFile, ...] = Field(alias="file", min_length=1)

    @model_validator(mode="after")
    def _complete_for_training(self) -> Self:
        values = [annotation.value for annotation in self.annotations]
        if len(set(values)) != len(values):
            raise ValueError("two annotations have the same value")
        if self.use is Use.TRAINING and not (self.split and self.annotations):
            raise ValueError("a training source needs [split] and at least one [[annotation]]")
        if any(a.presumed_negative for a in self.annotations) and self.presumed_negative is None:
            raise ValueError("annotations name presumed negatives: give their weight in [presumed_negative]")
        return self

    @property
    def sha256(self) -> str:
        """One digest for all files: equal only when every file is."""
        return digest_of(file.sha256 for file in self.files)

    def annotation(self, value: str) -> Annotation:
        """The annotation for ``value`` (ConfigError when the card lacks it)."""
        for annotation in self.annotations:
            if annotation.value == value:
                return annotation
        raise ConfigError(f"card {self.name}: the reader emits {value!r}, which no [[annotation]] explains")

    def record(self, rows: int) -> DatasetRecord:
        """What a bundle trained on ``rows`` rows of this source remembers of it."""
        return DatasetRecord(
            name=self.name, sha256=self.sha256, licence=self.licence, licence_class=self.licence_class, rows=rows
        )


def load_card(path: Path) -> Card:
    """The card at ``path``.

    Raises:
        ConfigError: names the file, the key, the value and what was expected.
    """
    card = load(Card, path)
    if card.name != path.stem:
        raise ConfigError(f"{path}: name = {card.name!r}: expected {path.stem!r}, the name of the file")
    return card


def load_cards(folder: Path) -> dict[str, Card]:
    """Every card of ``folder`` (``settings.datasets``) by name.

    Raises:
        ConfigError: the folder holds no card, or one is wrong.
    """
    cards = {path.stem: load_card(path) for path in sorted(folder.glob("*.toml"))}
    if not cards:
        raise ConfigError(f"{folder}: no data card (*.toml) here; set VIGIE_DATASETS to the folder that holds them")
    return cards


def pick(cards: dict[str, Card], name: str) -> Card:
    """The card called ``name`` (InputError naming the nearest when there is none)."""
    if name not in cards:
        raise InputError(
            f"unknown source {name!r}{nearest(name, cards)}; known sources: {', '.join(cards)}", code="unknown_source"
        )
    return cards[name]


def check_allowed(card: Card, licence_classes: tuple[str, ...]) -> None:
    """Refuse a source that a recipe may not train on.

    Raises:
        ConfigError: for evaluation only (code ``evaluation_only``) or of a licence class that the recipe does not
            allow (code ``licence_class``).
    """
    if card.use is Use.EVALUATION:
        raise ConfigError(
            f"source {card.name!r} is for evaluation only: take it out of [data] sources", code="evaluation_only"
        )
    if card.licence_class not in licence_classes:
        raise ConfigError(
            f"source {card.name!r} has licence class {card.licence_class.value!r} ({card.licence}); the recipe allows "
            f"licence_classes = {list(licence_classes)}: add the class if you may use it, or take the source out",
            code="licence_class",
        )
