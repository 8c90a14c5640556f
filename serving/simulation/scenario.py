"""The simulated world as data (``configs/simulation.toml``): complete, and refused when a key is missing or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from serving.bundle.config import Frozen, load
from serving.bundle.errors import ConfigError, nearest
from serving.bundle.taxonomy import FAMILIES
from serving.policy import Policy

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Hour = Annotated[float, Field(ge=0, le=48)]


class Chance(Frozen):
    """A probability that depends on what the text is."""

    illegal: Share
    harmless: Share

    def of(self, illegal: bool) -> float:
        """The probability for a text that is ``illegal`` or not."""
        return self.illegal if illegal else self.harmless


class Arrivals(Frozen):
    """What is notified, when, and by whom."""

    days: Annotated[int, Field(ge=1, le=60)]
    per_day: Annotated[int, Field(ge=1, le=100_000)]
    hours: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=24, max_length=24)]
    authority: Chance
    trusted_flagger: Chance
    vital: Chance
    shares: dict[str, Share]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.shares) != set(FAMILIES) or sum(self.shares.values()) > 1:
            raise ValueError(f"shares: expected one for each of {', '.join(FAMILIES)}, together at most 1")
        if not sum(self.hours):
            raise ValueError("hours: at least one must have a weight")
        return self


class Posts(Frozen):
    """How long the posts are in which our own sentences stand."""

    per_text: Annotated[int, Field(ge=1, le=50)]
    median_words: Positive
    sigma: Annotated[float, Field(ge=0)]
    most_words: Annotated[int, Field(ge=10)]


class Copies(Frozen):
    """Texts that are notified again, word for word: raids, and posts that many people report."""

    share: Annotated[float, Field(ge=0, lt=0.9)]
    mean: Annotated[float, Field(ge=1)]
    hours: Positive


class Reach(Frozen):
    """Views when the notice comes, and how they grow."""

    median: Positive
    sigma: Positive
    growth_median: Positive
    growth_sigma: Positive
    hours: Positive
    told_after_hours: tuple[Positive, ...]


class Fading(Frozen):
    """How the harm of leaving a text online runs."""

    fading_hours: Positive


class Analysts(Frozen):
    """How people read."""

    finds_illegal: Chance
    sigma: Annotated[float, Field(ge=0)]


class Shift(Frozen):
    """Analysts who read from one hour to another, every day; ``to_hour`` above 24 goes on after midnight."""

    name: Annotated[str, Field(min_length=1)]
    analysts: Annotated[int, Field(ge=1)]
    from_hour: Hour
    to_hour: Hour

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if not self.from_hour < self.to_hour <= self.from_hour + 24:
            raise ValueError(f"shift {self.name!r}: to_hour must lie within 24 hours after from_hour")
        return self

    @property
    def minutes(self) -> float:
        """Analyst minutes of one day."""
        return 60 * self.analysts * (self.to_hour - self.from_hour)


class Variant(Frozen):
    """Vigie under a policy that differs in a few values, such as ``{"rank.tau_seconds" = 86400}``."""

    name: Annotated[str, Field(min_length=1)]
    policy: dict[str, float]

    def of(self, policy: Policy) -> Policy:
        """The deployment's policy with these values.

        Raises:
            ConfigError: a key is none of the policy's, or its value is refused.
        """
        for key, value in self.policy.items():
            policy = _with(policy, key, value)
        return policy


def _with(policy: Policy, key: str, value: float) -> Policy:
    tables: Mapping[str, Frozen] = {name: part for name, part in policy if isinstance(part, Frozen)}
    known = [f"{name}.{field}" for name, part in tables.items() for field in type(part).model_fields]
    if key not in known:
        raise ConfigError(f"simulation.toml: variant policy {key!r} is no value of policy.toml{nearest(key, known)}")
    table, field = key.split(".")
    try:
        part = type(tables[table]).model_validate({**tables[table].model_dump(), field: value})
    except ValidationError as error:
        raise ConfigError(f"simulation.toml: variant policy {key} = {value}: {error.errors()[0]['msg']}") from None
    return policy.model_copy(update={table: part})


class Scenario(Frozen):
    """The whole of ``configs/simulation.toml``."""

    seed: int
    replicates: Annotated[int, Field(ge=2, le=1000)]
    loads: Annotated[tuple[Positive, ...], Field(min_length=1)]
    judged_load: Positive
    grave_severity: Positive
    posts: Posts
    arrivals: Arrivals
    copies: Copies
    reach: Reach
    harm: Fading
    analysts: Analysts
    shifts: Annotated[tuple[Shift, ...], Field(alias="shift", min_length=1)]
    variants: Annotated[tuple[Variant, ...], Field(alias="variant")] = ()

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if self.judged_load not in self.loads:
            raise ValueError(f"judged_load {self.judged_load} is not one of loads")
        return self

    @property
    def minutes_a_day(self) -> float:
        """Analyst minutes of one day."""
        return sum(shift.minutes for shift in self.shifts)


def load_scenario(path: Path) -> Scenario:
    """Read and check ``simulation.toml``.

    Raises:
        ConfigError: names the key, the value and what was expected.
    """
    return load(Scenario, path)
