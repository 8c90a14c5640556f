"""Labels that a model which has not seen them does not believe: the only user of cleanlab.

One source and one label at a time, where a person decided: that is the binary, complete case that cleanlab is made for
(Northcutt, Jiang and Chuang, 2021). What it finds is where to look first, not what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from cleanlab.count import compute_confident_joint, estimate_latent
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import roc_auc_score

from training.data.cleaning import Chosen, Probabilities
from training.data.examples import Example
from training.data.second_reading import Reading
from training.data.truth import places
from training.evaluation.bootstrap import wilson
from training.masking import shown

from .agreement import key_of
from .records import Confirmed, Noise, Suspect

#: Rows of either answer below which nothing is estimated, and reread rows below which nothing is confirmed.
LEAST, _LEAST_REREAD = 20, 20


def noise(
    examples: Sequence[Example],
    believed: Probabilities,
    label: str,
    title: str,
    readings: Mapping[str, Reading],
    *,
    most: int,
    show_text: bool,
) -> Noise | None:
    """``label`` of one source.

    Args:
        examples: n rows of the source.
        believed: (n,) probability of the label out of fold; NaN where the other folds teach none.
        readings: by row key.
        most: suspects listed.

    Returns:
        None where fewer than ``LEAST`` rows are annotated with either answer.
    """
    (column,) = places([label])
    known = [n for n, e in enumerate(examples) if e.truth.mask[column] >= 1 and np.isfinite(believed[n])]
    given = np.array([examples[n].truth.target[column] > 0.5 for n in known], dtype=int)
    if min(given.sum(), len(given) - given.sum()) < LEAST:
        return None
    chances = np.stack([1 - believed[known], believed[known]], axis=1)
    joint = compute_confident_joint(given, chances)
    doubted = find_label_issues(given, chances, confident_joint=joint, n_jobs=1)
    reread = [_reread(readings.get(key_of(examples[n])), column) for n in known]
    order = np.argsort(get_label_quality_scores(given, chances, method="normalized_margin"), kind="stable")
    return Noise(
        label=label,
        title=title,
        positive=int(given.sum()),
        negative=int(len(given) - given.sum()),
        auc=round(float(roc_auc_score(given, chances[:, 1])), 3),
        **_rates(joint, given),
        doubted_positive=int((doubted & (given == 1)).sum()),
        doubted_negative=int((doubted & (given == 0)).sum()),
        confirmed=_confirmed(doubted, given, reread),
        suspects=tuple(
            Suspect(
                row_id=examples[known[n]].row_id,
                given=bool(given[n]),
                believed=round(float(chances[n, 1]), 3),
                reread=reread[n],
                text=shown(examples[known[n]].text, show_text=show_text),
            )
            for n in order[doubted[order]][:most].tolist()
        ),
    )


def _rates(joint: np.ndarray, given: np.ndarray) -> dict[str, float]:
    """cleanlab's estimates: ``noise_matrix[given, true]`` is the chance of a published label where another is true."""
    share, matrix, _ = estimate_latent(joint, given)
    wrong = share[0] * matrix[1, 0] + share[1] * matrix[0, 1]
    named = {"false_positive": matrix[1, 0], "false_negative": matrix[0, 1], "wrong": wrong}
    return {name: round(float(value), 3) for name, value in named.items()}


def _reread(reading: Reading | None, column: int) -> bool | None:
    if reading is None:
        return None
    truth = reading.truth(1.0)
    return bool(truth.target[column] > 0.5) if truth.mask[column] >= 1 else None


def _confirmed(doubted: Chosen, given: np.ndarray, reread: Sequence[bool | None]) -> Confirmed | None:
    """Share contradicted by the second reader, among rows doubted and among the others."""
    read = np.array([answer is not None for answer in reread], dtype=bool)
    against = read & (np.array([bool(answer) for answer in reread]) != (given == 1))
    sides = [(int((read & side).sum()), int((against & side).sum())) for side in (doubted, ~doubted)]
    if min(total for total, _ in sides) < _LEAST_REREAD:
        return None
    return Confirmed(
        doubted_rows=sides[0][0],
        other_rows=sides[1][0],
        doubted=wilson(sides[0][1], sides[0][0]),
        others=wilson(sides[1][1], sides[1][0]),
    )
