"""A part of our own cases, by cluster: contrasts and cases that resemble each other stay together.

For what is to be learnt later (the decisions of a month) or tested on (a later month), and for learning curves. Which
part a cluster falls into depends on nothing but its first case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from serving.bundle.config import Frozen

from .cases import OwnCases
from .digests import unit_interval
from .duplicates import deduplicate
from .examples import OWN, Example, own_examples
from .splits import tie

Point = Annotated[float, Field(ge=0, le=1)]


class PartSection(Frozen):
    """``[data.part]``: the clusters whose draw, uniform in [0, 1), lies from ``low`` to ``high``."""

    low: Point
    high: Point

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must lie below high {self.high}")
        return self


def cluster_draws(own: OwnCases, near_duplicate: float) -> Mapping[str, float]:
    """The draw of each case's cluster, by case id; ``near_duplicate`` as in the recipe."""
    examples = own_examples(own, 1, seed=0)
    contrasts = {(case.id, case.contrast) for case in own.cases if case.contrast}
    tied = tie(examples, deduplicate(examples, near_duplicate).ties | contrasts)
    return {example.case_id: unit_interval(f"part:{example.group}") for example in tied}


def within(examples: list[Example], part: PartSection, draws: Mapping[str, float]) -> list[Example]:
    """Examples without our own cases of other parts; those held out stay."""
    return [e for e in examples if e.source != OWN or e.held_out or part.low <= draws[e.case_id] < part.high]
