"""Who is judged: the bundle as it serves, and the baseline beside it, both as a function from texts to scores.

Every figure of this package comes through here, so that the two always see the same texts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from serving.bundle import OUTPUT_KEYS, Bundle, Manifest, Verdict, prepare
from serving.bundle.manifest import Label
from serving.bundle.verdict import calibrated
from serving.classifier import Classifier
from training.calibrate import calibratable, calibrate, fitting_half

from .baseline import Baseline, train_baseline
from .measure import Scored
from .split import Split, read_split

if TYPE_CHECKING:
    from training.recipe import Recipe

log = logging.getLogger(__name__)

MODEL, BASELINE = "model", "baseline"

#: Texts in, scores (n,) of each label out; NaN for a text that it refuses.
Judge = Callable[[Sequence[str]], dict[str, Scored]]

#: Texts given to the classifier at once: enough to keep its sessions busy, few enough to stay small in memory.
_BATCH = 512


@dataclass(frozen=True)
class Hearing:
    """Everything a bundle is judged with.

    Attributes:
        manifest, bundle_id: of the bundle.
        recipe: the one that made it.
        train, validation, test: its rows.
        judges: ``MODEL`` and ``BASELINE``, by name.
    """

    manifest: Manifest
    bundle_id: str
    recipe: Recipe
    train: Split
    validation: Split
    test: Split
    judges: Mapping[str, Judge]

    def ask(self, texts: Sequence[str]) -> dict[str, dict[str, Scored]]:
        """Judge -> label key -> scores of ``texts``."""
        return {name: judge(texts) for name, judge in self.judges.items()}


@contextmanager
def hearing(bundle: Bundle, recipe: Recipe, prepared: Any) -> Iterator[Hearing]:
    """The bundle, opened, and a baseline trained on the rows that the encoder learnt from.

    Raises:
        BundleError: the bundle does not load.
        ConfigError: the prepared rows lack a column.
    """
    train, validation, test = (read_split(prepared.tables[name]) for name in ("train", "validation", "test"))
    with closing(Classifier(bundle)) as classifier:
        log.info("evaluation: training the baseline on %d rows", len(train))
        yardstick = train_yardstick(train, validation, classifier.manifest, recipe)
        judges: dict[str, Judge] = {MODEL: partial(served, classifier), BASELINE: yardstick}
        yield Hearing(classifier.manifest, classifier.bundle_id, recipe, train, validation, test, judges)


def served(classifier: Classifier, texts: Sequence[str]) -> dict[str, Scored]:
    """Scores (n,) of each label of the bundle, as served; NaN for a text that it refuses."""
    answers = [
        answer for start in range(0, len(texts), _BATCH) for answer in classifier.score(texts[start : start + _BATCH])
    ]
    return {
        label.key: Scored(np.array([_score(answer, label.key) for answer in answers]), label)
        for label in classifier.manifest.labels
    }


def _score(answer: Verdict | Exception, key: str) -> float:
    score = answer.scores[key] if isinstance(answer, Verdict) else None
    return float("nan") if score is None else score


@dataclass(frozen=True)
class Yardstick:
    """The baseline with its own calibration and thresholds, as a judge."""

    baseline: Baseline
    labels: tuple[Label, ...]

    def __call__(self, texts: Sequence[str]) -> dict[str, Scored]:
        """Scores (n,) of each label that the baseline learnt and that can be calibrated."""
        logits = self.baseline.logits([prepare(text) for text in texts])
        return {
            label.key: Scored(calibrated(label, logits[:, self.baseline.keys.index(label.key)]), label)
            for label in self.labels
        }


def train_yardstick(train: Split, validation: Split, manifest: Manifest, recipe: Recipe) -> Yardstick:
    """The baseline on the same rows, masks, weights, halves of validation and formulas as the model."""
    baseline = train_baseline(
        train, keys=manifest.keys, pos_weight_max=recipe.training.pos_weight_max, seed=recipe.seed
    )
    return Yardstick(baseline, tuple(_calibrated_labels(baseline, validation, manifest, recipe)))


def _calibrated_labels(baseline: Baseline, validation: Split, manifest: Manifest, recipe: Recipe) -> Iterator[Label]:
    """The manifest's labels with the baseline's own calibration and operating points."""
    logits = baseline.logits(validation.texts)
    positive = (validation.target > 0.5) & (validation.mask > 0)
    fitting = fitting_half(positive, validation.groups, seed=recipe.seed)
    for label in manifest.labels:
        column = OUTPUT_KEYS.index(label.key)
        weights = validation.weight * validation.mask[:, column]
        if label.key not in baseline.keys or not calibratable(positive[:, column], weights, fitting):
            continue
        solved = calibrate(
            logits[:, baseline.keys.index(label.key)],
            positive[:, column],
            weights,
            validation.groups,
            fitting,
            rate=label.calibration.population_rate,
            bootstrap=recipe.calibration.bootstrap,
            seed=recipe.seed,
        )
        update = {"calibration": solved.calibration, "operating_points": solved.operating_points, "metrics": {}}
        yield label.model_copy(update=update)
