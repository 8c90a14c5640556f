"""A month of decisions and the model that learnt from it: is the queue better the month after?

python -m tests.bench.month --seeds 13 14 15 --out runs/mois

For each seed: a first model learns a part of our cases; a simulated team reads a month of other ones, in the order
of the queue under that model, with declared errors; the decisions leave as ``vigie queue export`` writes them; a second
model learns from the same rows and these; both then order a later month. The three parts share no cluster of cases.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from serving.bundle import FAMILIES, load_taxonomy, open_bundle
from serving.classifier import Classifier
from serving.policy import load_policy
from serving.settings import Settings
from serving.simulation.outputs import written
from serving.simulation.scenario import Scenario, load_scenario
from serving.simulation.study import SCORE, VIGIE, Study, study
from serving.simulation.texts import GoldText, Row, judged
from training.bundling import Origin, make_bundle
from training.data.cases import OwnCases, Role, load_cases
from training.data.feedback import FeedbackSection
from training.data.instances import write_instances
from training.data.parts import cluster_draws
from training.data.prepare import prepare
from training.evaluation.bootstrap import intervals
from training.evaluation.metrics import roc_auc
from training.finetune import finetune
from training.recipe import Recipe, load_recipe

RECIPE = Path("configs/train/mois.toml")
#: Draws of the clusters that come in the month, and in the later one.
MONTH, LATER = (0.2, 0.7), (0.7, 1.0)
#: Of one decision, of the heaviest case of the audit draw over their mean, and words of the longest text.
WEIGHT, MOST, LONGEST = 1.0, 5.0, 80
#: The team keeps up with most of what comes; under this load what is read depends on the order.
LOAD = 1.2
_DAYS, _PER_DAY, _WORLDS = 20, 150, 5
_LATER_DAYS, _LATER_PER_DAY = 2, 200


@dataclass(frozen=True)
class Outcome:
    """One seed.

    Attributes:
        decisions, audited: rows of the export, and those of the audit draw.
        auc: by family, on the later month: (first model, second, difference), each as value, low, high.
        averted: by order, share of avertable harm averted in the later month: (first model, second).
        worlds: difference of that share for Vigie, one for each later world.
    """

    seed: int
    decisions: int
    audited: int
    auc: dict[str, tuple[tuple[float, float, float], ...]]
    averted: dict[str, tuple[float, float]]
    worlds: tuple[float, ...]


class Months:
    """The texts of the two months and what every seed shares."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recipe = load_recipe(RECIPE)
        self.taxonomy, self.policy = load_taxonomy(settings.taxonomy_path), load_policy(settings.policy_path)
        self.cases = load_cases(settings.datasets / "vigie")
        self.draws = cluster_draws(self.cases, self.recipe.data.near_duplicate)
        self.scenario = load_scenario(settings.configs / "simulation.toml")

    def messages(self, part: tuple[float, float], seed: int) -> list[Row]:
        """The cases of the part as they are, as short as tweets and chats (what posts gave: docs/experiments.md)."""
        rows = _rows(self.cases, seed)
        return [row for row in rows if part[0] <= self.draws[row[0]] < part[1]]

    def world(self, days: int, per_day: int, seed: int, replicates: int) -> Scenario:
        """The shipped scenario with this many notices, at one load."""
        arrivals = self.scenario.arrivals.model_copy(update={"days": days, "per_day": per_day})
        changes = {"arrivals": arrivals, "seed": seed, "replicates": replicates, "variants": ()}
        return self.scenario.model_copy(update=changes | {"loads": (LOAD,), "judged_load": LOAD})

    def train(self, recipe: Recipe, folder: Path) -> Path:
        """A bundle of ``recipe`` in ``folder``, made unless it is there."""
        bundle = folder / "bundle"
        if not (bundle / "manifest.json").exists():
            prepared = prepare(recipe.data, self.settings, licence_classes=recipe.licence_classes, seed=recipe.seed)
            trained = finetune(recipe, prepared.tables, folder)
            origin = Origin(RECIPE.as_posix(), tuple(prepared.records))
            make_bundle(recipe, trained, prepared.tables, self.taxonomy, bundle, origin)
        return bundle

    def judged(self, bundle: Path, rows: Sequence[Row]) -> list[GoldText]:
        """The texts as a bundle judges them."""
        classifier = Classifier(open_bundle(bundle), 1)
        try:
            return judged(rows, classifier, self.taxonomy)
        finally:
            classifier.close()

    def simulate(
        self, bundle: Path, texts: Sequence[GoldText], scenario: Scenario, decisions: Path | None = None
    ) -> Study:
        """Days of the queue under a bundle; the first ones' decisions are written to ``decisions``."""
        opened = open_bundle(bundle)
        with written(None, decisions, scenario) as observe:
            return study(
                scenario,
                texts,
                self.policy,
                self.taxonomy,
                manifest=opened.manifest,
                bundle_id=opened.id,
                observe=observe,
            )


