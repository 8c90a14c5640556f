"""Every load, world and order of a scenario, and what they say together. The truth about the queue in figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from serving.bundle.manifest import Manifest
from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy

from .days import Reading, run
from .measures import Figures, figures
from .orders import ReadingOrder, Remembered, fifo, oracle, score_only, vigie
from .scenario import Scenario
from .texts import GoldText
from .world import World, draw_world, size_of

FIFO, SCORE, SCORE_ONCE, VIGIE, ORACLE = "fifo", "score", "score_once", "vigie", "oracle"
_RANKED = {
    FIFO: fifo,
    SCORE: score_only,
    SCORE_ONCE: lambda: score_only(closes_copies=True),
    ORACLE: oracle,
}


def orders(scenario: Scenario) -> tuple[str, ...]:
    """The orders of a study: ``vigie:NAME`` is Vigie under the policy of that variant."""
    return (FIFO, SCORE, SCORE_ONCE, VIGIE, *(f"{VIGIE}:{variant.name}" for variant in scenario.variants), ORACLE)


@dataclass(frozen=True)
class Observed:
    """One order that has dealt with one world."""

    load: float
    name: str
    order: ReadingOrder
    world: World
    readings: list[Reading]


Observer = Callable[[Observed], None]


@dataclass(frozen=True)
class Interval:
    """A mean over worlds with its 95 % interval (bootstrap over worlds)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Study:
    """What was run, and its figures: ``runs[load][order]`` holds one ``Figures`` per world."""

    scenario: Scenario
    texts: int
    notices: int
    bundle_id: str
    policy_version: str
    runs: dict[float, dict[str, list[Figures]]]

    def mean(self, load: float, order: str, measure: Callable[[Figures], float]) -> Interval:
        """A figure's mean over the worlds that have it."""
        values = np.array([measure(one) for one in self.runs[load][order]])
        return _bootstrap(values[~np.isnan(values)], np.mean)

    def ratio(self, load: float, order: str, other: str, measure: Callable[[Figures], float]) -> Interval:
        """A figure's total under ``order`` over that under ``other``, on the same worlds."""
        pairs = zip(self.runs[load][order], self.runs[load][other], strict=True)
        values = np.array([(measure(one), measure(two)) for one, two in pairs])
        return _bootstrap(values, lambda drawn: drawn[:, 0].sum() / drawn[:, 1].sum())

    def total(self, load: float, order: str, measure: Callable[[Figures], float]) -> float:
        """A figure's total over the worlds."""
        return float(sum(measure(one) for one in self.runs[load][order]))


def study(
    scenario: Scenario,
    texts: Sequence[GoldText],
    policy: Policy,
    taxonomy: Taxonomy,
    *,
    manifest: Manifest,
    bundle_id: str,
    advance: Callable[[], None] = lambda: None,
    observe: Observer | None = None,
) -> Study:
    """Run a scenario; ``advance`` is called after each world, ``observe`` after each order on it."""
    scorer = Remembered(bundle_id, manifest, {text.text: text.verdict for text in texts})
    policies = {VIGIE: policy} | {f"{VIGIE}:{variant.name}": variant.of(policy) for variant in scenario.variants}
    runs: dict[float, dict[str, list[Figures]]] = {}
    for load in scenario.loads:
        runs[load] = {name: [] for name in orders(scenario)}
        for replicate in range(scenario.replicates):
            seed = scenario.seed + replicate
            world = draw_world(scenario, texts, policy, taxonomy, load=load, seed=seed)
            for name in orders(scenario):
                with _order(name, world, policies, taxonomy, scorer, seed) as order:
                    readings = run(world, order, scenario)
                    if observe:
                        observe(Observed(load, name, order, world, readings))
                runs[load][name].append(figures(world, readings, policy, scenario.grave_severity))
            advance()
    notices = size_of(scenario, texts, taxonomy)
    return Study(scenario, len(texts), notices, bundle_id, policy.version, runs)


def _order(
    name: str, world: World, policies: Mapping[str, Policy], taxonomy: Taxonomy, scorer: Remembered, seed: int
) -> AbstractContextManager[ReadingOrder]:
    if name in policies:
        return vigie(world, policies[name], taxonomy, scorer, seed)
    return nullcontext(_RANKED[name]())


def _bootstrap(values: np.ndarray, statistic: Callable[[np.ndarray], float], draws: int = 1000) -> Interval:
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    found = [statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(draws)]
    low, high = np.quantile(found, (0.025, 0.975))
    return Interval(float(statistic(values)), float(low), float(high))
