"""Audits a sealed bundle on rows with groups, through the classifier that serves it. Decides nothing of the gate.

Everything is measured with the bundle's own int8 weights, windows, calibration and thresholds; nothing is trained.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from serving.bundle import FAMILIES, Bundle
from serving.classifier import Classifier
from training.data.cases import OwnCases
from training.evaluation.evaluate import Bench
from training.evaluation.harmless import Plain, tally_harmless
from training.evaluation.judges import MODEL, served
from training.evaluation.measure import Scored
from training.evaluation.neutral import HONEST_TITLES, group_titles, honest_texts, own_texts
from training.evaluation.obfuscation import MIXED, STACKED
from training.evaluation.own import INSTANCES, held_out
from training.evaluation.records import Harmless, Obfuscated
from training.evaluation.robustness import robustness
from training.evaluation.suites import HATECHECK_TITLES, read_hatecheck

from .config import AuditSection
from .errors.mistakes import gravest
from .errors.neighbours import Learnt, with_neighbours
from .errors.slices import find_slices
from .functional import judge_cases
from .groups.mentions import Mentions
from .groups.subgroups import audit_column
from .groups.varieties import Varieties
from .queue.figures import audit_queue
from .queue.rows import QueueFile
from .records import Audit, Counterfactual, Functional, Request, Table
from .rows import SOURCE, AuditRows, crossed, sampled
from .shift import source_shifts
from .variants.sets import variant_sets
from .variants.shifts import judge_variants

log = logging.getLogger(__name__)

#: An audit of the recipe's own rows, with no option.
_PLAIN = Request()
#: Texts in, scores (n,) of each label out.
Ask = Callable[[Sequence[str]], Mapping[str, Scored]]


@dataclass(frozen=True)
class Materials:
    """What an audit asks beside the rows.

    Attributes:
        cases: our own, with their lexicon.
        honest: HONEST's fr_template.tsv; None skips it.
        suites: files of Multilingual HateCheck's schema, judged on ``haine``.
        learnt: the rows that the bundle learnt from; None leaves out source shift and neighbours.
        queue: what became of the cases of a queue; None leaves it out.
    """

    cases: OwnCases
    honest: Path | None = None
    suites: tuple[Path, ...] = field(default=())
    learnt: Learnt | None = None
    queue: QueueFile | None = None


def audit_bundle(
    bundle: Bundle,
    rows: AuditRows,
    section: AuditSection,
    materials: Materials,
    *,
    request: Request = _PLAIN,
    sessions: int | None = None,
    show_text: bool = False,
) -> Audit:
    """Everything the report shows, writing nothing.

    Args:
        bundle: open.
        rows: judged by group.
        section: how.
        materials: sentences and suites that are asked whatever the rows.
        request: what was asked, kept beside the figures.
        sessions: ONNX sessions.
        show_text: keep the text of the gravest mistakes.

    Raises:
        BundleError: the bundle does not load.
        InputError: a suite or HONEST's file is not one.
    """
    started = time.monotonic()
    with closing(Classifier(bundle, sessions)) as classifier:

        def ask(texts: Sequence[str]) -> Mapping[str, Scored]:
            return served(classifier, texts)

        log.info("audit: scoring %d rows", len(rows))
        scored = ask(rows.texts)
        left_out = dict(_left_out(rows, scored, section))
        labels = [key for key in section.labels if key not in left_out]
        log.info("audit: groups and intersections of %s", ", ".join(labels) or "no label")
        parts: dict[str, Any] = {
            "tables": tuple(_tables(rows, labels, scored, section)),
            "counterfactuals": tuple(_counterfactuals(ask, materials, section)),
            "functional": tuple(_functional(ask, bundle.id, materials, section)),
            "harmless": tuple(_harmless(ask, materials, section)),
            "robustness": _robustness(ask, rows, scored, section),
        }
    log.info("audit: errors, shift and queue")
    parts |= _errors(rows, labels, scored, section, materials.learnt, show_text) | _queue(bundle, materials, section)
    return Audit(
        **_identity(bundle, rows, section),
        request=request,
        unscored=int(np.isnan(next(iter(scored.values())).scores).sum()),
        thresholds={key: scored[key].thresholds() for key in section.labels if key in scored},
        left_out=left_out,
        seconds=round(time.monotonic() - started, 1),
        **parts,
    )


def _identity(bundle: Bundle, rows: AuditRows, section: AuditSection) -> dict[str, Any]:
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": bundle.id,
        "bundle_name": bundle.manifest.name,
        "model_sha256": bundle.manifest.files["model.onnx"],
        "data": rows.name,
        "data_sha256": rows.sha256,
        "rows": len(rows),
    } | {
        name: getattr(section, name)
        for name in ("replicates", "seed", "least_units", "multiplicity", "significance", "level")
    }


def _left_out(rows: AuditRows, scored: Mapping[str, Scored], section: AuditSection) -> Iterator[tuple[str, str]]:
    for key in section.labels:
        known = rows.labels.get(key, np.array([np.nan]))
        known = known[np.isfinite(known)]
        if key not in scored:
            yield key, "sortie que le modèle ne donne pas"
        elif not len(known):
            yield key, "sortie que les lignes n'annotent pas"
        elif known.min() == known.max():
            yield key, "une seule des deux réponses est annotée"


def _tables(
    rows: AuditRows, labels: Sequence[str], scored: Mapping[str, Scored], section: AuditSection
) -> Iterator[Table]:
    columns = [*((column, rows.members(column)) for column in rows.groups), *crossed(rows)]
    for key in labels:
        for column, members in columns:
            if members:
                yield audit_column(rows, column, members, key, scored[key], section)


def _counterfactuals(ask: Ask, materials: Materials, section: AuditSection) -> Iterator[Counterfactual]:
    for found in variant_sets(materials.cases, section.seed):
        log.info("audit: %d sentences of set %s", len(found.variants), found.key)
        scored = ask([item.text for item in found.variants])
        for key in found.families:
            if key in scored and (judged := judge_variants(found, key, scored[key], section)):
                yield judged


def _functional(ask: Ask, bundle: str, materials: Materials, section: AuditSection) -> Iterator[Functional]:
    cases, groups = materials.cases, group_titles(materials.cases.lexicon)
    titles = {case.functionality.key: case.functionality.title for case in cases.cases}
    for family in FAMILIES:
        written = held_out(cases, family, INSTANCES, section.seed)
        scored = ask([case.text for case in written])
        if written and family in scored:
            yield judge_cases(written, scored[family], suite="vigie", bundle=bundle, level=section.level,
                              titles=titles, groups=groups)  # fmt: skip
    for file in materials.suites:
        read = read_hatecheck(file)
        scored = ask([case.text for case in read])
        if "haine" in scored:
            yield judge_cases(read, scored["haine"], suite=file.stem, bundle=bundle, level=section.level,
                              titles=HATECHECK_TITLES, groups={}, file=file)  # fmt: skip


def _harmless(ask: Ask, materials: Materials, section: AuditSection) -> Iterator[Harmless]:
    lexicon = materials.cases.lexicon
    yield _plain(ask, own_texts(lexicon), "neutral", "Phrases neutres", group_titles(lexicon), section)
    if materials.honest is None:
        yield Harmless(suite="honest", title="HONEST", skipped="fichier absent : VIGIE_MIRROR, ou --honest")
    else:
        yield _plain(ask, honest_texts(materials.honest), "honest", "HONEST", HONEST_TITLES, section)


def _plain(
    ask: Ask, texts: Sequence[Plain], suite: str, title: str, titles: Mapping[str, str], section: AuditSection
) -> Harmless:
    scored = {MODEL: ask([item.text for item in texts])}
    return tally_harmless(scored, texts, suite, title, titles=titles, gap=True, replicates=section.replicates)


def _robustness(
    ask: Ask, rows: AuditRows, scored: Mapping[str, Scored], section: AuditSection
) -> tuple[Obfuscated, ...]:
    """AUC lost on disguised copies of a sample of the rows, as ``training.evaluation.robustness`` measures it."""
    chosen = list(sampled(rows, section.disguised_rows, section.seed)) if section.disguised_rows else []
    families = {key: Scored(s.scores[chosen], s.label) for key, s in scored.items() if key in rows.labels}
    if not chosen or not any(key in families for key in FAMILIES):
        return ()
    bench = Bench(rows.as_split().taken(chosen), {MODEL: families}, section.replicates, section.seed)
    return robustness(lambda texts: {MODEL: dict(ask(texts))}, bench, copies=(MIXED, STACKED), seed=section.seed)


def _errors(
    rows: AuditRows,
    labels: Sequence[str],
    scored: Mapping[str, Scored],
    section: AuditSection,
    learnt: Learnt | None,
    show_text: bool,
) -> dict[str, Any]:
    """The gravest mistakes, where errors gather, and, with the rows that were learnt, what these have to do with it."""
    found = [item for key in labels for item in gravest(rows, key, scored[key], section.mistakes, show_text=show_text)]
    return {
        "mistakes": with_neighbours(found, rows, learnt, section.neighbours, show_text=show_text) if learnt else found,
        "slices": find_slices(rows, labels, scored, section),
        "shifts": source_shifts(rows, labels, scored, learnt, section)
        if learnt and section.taught_rows and SOURCE in rows.groups
        else (),
    }


def _queue(bundle: Bundle, materials: Materials, section: AuditSection) -> dict[str, Any]:
    if materials.queue is None:
        return {}
    lexicon = materials.cases.lexicon
    titles = dict(group_titles(lexicon)) | {label.key: label.title for label in bundle.manifest.labels}
    varieties = Varieties.of(materials.cases, section.seed)
    return {"queue": audit_queue(materials.queue, Mentions.of(lexicon), varieties, titles, section)}