def run_seed(months: Months, seed: int, out: Path) -> Outcome:
    """Both models of one seed, and what they do in the later month."""
    folder = out / f"s{seed}"
    recipe = months.recipe.model_copy(update={"seed": seed})
    first = months.train(recipe, folder / "first")
    decisions = folder / "decisions.parquet"
    month = months.judged(first, months.messages(MONTH, seed))
    months.simulate(first, month, months.world(_DAYS, _PER_DAY, seed, 1), decisions)
    feedback = FeedbackSection(file=decisions, weight=WEIGHT, most=MOST, longest_words=LONGEST)
    data = recipe.data.model_copy(update={"feedback": feedback})
    second = months.train(recipe.model_copy(update={"data": data}), folder / "second")
    return _compared(months, seed, (first, second), decisions)


def _compared(months: Months, seed: int, bundles: tuple[Path, Path], decisions: Path) -> Outcome:
    import pyarrow.parquet as pq

    later = months.messages(LATER, seed)
    texts = [months.judged(bundle, later) for bundle in bundles]
    world = months.world(_LATER_DAYS, _LATER_PER_DAY, 1000 + seed, _WORLDS)
    one, two = (months.simulate(bundle, found, world) for bundle, found in zip(bundles, texts, strict=True))
    shares = [[run.harm_averted / run.harm_avertable for run in found.runs[LOAD][VIGIE]] for found in (one, two)]
    exported = pq.read_table(decisions, columns=["audit"])["audit"].to_pylist()
    return Outcome(
        seed,
        len(exported),
        sum(exported),
        _auc(texts[0], texts[1], months.draws),
        {order: (_share(one, order), _share(two, order)) for order in (SCORE, VIGIE)},
        tuple(after - before for before, after in zip(*shares, strict=True)),
    )


def _share(found: Study, order: str) -> float:
    averted = found.total(LOAD, order, lambda run: run.harm_averted)
    return averted / found.total(LOAD, order, lambda run: run.harm_avertable)


def _auc(
    before: Sequence[GoldText], after: Sequence[GoldText], draws: Mapping[str, float]
) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """By family, resampling clusters; the draw of a cluster names it."""
    groups = [draws[text.id] for text in before]
    found = {}
    for family in FAMILIES:
        truth = np.array([float(family in text.labels) for text in before])
        scores = [np.array([text.verdict.scores[family] or 0.0 for text in texts]) for texts in (before, after)]

        def statistics(weights: np.ndarray, truth=truth, scores=scores) -> dict[str, np.ndarray]:
            first, second = (roc_auc(truth, one, weights) for one in scores)
            return {"first": first, "second": second, "difference": second - first}

        every = intervals(statistics, np.ones(len(truth)), groups, replicates=300)
        found[family] = tuple((one.value, one.low, one.high) for one in every.values())
    return found


def _rows(cases: OwnCases, seed: int) -> list[Row]:
    """(case, text, labels) of one instance of each case that is learnt from."""
    return [
        (case.id, instance.text, instance.labels)
        for case in cases.cases
        if case.role is Role.TRAIN
        for instance in write_instances(case, cases.lexicon, 1, seed)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.month", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--out", type=Path, default=Path("runs/mois"))
    arguments = parser.parse_args()
    months = Months(Settings.from_env())
    for seed in arguments.seeds:
        outcome = run_seed(months, seed, arguments.out)
        (arguments.out / f"s{seed}" / "outcome.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n")
        print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
