"""One simulated world: which texts come, when, from whom, how far they are seen, how long they take. Pure draws.

Every order meets the same world (common random numbers). Harm runs while an illegal text is online:

    harm per hour = severity x (1 + log10(1 + views so far)) x exp(-hours since the notice / fading)

the severity and reach terms of the policy, with the truth in place of the probability and an audience that tires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property

import numpy as np

from serving.bundle.errors import InputError
from serving.bundle.taxonomy import Taxonomy
from serving.bundle.text import words
from serving.policy import Policy
from serving.review import KeyKind, Order

from .scenario import Copies, Scenario
from .texts import GoldText

#: Midnight of the first simulated day.
START = datetime(2026, 1, 5, tzinfo=UTC)
_AHEAD_HOURS = 240.0
_STEPS = 481


@dataclass(frozen=True)
class Notice:
    """A text that comes, with all that chance decides about it.

    Attributes:
        at: minutes since the start of the world.
        minutes: what reading it takes.
        views, growth: views at the notice, and views still to come.
        vital: the reporter says that a life is in danger.
        found_illegal: what its reader finds.
    """

    number: int
    gold: GoldText
    at: float
    minutes: float
    views: float
    growth: float
    growth_hours: float
    fading_hours: float
    kind: KeyKind
    order: Order | None
    vital: bool
    found_illegal: bool

    @property
    def id(self) -> str:
        """Its external id."""
        return f"{self.number}"

    @property
    def illegal(self) -> bool:
        """Whether its text is, in truth."""
        return self.gold.illegal

    @property
    def acted_on(self) -> bool:
        """Whether reading it ends its harm."""
        return self.illegal and self.found_illegal

    def reach(self, at: float) -> int:
        """Views at minute ``at``."""
        hours = max(0.0, at - self.at) / 60
        return int(self.views + self.growth * (1 - np.exp(-hours / self.growth_hours)))

    @cached_property
    def _harm_done(self) -> np.ndarray:
        """Harm from the notice to each of ``_hours()``, by trapezoids."""
        hours = _hours()
        views = self.views + self.growth * (1 - np.exp(-hours / self.growth_hours))
        rate = self.gold.severity * (1 + np.log10(1 + views)) * np.exp(-hours / self.fading_hours)
        return np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(hours))])

    def harm_left(self, at: float) -> float:
        """Harm that is still to come at minute ``at``, if the text stays; severity-hours."""
        done = self._harm_done
        return float(done[-1] - np.interp((at - self.at) / 60, _hours(), done))

    def views_left(self, at: float) -> float:
        """Views that are still to come, times the severity: the other measure of harm."""
        return self.gold.severity * self.growth * float(np.exp(-max(0.0, at - self.at) / 60 / self.growth_hours))

    @property
    def moment(self) -> datetime:
        """When it comes, on the calendar."""
        return START + timedelta(minutes=self.at)


@cache
def _hours() -> np.ndarray:
    """Finer at first, where harm runs fastest."""
    return _AHEAD_HOURS * np.linspace(0, 1, _STEPS) ** 2


@dataclass(frozen=True)
class World:
    """The notices of one draw, in the order in which they come, and the last minute of the arrivals."""

    notices: tuple[Notice, ...]
    end: float
    load: float


def size_of(scenario: Scenario, texts: Sequence[GoldText], taxonomy: Taxonomy) -> int:
    """How many notices a world has: those wanted, or as many as the texts allow at the scenario's shares.

    Raises:
        InputError: some family with a share has no text.
    """
    strata, shares = _strata(texts, taxonomy), _shares(scenario)
    wanted = scenario.arrivals.days * scenario.arrivals.per_day
    once = 1 - scenario.copies.share
    number = min([wanted, *(int(len(strata[name]) / share / once) for name, share in shares.items() if share)])
    if number < 20:
        have = ", ".join(f"{name or 'harmless'} {len(part)}" for name, part in strata.items())
        raise InputError(f"too few texts for the shares of simulation.toml ({have}); give a larger file")
    return number


def draw_world(
    scenario: Scenario, texts: Sequence[GoldText], policy: Policy, taxonomy: Taxonomy, *, load: float, seed: int
) -> World:
    """One world; the same for the same seed, whatever the load, but for how long reading takes."""
    rng = np.random.default_rng(seed)
    chosen, moments = _arrivals(scenario, _strata(texts, taxonomy), size_of(scenario, texts, taxonomy), rng)
    number = len(chosen)
    minutes = _reading_minutes(scenario, policy, chosen, rng)
    minutes *= load * scenario.minutes_a_day * scenario.arrivals.days / minutes.sum()
    views = rng.lognormal(np.log(scenario.reach.median), scenario.reach.sigma, number)
    growth = views * rng.lognormal(np.log(scenario.reach.growth_median), scenario.reach.growth_sigma, number)
    chances = rng.random((number, 3))
    notices = []
    for place, gold in enumerate(chosen):
        kind = _kind(scenario, gold.illegal, chances[place, 0])
        notices.append(
            Notice(
                number=place,
                gold=gold,
                at=float(moments[place]),
                minutes=float(minutes[place]),
                views=float(views[place]),
                growth=float(growth[place]),
                growth_hours=scenario.reach.hours,
                fading_hours=scenario.harm.fading_hours,
                kind=kind,
                order=_order(kind, gold, place),
                vital=bool(chances[place, 2] < scenario.arrivals.vital.of(gold.illegal)),
                found_illegal=bool(chances[place, 1] < scenario.analysts.finds_illegal.of(gold.illegal)),
            )
        )
    return World(tuple(notices), scenario.arrivals.days * 1440.0, load)


def _arrivals(
    scenario: Scenario, strata: dict[str | None, list[GoldText]], number: int, rng: np.random.Generator
) -> tuple[list[GoldText], np.ndarray]:
    """Which texts come and at which minutes, in the order in which they come; copies after their firsts."""
    firsts: list[GoldText] = []
    for name, share in _shares(scenario).items():
        once = round(number * share * (1 - scenario.copies.share))
        firsts += [strata[name][i] for i in rng.permutation(len(strata[name]))[:once]]
    moments = rng.permutation(_moments(scenario, rng, len(firsts)))
    again = _copied(scenario.copies, len(firsts), round(number * scenario.copies.share), rng)
    later = moments[again] + 60 * rng.exponential(scenario.copies.hours, len(again))
    # A copy that would come after the last day comes in its last hour, so that every world has as many notices.
    last = scenario.arrivals.days * 1440.0
    late = later >= last
    later[late] = rng.uniform(np.maximum(moments[again][late], last - 60), last)
    texts, at = firsts + [firsts[i] for i in again], np.concatenate([moments, later])
    order = np.argsort(at, kind="stable")
    return [texts[i] for i in order], at[order]


def _copied(copies: Copies, firsts: int, number: int, rng: np.random.Generator) -> np.ndarray:
    """Places of the texts that come again, each as often as it does: geometric sizes, whatever the text says."""
    places: list[int] = []
    while len(places) < number:
        places += [int(rng.integers(firsts))] * int(rng.geometric(1 / copies.mean))
    return np.array(places[:number], dtype=int)


def _reading_minutes(
    scenario: Scenario, policy: Policy, texts: Sequence[GoldText], rng: np.random.Generator
) -> np.ndarray:
    """What the policy expects, times what chance does to it."""
    terms = policy.rank
    expected = np.array([terms.opening_minutes + words(text.text) / terms.words_per_minute for text in texts])
    return expected * rng.lognormal(0, scenario.analysts.sigma, len(texts))


def _shares(scenario: Scenario) -> dict[str | None, float]:
    harmless = 1 - sum(scenario.arrivals.shares.values())
    return dict([*scenario.arrivals.shares.items(), (None, harmless)])


def _strata(texts: Sequence[GoldText], taxonomy: Taxonomy) -> dict[str | None, list[GoldText]]:
    strata: dict[str | None, list[GoldText]] = {"haine": [], "terrorisme": [], "harcelement": [], None: []}
    for text in texts:
        strata[text.family(taxonomy)].append(text)
    return strata


def _moments(scenario: Scenario, rng: np.random.Generator, number: int) -> np.ndarray:
    """Minutes of arrival: a Poisson process with the day's profile, given its number."""
    weights = np.array(scenario.arrivals.hours)
    hours = rng.choice(24, number, p=weights / weights.sum())
    days = rng.integers(scenario.arrivals.days, size=number)
    return 1440.0 * days + 60.0 * (hours + rng.random(number))


def _kind(scenario: Scenario, illegal: bool, chance: float) -> KeyKind:
    authority = scenario.arrivals.authority.of(illegal)
    if chance < authority:
        return KeyKind.AUTHORITY
    flagger = authority + scenario.arrivals.trusted_flagger.of(illegal)
    return KeyKind.TRUSTED_FLAGGER if chance < flagger else KeyKind.PLATFORM


def _order(kind: KeyKind, gold: GoldText, number: int) -> Order | None:
    """An authority's order: one hour for terrorist content, a day otherwise."""
    if kind is not KeyKind.AUTHORITY:
        return None
    law = "tco" if "terrorisme" in gold.labels else "lcen"
    return Order(authority="Autorité simulée", reference=f"{law.upper()}-{number}", kind=law)
