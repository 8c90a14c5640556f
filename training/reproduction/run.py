"""One reproduction, from a sealed bundle to a list of checks. The wiring; compares nothing itself.

vigie-train reproduce serving/embedded
vigie-train reproduce serving/embedded --steps data,evaluation
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from datasets import Dataset

from serving.bundle import Bundle, Interval, calibrated, open_bundle
from serving.settings import Settings
from training.bundling import Halves, row_limit_of, top_logits
from training.data.examples import OWN
from training.data.fetch import writable
from training.data.prepare import Prepared
from training.evaluation.evaluate import evaluate_bundle
from training.evaluation.own import titles
from training.evaluation.records import write_json
from training.provenance import changed_since, git_commit, versions
from training.recipe import Recipe, load_recipe
from training.runs import prepared_rows, remake, seeded
from training.tracking import fingerprint

from . import compare
from .compare import Array
from .records import Check, Reproduction, Step

JSON = "reproduction.json"
TOLERANCE = 0.01


@dataclass(frozen=True)
class Asked:
    """What a reproduction is asked.

    Attributes:
        out: folder of the JSON, of the report of the figures, and of the run when the model is made again.
        steps: in any order; the origin is always compared.
        recipe: file of the recipe, the one that the bundle names when not given.
        seed: in place of the manifest's, to see what chance alone changes.
        tolerance: on figures and on shares of levels.
    """

    out: Path
    steps: tuple[Step, ...] = (Step.DATA,)
    recipe: Path | None = None
    seed: int | None = None
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Trial:
    """A bundle beside the recipe and the rows of today."""

    bundle: Bundle
    recipe: Recipe
    recipe_file: Path
    prepared: Prepared
    settings: Settings
    asked: Asked

    def checks(self) -> Iterator[Check]:
        """The origin, then each step asked."""
        said = self.bundle.manifest.provenance
        yield from compare.origin(said, self.recipe.digest, git_commit(), changed_since(said.git_commit), versions())
        for step, found in (
            (Step.DATA, self._data),
            (Step.EVALUATION, self._evaluation),
            (Step.TRAINING, self._training),
        ):
            if step in self.asked.steps:
                yield from found()

    def _data(self) -> Iterator[Check]:
        said = self.bundle.manifest.provenance
        yield from compare.sources(said.datasets, self.prepared.records)
        yield from compare.rows(
            said.rows_sha256, {split: fingerprint(table) for split, table in self.prepared.tables.items()}
        )

    def _evaluation(self) -> Iterator[Check]:
        validation = self.prepared.tables["validation"]
        yield from compare.served_scores(self.bundle.curves(), _scored_again(self.bundle, validation, self.recipe.seed))
        done = evaluate_bundle(
            self.bundle.path,
            self.recipe,
            self.prepared,
            self.asked.out / "evaluation",
            titles=titles(self.settings.datasets / OWN),
        )
        yield from compare.figures(Step.EVALUATION, _figures(self.bundle), done.metrics(), self.asked.tolerance)

    def _training(self) -> Iterator[Check]:
        limit = row_limit_of(self.bundle.manifest, self.recipe)
        again, done = remake(
            self.recipe, self.prepared, self.settings, self.asked.out / "run", recipe_file=self.recipe_file, limit=limit
        )
        yield from compare.files(self.bundle.manifest.files, again.manifest.files)
        before, now = (top_logits(bundle, self.prepared.tables["test"]["text"]) for bundle in (self.bundle, again))
        labels = (self.bundle.manifest.labels, again.manifest.labels)
        yield from compare.logits(*labels, before, now, self.asked.tolerance)
        yield from compare.figures(Step.TRAINING, _figures(self.bundle), done.metrics(), self.asked.tolerance)


def reproduce(path: Path, settings: Settings, asked: Asked) -> Reproduction:
    """Make again what ``asked`` names for the bundle at ``path``; write ``reproduction.json``.

    Raises:
        VigieError: of the step that cannot be done; a difference is no error.
    """
    started = time.monotonic()
    with TemporaryDirectory(prefix="vigie-reproduction-") as scratch:
        trial = _open(path, _unprepared(settings, Path(scratch)), asked)
        checks = tuple(trial.checks())
    said = trial.bundle.manifest
    done = Reproduction(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        bundle=trial.bundle.id,
        bundle_name=said.name,
        recipe=said.provenance.recipe,
        seed=trial.recipe.seed,
        steps=tuple(step for step in Step if step in asked.steps),
        tolerance=asked.tolerance,
        checks=checks,
        seconds=round(time.monotonic() - started, 1),
    )
    write_json(done, asked.out / JSON)
    return done


def _unprepared(settings: Settings, scratch: Path) -> Settings:
    """The same fetched files, nothing prepared: rows that training left in the cache would agree with themselves."""
    fetched = writable(settings.cache / "sources").resolve()
    (scratch / "sources").symlink_to(fetched, target_is_directory=True)
    return dataclasses.replace(settings, cache=scratch)


def _open(path: Path, settings: Settings, asked: Asked) -> Trial:
    bundle = open_bundle(path)
    said = bundle.manifest.provenance
    file = asked.recipe or Path(said.recipe)
    recipe = seeded(load_recipe(file), said.seed if asked.seed is None else asked.seed)
    prepared = prepared_rows(recipe, settings, row_limit_of(bundle.manifest, recipe))
    return Trial(bundle, recipe, file, prepared, settings, asked)


def _figures(bundle: Bundle) -> Mapping[str, Mapping[str, Interval]]:
    return {label.key: label.metrics for label in bundle.manifest.labels if label.metrics}


def _scored_again(bundle: Bundle, validation: Dataset, seed: int) -> dict[str, Array]:
    """Scores of the validation rows that fitted the thresholds, (n,) a label, in the order of the bundle's curves."""
    labels, logits = bundle.manifest.labels, top_logits(bundle, validation["text"])
    halves = Halves.of(validation, seed)
    known = halves.targets.columns(bundle.manifest.keys).weights > 0
    return {
        label.key: calibrated(label, logits[known[:, column] & ~halves.fitting, column])
        for column, label in enumerate(labels)
    }
