"""The deployment's rules as data: clocks, lanes, leases, actions, retention. Knows nothing of cases or databases.

Authored in ``configs/policy.toml``, which is complete and commented: no key has a default here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from serving.bundle.config import Frozen, load
from serving.bundle.errors import InputError, nearest
from serving.bundle.operating import LEVELS
from serving.bundle.taxonomy import FAMILIES, OUTPUT_KEYS

Share = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0.5, le=2)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class RankTerms(Frozen):
    """The constants of harm, minutes and rank."""

    #: Seconds of waiting that weigh as much as a harm e times larger.
    tau_seconds: Annotated[float, Field(gt=0)]
    #: ``a``: how far a certain protected context lowers the harm.
    protected_context: Annotated[float, Field(ge=0, le=0.5)]
    #: Harm of a case that the model has not scored, before reach and reporter.
    unscored_harm: Annotated[float, Field(gt=0)]
    opening_minutes: Annotated[float, Field(gt=0)]
    words_per_minute: Annotated[float, Field(gt=0)]


class Claims(Frozen):
    """How cases are handed out."""

    audit_share: Share
    ordinary_share: Share
    due_margin_minutes: Minutes
    lease_minutes: Minutes
    golden_share: Share
    undo_seconds: Annotated[int, Field(ge=0, le=3600)]

    @property
    def undo(self) -> timedelta:
        """How long a decision can be taken back by the one who took it."""
        return timedelta(seconds=self.undo_seconds)

    @property
    def due_margin(self) -> timedelta:
        """A deadline this near goes before every lane."""
        return timedelta(minutes=self.due_margin_minutes)

    @property
    def lease(self) -> timedelta:
        """How long a claimed case stays with its analyst without a heartbeat."""
        return timedelta(minutes=self.lease_minutes)


class ReporterWeights(Frozen):
    """What a report weighs by the class of its key."""

    platform: Weight
    authority: Weight
    trusted_flagger: Weight

    def of(self, kind: str) -> float:
        """The weight of a key of this ``kind``."""
        return float(getattr(self, kind))


class SecondReview(Frozen):
    """Which decided cases a second analyst reads without seeing the decision."""

    share: Share
    uncertain_levels: tuple[str, ...]
    uncertain_share: Share

    @model_validator(mode="after")
    def _known(self) -> Self:
        for level in self.uncertain_levels:
            _among("level", level, LEVELS)
        return self

    def share_of(self, level: str | None) -> float:
        """The probability that a case of this level is drawn."""
        return self.uncertain_share if level in self.uncertain_levels else self.share


class Known(Frozen):
    """When a text counts as seen before."""

    least_words: Annotated[int, Field(ge=1)]
    similarity: Annotated[float, Field(gt=0, le=1)]


class Reliability(Frozen):
    """What a reporter's past weighs, and when a campaign of reports is damped."""

    prior_confirmed: Annotated[float, Field(gt=0)]
    prior_refuted: Annotated[float, Field(gt=0)]
    mass_reports: Annotated[int, Field(ge=2)]
    mass_hours: Annotated[int, Field(ge=1)]
    mass_confirmed: Share
    mass_decided: Annotated[int, Field(ge=1)]
    mass_weight: Weight

    def weight(self, confirmed: float, refuted: float) -> float:
        """Posterior mean of the share of confirmed reports over the prior one, within 0.5 and 2."""
        prior = self.prior_confirmed / (self.prior_confirmed + self.prior_refuted)
        given = self.prior_confirmed + confirmed
        return min(max(given / (given + self.prior_refuted + refuted) / prior, 0.5), 2.0)


class Wellbeing(Frozen):
    """What is grave to read, how much of it a day may hold, and when a break is due."""

    grave_severity: Annotated[float, Field(ge=0, le=10)]
    grave_level: str
    grave_in_a_row: Annotated[int, Field(ge=1)]
    grave_per_day: Annotated[int, Field(ge=1)]
    break_after_minutes: Minutes
    break_minutes: Minutes

    @model_validator(mode="after")
    def _known(self) -> Self:
        _among("level", self.grave_level, LEVELS)
        return self


