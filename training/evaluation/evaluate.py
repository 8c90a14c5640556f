"""Judges a sealed bundle on the test split, through the classifier that serves it, with the baseline beside it.

What is measured is what is served: int8 weights, windows, calibration and thresholds included. No text leaves here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from serving.bundle import FAMILIES, OUTPUT_KEYS, Bundle, DatasetRecord, Interval, open_bundle, words
from serving.bundle.operating import MIN_POSITIVES

from .bootstrap import REPLICATES, wilson
from .judges import BASELINE, MODEL, Hearing, hearing
from .measure import Scored, compare, flag_threshold, flagged, measured
from .records import Evaluation, Histogram, LabelEvaluation, SourceEvaluation, SuitePair, write_json
from .report import write_report
from .split import Split
from .suites import Case, tally

if TYPE_CHECKING:
    from training.recipe import Recipe

log = logging.getLogger(__name__)


def evaluate_bundle(
    bundle_path: Path,
    recipe: Recipe,
    prepared: Any,
    out_dir: Path,
    *,
    titles: Mapping[str, str] | None = None,
    replicates: int = REPLICATES,
) -> Evaluation:
    """Evaluate the bundle at ``bundle_path``; write ``evaluation.json`` and ``evaluation.html`` into ``out_dir``.

    Args:
        bundle_path: a sealed bundle.
        recipe: the one that made it; gives the seed, the rates and the class-weight bound.
        prepared: ``training.data.prepare.Prepared``: its ``tables`` hold train, validation and test.
        out_dir: made when absent.
        titles: French titles of our functionalities (``training.evaluation.own.titles``); their keys when not given.
        replicates: resamples behind each interval.

    Raises:
        BundleError: the bundle is incomplete or altered.
        ConfigError: the prepared rows lack a column.
    """
    evaluation = evaluate(open_bundle(bundle_path), recipe, prepared, titles=titles, replicates=replicates)
    write_evaluation(evaluation, out_dir)
    return evaluation


def write_evaluation(evaluation: Evaluation, out_dir: Path, *, sealed_as: str | None = None) -> tuple[Path, Path]:
    """Write ``evaluation.json`` and ``evaluation.html``, and return their paths.

    A bundle that carries its own figures is sealed after they are measured: ``sealed_as`` is then its final id. The
    weights' digest, which the evaluation also names, stays the same.
    """
    named = evaluation.model_copy(update={"bundle": sealed_as}) if sealed_as else evaluation
    out_dir = Path(out_dir)
    return write_json(named, out_dir / "evaluation.json"), write_report(named, out_dir / "evaluation.html")


def evaluate(
    bundle: Bundle,
    recipe: Recipe,
    prepared: Any,
    *,
    titles: Mapping[str, str] | None = None,
    replicates: int = REPLICATES,
) -> Evaluation:
    """Everything the report shows, writing nothing; the baseline is trained here, on the rows the encoder learnt from.

    Arguments as ``evaluate_bundle``; ``bundle`` is open.
    """
    with hearing(bundle, recipe, prepared) as heard:
        return evaluate_hearing(heard, prepared, bench_of(heard, titles=titles, replicates=replicates))


def bench_of(heard: Hearing, *, titles: Mapping[str, str] | None = None, replicates: int = REPLICATES) -> Bench:
    """The test rows, scored by every judge."""
    log.info("evaluation: scoring %d test rows", len(heard.test))
    return Bench(heard.test, heard.ask(heard.test.texts), replicates, heard.recipe.seed, dict(titles or {}))


def evaluate_hearing(heard: Hearing, prepared: Any, bench: Bench) -> Evaluation:
    """Everything the report shows, from rows that are already scored."""
    log.info("evaluation: intervals from %d resamples", bench.replicates)
    test, model = heard.test, bench.scored[MODEL]
    return Evaluation(
        **_identity(heard),
        replicates=bench.replicates,
        datasets=tuple(DatasetRecord.model_validate(record.model_dump()) for record in prepared.records),
        splits={"train": len(heard.train), "validation": len(heard.validation), "test": len(test)},
        test_sources=dict(Counter(test.sources).most_common()),
        unscored=int(np.isnan(next(iter(model.values())).scores).sum()),
        outputs=heard.manifest.keys,
        labels=tuple(found for key in model if (found := bench.label(key))),
        sources=tuple(found for key in model for found in bench.sources(key)),
        suites=tuple(pair for family in FAMILIES if (pair := bench.suite(family, heard.bundle_id))),
        lengths=_lengths(test.texts),
    )


def _identity(heard: Hearing) -> dict[str, Any]:
    manifest, recipe = heard.manifest, heard.recipe
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": heard.bundle_id,
        "bundle_name": manifest.name,
        "model_sha256": manifest.files["model.onnx"],
        "recipe": manifest.provenance.recipe or recipe.name,
        "git_commit": manifest.provenance.git_commit,
        "seed": recipe.seed,
    }


@dataclass(frozen=True)
class Bench:
    """The test rows and what each model says of them.

    Attributes:
        test: the test split, n rows.
        scored: model name -> label key -> scores (n,) and thresholds.
        replicates, seed: of the resamples.
        titles: of functionalities, by key.
    """

    test: Split
    scored: dict[str, dict[str, Scored]]
    replicates: int
    seed: int
    titles: Mapping[str, str] = field(default_factory=dict)

    def label(self, key: str) -> LabelEvaluation | None:
        """``key`` on the rows that judge it; None where they hold too few positives or negatives."""
        chosen = self.judging(key)
        rows, models = self.test.rows(key, chosen), self._models(key, chosen)
        if not rows.measurable:
            return None
        label = models[MODEL].label
        rate = label.calibration.population_rate
        figures, difference = compare(rows, models, rate, replicates=self.replicates, seed=self.seed)
        views = {name: measured(rows, model, figures[name], rate) for name, model in models.items()}
        sources = Counter(self.test.sources[row] for row in np.flatnonzero(chosen))
        return LabelEvaluation(
            key=key,
            title=label.title,
            rows=len(rows.labels),
            positives=rows.positives,
            groups=len(set(rows.groups)),
            rate=float(rows.weights @ rows.labels / rows.weights.sum()),
            population_rate=rate,
            sources=tuple(source for source, _ in sources.most_common()),
            model=views[MODEL],
            baseline=views.get(BASELINE),
            difference=difference,
            **self._presumed(key),
        )

    def judging(self, key: str) -> npt.NDArray[np.bool_]:
        """Rows that annotate ``key``, of the sources that annotate both answers, (n,).

        A source that only ever says yes would let a model that recognises the source pass for one that reads.
        """
        annotated = self.test.annotated(key) & np.isfinite(self.scored[MODEL][key].scores)
        positive = self.test.target[:, OUTPUT_KEYS.index(key)] > 0.5
        sources = np.array(self.test.sources)
        both = set(sources[annotated & positive]) & set(sources[annotated & ~positive])
        return annotated & np.isin(sources, sorted(both))

    def sources(self, key: str) -> list[SourceEvaluation]:
        """``key`` on each source that can measure it, when there are several or the only one is published."""
        chosen, names = self.judging(key), np.array(self.test.sources)
        return [
            found for name in sorted(set(names[chosen])) if (found := self._source(key, name, chosen & (names == name)))
        ]

    def _source(self, key: str, source: str, chosen: npt.NDArray[np.bool_]) -> SourceEvaluation | None:
        rows, models = self.test.rows(key, chosen), self._models(key, chosen)
        if not rows.measurable:
            return None
        label = models[MODEL].label
        figures, difference = compare(
            rows, models, label.calibration.population_rate, replicates=self.replicates, seed=self.seed
        )
        return SourceEvaluation(
            source=source,
            key=key,
            title=label.title,
            rows=len(rows.labels),
            positives=rows.positives,
            model=figures[MODEL],
            baseline=figures.get(BASELINE, {}),
            difference=difference,
        )

    def suite(self, family: str, bundle: str) -> SuitePair | None:
        """Our own functional cases of ``family`` in the test split; None where there is none to judge."""
        own = np.array(
            [bool(f) and g == family for f, g in zip(self.test.functionalities, self.test.families, strict=True)]
        )
        if family not in self.scored[MODEL] or not (chosen := own & self.test.annotated(family)).any():
            return None
        kept = np.flatnonzero(chosen).tolist()
        # Row weights carry the recipe's factors; here each template weighs one, whatever the recipe.
        instances = Counter(self.test.case_ids[row] for row in kept)
        cases = [self._case(row, family, 1 / instances[self.test.case_ids[row]]) for row in kept]
        results = {
            name: tally(
                cases,
                model.scores,
                suite="vigie",
                bundle=bundle if name == MODEL else "tf-idf",
                label=family,
                level="probable",
                threshold=flag_threshold(model.label, "probable"),
                titles=self.titles,
            )
            for name, model in self._models(family, chosen).items()
        }
        return SuitePair(model=results[MODEL], baseline=results.get(BASELINE))

    def _case(self, row: int, family: str, weight: float) -> Case:
        test = self.test
        return Case(
            text="",
            functionality=test.functionalities[row],
            harmful=test.target[row, OUTPUT_KEYS.index(family)] > 0.5,
            target=test.target_groups[row],
            group=test.case_ids[row],
            weight=weight,
        )

    def _models(self, key: str, chosen: npt.NDArray[np.bool_]) -> dict[str, Scored]:
        """Models that answer ``key``, their scores cut to the rows ``chosen``."""
        return {
            name: Scored(labels[key].scores[chosen], labels[key].label)
            for name, labels in self.scored.items()
            if key in labels
        }

    def _presumed(self, key: str) -> dict[str, Any]:
        model = self.scored[MODEL][key]
        chosen = self.test.presumed(key) & np.isfinite(model.scores)
        if chosen.sum() < MIN_POSITIVES:
            return {}
        hits = flagged(model.scores[chosen], flag_threshold(model.label, "probable"))
        return {"presumed_rows": int(chosen.sum()), "presumed_flagged": _share(hits)}


def _share(hits: npt.NDArray[np.bool_]) -> Interval:
    return wilson(float(hits.sum()), float(len(hits)))


def _lengths(texts: Sequence[str]) -> Histogram:
    """Words per text, on edges that double."""
    edges = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1_000_000)
    counts, _ = np.histogram([max(1, words(text)) for text in texts], bins=edges)
    return Histogram(edges=edges, counts=tuple(int(count) for count in counts))
