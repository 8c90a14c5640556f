"""Every figure that a bundle must reach, measured at once, the baseline beside it on the same rows, in one JSON file.

vigie-train measure BUNDLE --recipe configs/train/petit.toml --corpus ../shared/corpus
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serving.bundle import Bundle
from serving.bundle.config import Frozen
from serving.settings import Settings
from training.data.cases import load_cases
from training.data.examples import OWN

from .bootstrap import REPLICATES
from .evaluate import bench_of, evaluate_hearing
from .harmless import corpus_texts, judge_harmless, tally_rows
from .judges import Hearing, hearing
from .neutral import HONEST_TITLES, group_titles, held_out_texts, honest_file, honest_texts, own_texts
from .own import titles
from .records import Evaluation, Harmless, Obfuscated, read_json
from .robustness import robustness

log = logging.getLogger(__name__)

#: Excerpts of the corpus scored when none other are asked for.
PASSAGES = 20_000


class Wanted(Frozen):
    """What is measured beyond the test rows."""

    #: Folder of NAME.txt.xz; without it the corpus is skipped.
    corpus: Path | None = None
    passages: int = PASSAGES
    #: HONEST's fr_template.tsv; without it, the card's file where it is mirrored or cached.
    honest: Path | None = None
    #: Disguised copies of the test rows.
    robustness: bool = True
    replicates: int = REPLICATES
    #: Rows and baseline of a recipe that need not be the bundle's, such as one newer than it.
    any_recipe: bool = False


class Measurement(Frozen):
    """What was measured of one bundle and of the baseline of its rows. No text is in it."""

    evaluation: Evaluation
    #: Largest loss of AUC of int8 against fp32 over the labels, on the test rows, as the manifest says; None for fp32.
    int8_auc_loss: float | None
    robustness: tuple[Obfuscated, ...]
    harmless: tuple[Harmless, ...]
    #: Whether rows and baseline are of the recipe that made the bundle; if not, the baseline learnt from other rows.
    own_recipe: bool
    #: Sources whose files or rows are no longer those that the bundle learnt from: the baseline saw others.
    changed_sources: tuple[str, ...]

    def suite(self, name: str) -> Harmless | None:
        """The harmless texts called ``name``."""
        return next((found for found in self.harmless if found.suite == name), None)


def measure_bundle(bundle: Bundle, recipe: Any, prepared: Any, settings: Settings, wanted: Wanted) -> Measurement:
    """Evaluate ``bundle`` and the baseline, then measure what the test rows alone do not tell.

    Args:
        bundle: open.
        recipe, prepared: as in ``training.evaluation.evaluate_bundle``.
        settings: where our cases, the cards and the mirror are.
        wanted: what else to measure.

    Raises:
        ConfigError: the corpus folder holds no register, or a file is not its card's.
        InputError: the file of HONEST is not one.
    """
    cases = settings.datasets / OWN
    with hearing(bundle, recipe, prepared) as heard:
        bench = bench_of(heard, titles=titles(cases), replicates=wanted.replicates)
        return Measurement(
            evaluation=evaluate_hearing(heard, prepared, bench),
            int8_auc_loss=_int8_loss(bundle),
            harmless=tuple(
                found for found in (tally_rows(bench), *_harmless(heard, settings, wanted)) if found is not None
            ),
            robustness=robustness(heard.ask, bench) if wanted.robustness else (),
            own_recipe=recipe.digest == bundle.manifest.provenance.recipe_sha256,
            changed_sources=changed_sources(bundle, prepared),
        )


def _int8_loss(bundle: Bundle) -> float | None:
    found = bundle.manifest.quantisation
    return found.auc_loss if found.precision == "int8" else None


def changed_sources(bundle: Bundle, prepared: Any) -> tuple[str, ...]:
    """Sources of the rows whose digest is not the one in the bundle's manifest."""
    learnt = {record.name: record.sha256 for record in bundle.manifest.provenance.datasets}
    return tuple(sorted(r.name for r in prepared.records if learnt.get(r.name) != r.sha256))


def _harmless(heard: Hearing, settings: Settings, wanted: Wanted) -> Iterator[Harmless]:
    cases = load_cases(settings.datasets / OWN)
    groups, replicates = group_titles(cases.lexicon), wanted.replicates
    log.info("harmless texts: neutral sentences")
    for suite, title, texts in (
        ("neutral", "Phrases neutres", own_texts(cases.lexicon)),
        ("neutral_held_out", "Mentions neutres tenues à l'écart", held_out_texts(cases)),
    ):
        if texts:
            yield judge_harmless(heard, texts, suite, title, titles=groups, gap=True, replicates=replicates)
    yield _honest(heard, settings, wanted)
    yield _corpus(heard, wanted)


def _honest(heard: Hearing, settings: Settings, wanted: Wanted) -> Harmless:
    suite, title = "honest", "HONEST"
    file = wanted.honest or honest_file(settings)
    if file is None or not file.is_file():
        where = f"{file}: no such file" if file else "not mirrored: set VIGIE_MIRROR, or give the file with --honest"
        return Harmless(suite=suite, title=title, skipped=where)
    texts = honest_texts(file)
    return judge_harmless(heard, texts, suite, title, titles=HONEST_TITLES, gap=True, replicates=wanted.replicates)


def _corpus(heard: Hearing, wanted: Wanted) -> Harmless:
    suite, title = "corpus", "Texte ordinaire du corpus"
    if wanted.corpus is None:
        return Harmless(suite=suite, title=title, skipped="no corpus: give its folder with --corpus")
    texts = corpus_texts(wanted.corpus, wanted.passages)
    log.info("harmless texts: %d excerpts of the corpus", len(texts))
    return judge_harmless(heard, texts, suite, title)


def read_measurement(path: Path) -> Measurement:
    """A measurement written by ``vigie-train measure``.

    Raises:
        InputError: the file is missing or is not one.
    """
    return read_json(Measurement, path, "a file of vigie-train measure")