class OrderKind(Frozen):
    """One kind of authority's order and its clock."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Name
    text: Name
    #: None: the order itself states its deadline.
    minutes: Minutes | None = None
    #: Beginnings of references by which the kind is recognised when the order does not name it.
    references: tuple[Name, ...] = ()

    def claims(self, reference: str) -> bool:
        """Whether ``reference`` begins like the references of this kind."""
        return reference.casefold().startswith(tuple(prefix.casefold() for prefix in self.references))


class Target(Frozen):
    """The internal target for suspected terrorist content without an order. Not a legal deadline."""

    families: Annotated[tuple[str, ...], Field(min_length=1)]
    level: str
    minutes: Minutes

    @model_validator(mode="after")
    def _known(self) -> Self:
        _among("level", self.level, LEVELS)
        for family in self.families:
            _among("family", family, FAMILIES)
        return self


class Vital(Frozen):
    """What makes a case a matter of life (DSA art. 18, TCO art. 14(5))."""

    #: Categories by which a reporter flags a danger to life.
    categories: tuple[Name, ...]
    #: Outputs of threat, and the level from which the imminence rule looks at the text.
    labels: tuple[str, ...]
    level: str
    #: Regular expressions, case-insensitive; one that is found makes a threat imminent.
    imminence: tuple[str, ...]

    @model_validator(mode="after")
    def _known(self) -> Self:
        _among("level", self.level, LEVELS)
        for label in self.labels:
            _among("label", label, tuple(key for key in OUTPUT_KEYS if key.endswith(".menace")))
        return self

    @field_validator("imminence")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return patterns

    @cached_property
    def _imminent(self) -> re.Pattern[str] | None:
        joined = "|".join(f"(?:{pattern})" for pattern in self.imminence)
        return re.compile(joined, re.IGNORECASE) if joined else None

    def imminent(self, text: str) -> bool:
        """Whether ``text`` speaks of something about to happen."""
        return bool(self._imminent and self._imminent.search(text))


class Action(Frozen):
    """What an analyst can decide to do."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Name
    deployment: Literal["hotline", "platform"]
    #: Which findings the action may follow.
    after: Annotated[tuple[Literal["illegal", "legal"], ...], Field(min_length=1)]
    #: The content goes away: its retention is that of removed content.
    removes: bool


class Retention(Frozen):
    """After how many days the text of a case is erased; figures and events stay."""

    removed_terrorist_days: Days
    decided_days: Days
    unreviewed_days: Days
    feedback_days: Days


class SignIn(Frozen):
    """Sessions of people, the lock-out after repeated failures, and who needs a second factor."""

    failures: Annotated[int, Field(ge=1)]
    lock_minutes: Minutes
    session_hours: Annotated[int, Field(ge=1)]
    shortest_password: Annotated[int, Field(ge=8)]
    #: Roles that sign in with a code as well; the others may.
    second_factor_roles: tuple[Literal["analyst", "senior", "supervisor", "researcher", "admin"], ...]


class Policy(Frozen):
    """The whole of ``configs/policy.toml``."""

    version: Name
    deployments: Annotated[tuple[Literal["hotline", "platform"], ...], Field(min_length=1)]
    timezone: str
    rank: RankTerms
    claims: Claims
    second_review: SecondReview
    known: Known
    reporters: ReporterWeights
    reliability: Reliability
    wellbeing: Wellbeing
    orders: Annotated[tuple[OrderKind, ...], Field(alias="order", min_length=1)]
    target: Target
    vital: Vital
    actions: Annotated[tuple[Action, ...], Field(alias="action", min_length=1)]
    retention: Retention
    sign_in: SignIn

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is not a time zone of the IANA database, such as 'Europe/Paris'")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what, keys in (("order", [o.key for o in self.orders]), ("action", [a.key for a in self.actions])):
            if repeated := {key for key in keys if keys.count(key) > 1}:
                raise ValueError(f"{what} keys given twice: {', '.join(sorted(repeated))}")
        for deployment in self.deployments:
            if not any(action.deployment == deployment for action in self.actions):
                raise ValueError(f"deployment {deployment!r} has no [[action]]")
        if not any(order.minutes for order in self.orders):
            raise ValueError("at least one [[order]] must have minutes: an order of unknown kind gets the shortest")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which analysts read times."""
        return ZoneInfo(self.timezone)

    def offered_actions(self) -> tuple[Action, ...]:
        """The actions of this deployment, in the order of the file."""
        return tuple(action for action in self.actions if action.deployment in self.deployments)

    def action(self, key: str) -> Action | None:
        """The action named ``key``, if this deployment offers it."""
        return next((action for action in self.offered_actions() if action.key == key), None)

    def removes(self, key: str) -> bool:
        """Whether the action named ``key`` makes content go, also one that this deployment no longer offers."""
        return any(action.removes for action in self.actions if action.key == key)

    def order_kind(self, reference: str, named: str | None = None) -> OrderKind:
        """The kind that an order names, else the one its reference tells, else the shortest clock.

        The shortest because a deadline met too early harms nobody.

        Raises:
            InputError: the order names a kind that this policy does not have.
        """
        if named is not None:
            return self._named_kind(named)
        told = next((kind for kind in self.orders if kind.claims(reference)), None)
        return told or min((kind for kind in self.orders if kind.minutes), key=lambda kind: kind.minutes or 0)

    def _named_kind(self, key: str) -> OrderKind:
        found = next((kind for kind in self.orders if kind.key == key), None)
        if found is None:
            known = [kind.key for kind in self.orders]
            detail = f"order.kind {key!r} is unknown{nearest(key, known)}; expected one of {', '.join(known)}"
            raise InputError(detail, code="unknown_order_kind", pointer="/order/kind")
        return found


def _among(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}{nearest(value, known)}; expected one of {', '.join(known)}")


def load_policy(path: Path) -> Policy:
    """Read and check ``policy.toml``.

    Raises:
        ConfigError: names the key, the value and what was expected; an unknown key comes with the nearest known one.
    """
    return load(Policy, path)
