"""The ``[data]`` section of a recipe: which sources, how alike is too alike, how much each source weighs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from serving.bundle.config import Frozen

from .cards import OutputKey
from .examples import OWN
from .feedback import FEEDBACK, FeedbackSection
from .mentions import MentionsSection
from .ordinary import CORPUS, OrdinarySection
from .parts import PartSection
from .second_reading import SecondReadingSection

OWN_CLASS = "own"


class CleaningSection(Frozen):
    """``[data.cleaning]``: whose annotations are doubted, and how many of them at most (training/data/cleaning.py)."""

    #: Cards; the other sources, our own cases first, are taken at their word and judge these.
    sources: tuple[str, ...] = Field(min_length=1)
    #: Outputs whose annotations are checked; a family that is doubted takes its sub-labels with it.
    labels: tuple[OutputKey, ...] = Field(min_length=1)
    #: ``confident``: by the thresholds of confident learning, the surest errors first, up to ``most``.
    #: ``ranked``: the share ``most`` that the model believes least, whatever it believes.
    method: Literal["confident", "ranked"]
    #: Parts of the training rows, whole groups each; a model learns from the others.
    folds: Annotated[int, Field(ge=2, le=20)]
    #: Of the positives of a label, and of its negatives, the largest share that is doubted.
    most: Annotated[float, Field(gt=0, lt=0.5)]


class DataRecipe(Frozen):
    """What is prepared. Complete: only ``weights`` and the sections may be left out."""

    #: Names of cards; their licence classes must be among the recipe's.
    sources: tuple[str, ...]
    #: Add the instances of our own cases (``datasets/vigie``).
    own_cases: bool
    #: Most instances written for one template; they share its weight of one.
    instances_per_case: Annotated[int, Field(ge=1, le=200)]
    #: Share of what is not test.
    validation_share: Annotated[float, Field(gt=0, lt=0.5)]
    #: Jaccard similarity of character shingles from which two texts are copies of each other (docs/data.md).
    near_duplicate: Annotated[float, Field(ge=0.5, lt=1)]
    #: Exponent on each source's share of the total weight: 1 keeps the shares, 0 makes sources equal.
    temperature: Annotated[float, Field(ge=0, le=1)]
    #: Excerpts of the pretraining corpus taken for harmless; none when left out.
    ordinary: OrdinarySection | None = None
    #: Sentences of the corpus that name a group, taken for harmless; none when left out.
    mentions: MentionsSection | None = None
    #: Sentences of the corpus that hold a first name, taken for harmless; none when left out.
    names: MentionsSection | None = None
    #: Our own second reading of public rows; none when left out.
    second_reading: SecondReadingSection | None = None
    #: Annotations of noisy sources that are doubted; none when left out.
    cleaning: CleaningSection | None = None
    #: Decisions of a review queue; none when left out.
    feedback: FeedbackSection | None = None
    #: The part of our own cases that is learnt from; all when left out.
    part: PartSection | None = None
    #: Factor on the rows of a source (or of "vigie", our own cases); 1 where none is given.
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)

    @property
    def registers(self) -> tuple[str, ...]:
        """Registers of the pretraining corpus that are read, by name."""
        wanted = {
            *(self.ordinary.excerpts if self.ordinary else ()),
            *(self.mentions.sentences if self.mentions else ()),
            *(self.names.sentences if self.names else ()),
        }
        return tuple(sorted(wanted))

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> Self:
        if not self.sources and not self.own_cases:
            raise ValueError("no source and no own cases: nothing to learn from")
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("sources names a card twice")
        known = {
            *self.sources,
            *([OWN] if self.own_cases else []),
            *([CORPUS] if self.registers else []),
            *([FEEDBACK] if self.feedback else []),
        }
        if unknown := sorted(set(self.weights) - known):
            raise ValueError(f"weights.{unknown[0]}: no such source here; expected some of {', '.join(sorted(known))}")
        for what in ("mentions", "names"):
            if getattr(self, what) and not self.own_cases:
                raise ValueError(
                    f"{what} takes words from the lexicon of our own cases: set own_cases, or leave it out"
                )
        for section in ("second_reading", "cleaning"):
            named = getattr(self, section).sources if getattr(self, section) else ()
            if unknown := sorted(set(named) - set(self.sources)):
                raise ValueError(f"{section} names {unknown[0]!r}; expected some of {', '.join(self.sources)}")
        return self
