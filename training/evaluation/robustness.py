"""How much worse the scores rank when texts are disguised: AUC on the test rows and on obfuscated copies of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from serving.bundle import FAMILIES

from . import metrics as m
from .bootstrap import intervals
from .evaluate import Bench
from .judges import MODEL
from .measure import Rows, Scored
from .metrics import Array
from .obfuscation import MIXED, OPERATORS, STACKED, TITLES, obfuscated
from .records import Figures, Obfuscated

log = logging.getLogger(__name__)

COPIES = (*OPERATORS, MIXED, STACKED)
_CLEAN = "clean"

Ask = Callable[[Sequence[str]], Mapping[str, Mapping[str, Scored]]]


def robustness(ask: Ask, bench: Bench, *, copies: Sequence[str] = COPIES, seed: int = 0) -> tuple[Obfuscated, ...]:
    """AUC of each family on the rows that judge it, clean and through each of ``copies``, for every judge.

    Args:
        ask: texts in, judge -> label key -> scores out (``Hearing.ask``).
        bench: the rows with their clean scores.
        copies: names of operators, ``MIXED`` or ``STACKED``.
        seed: of the disguises; never one of training.
    """
    keys = [key for key in FAMILIES if key in bench.scored[MODEL]]
    judging = {key: bench.judging(key) for key in keys}
    asked = np.flatnonzero(np.any([*judging.values()], axis=0)).tolist()
    texts = [bench.test.texts[row] for row in asked]
    scores = {_CLEAN: {name: {k: s[k].scores[asked] for k in s} for name, s in bench.scored.items()}}
    for copy in copies:
        log.info("robustness: %s, %d texts", copy, len(texts))
        answers = ask(obfuscated(texts, copy, seed))
        scores[copy] = {name: {k: s[k].scores for k in s} for name, s in answers.items()}
    return tuple(
        found for key in keys for found in _of_label(key, bench, judging[key], np.array(asked), scores, copies)
    )


def _of_label(
    key: str,
    bench: Bench,
    judging: npt.NDArray[np.bool_],
    asked: npt.NDArray[np.intp],
    scores: Mapping[str, Mapping[str, Mapping[str, Array]]],
    copies: Sequence[str],
) -> list[Obfuscated]:
    rows = bench.test.rows(key, judging)
    if not rows.measurable:
        return []
    kept = judging[asked]
    # A copy that cannot be read is not flagged: it ranks last.
    named = {
        f"{judge}:{copy}": np.nan_to_num(given[judge][key][kept])
        for copy, given in scores.items()
        for judge in given
        if key in given[judge]
    }
    found = _areas(rows, named, bench)
    judges = sorted({name.partition(":")[0] for name in named})
    return [
        Obfuscated(
            disguise=copy,
            title=TITLES[copy],
            key=key,
            rows=len(rows.labels),
            clean={judge: found[f"{judge}:{_CLEAN}"] for judge in judges},
            disguised={judge: found[f"{judge}:{copy}"] for judge in judges},
            drop={judge: found[f"drop:{judge}:{copy}"] for judge in judges},
        )
        for copy in copies
    ]


def _areas(rows: Rows, named: Mapping[str, Array], bench: Bench) -> Figures:
    """AUC of each ``judge:copy``, and ``drop:judge:copy`` from the clean rows, all on the same resamples."""

    def statistics(weights: Array) -> dict[str, Array]:
        areas = {name: m.roc_auc(rows.labels, scores, weights) for name, scores in named.items()}
        drops = {f"drop:{name}": areas[f"{name.partition(':')[0]}:{_CLEAN}"] - area for name, area in areas.items()}
        return areas | drops

    return intervals(statistics, rows.weights, rows.groups, replicates=bench.replicates, seed=bench.seed)
