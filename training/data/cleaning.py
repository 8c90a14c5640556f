"""Doubts annotations of noisy sources that everything else we learn from contradicts. Training rows only.

Confident learning: a linear model that has not seen a row, nor a row of its group, says how likely its label is; an
annotation is doubted when the model finds the other answer at least as likely as it does, on average, on the rows
annotated so. No row is removed and no label is turned: a doubted annotation becomes unknown.

Source: Northcutt, Jiang and Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels. The library
cleanlab does it for labels that exclude each other and are known of every row; ours are neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from serving.bundle.config import Frozen

from .digests import file_sha256
from .examples import Example
from .recipe import CleaningSection
from .truth import children, places

if TYPE_CHECKING:
    from training.evaluation.split import Split

Probabilities = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]


class Doubts(Frozen):
    """Annotations of one label of one source, and how many of them are doubted.

    Attributes:
        auc: of the out-of-fold predictions against the annotations; None when one class is empty.
    """

    source: str
    label: str
    positive: int
    negative: int
    doubted_positive: int
    doubted_negative: int
    auc: float | None


@dataclass(frozen=True)
class Cleaned:
    """Training examples whose doubted annotations are unknown, and the counts behind them."""

    examples: list[Example]
    doubts: tuple[Doubts, ...]


def clean(train: Sequence[Example], section: CleaningSection | None, seed: int) -> Cleaned:
    """``train``, weighed, its sources' doubted annotations unknown; as it is without a section.

    A family that is doubted takes its sub-labels with it: a positive one would raise it again.
    """
    if section is None:
        return Cleaned(list(train), ())
    believed = out_of_fold(train, section, seed)
    examples, counts = list(train), []
    for source in section.sources:
        ours = np.array([example.source == source for example in train], dtype=bool)
        for column, label in enumerate(section.labels):
            rows, truth = _annotated(train, ours, label)
            doubted = doubtful(truth, believed[rows, column], section.method, section.most)
            counts.append(_counted(source, label, truth, believed[rows, column], doubted))
            for row in rows[doubted]:
                examples[row] = _without(examples[row], label)
    return Cleaned(examples, tuple(counts))


def out_of_fold(train: Sequence[Example], section: CleaningSection, seed: int) -> Probabilities:
    """Probability of each of the section's labels by a model that learnt from other groups, shape (rows, labels).

    Every row teaches, those of the doubted sources too. Rows of other sources are not predicted (NaN), nor is a label
    that the other folds do not teach.
    """
    # Here, because the baseline belongs to evaluation, whose package loads far more than this step needs.
    from training.evaluation.baseline import train_baseline

    found = np.full((len(train), len(section.labels)), np.nan)
    asked = np.array([example.source in section.sources for example in train], dtype=bool)
    folds = GroupKFold(n_splits=section.folds, shuffle=True, random_state=seed)
    for learnt, left in folds.split(train, groups=[example.group for example in train]):
        rows = left[asked[left]]
        if not len(rows):
            continue
        # One positive weighs one negative: the probabilities are to be believed as they are.
        model = train_baseline(_split([train[n] for n in learnt]), keys=section.labels, pos_weight_max=1.0, seed=seed)
        logits = model.logits([train[n].text for n in rows]) if model.keys else np.empty((len(rows), 0))
        columns = [section.labels.index(key) for key in model.keys]
        found[np.ix_(rows, columns)] = 1 / (1 + np.exp(-logits))
    return found


def doubtful(truth: Chosen, believed: Probabilities, method: str, most: float) -> Chosen:
    """Which annotations are doubted, shape (rows,).

    Args:
        truth: what was annotated.
        believed: out-of-fold probability that the label holds; NaN is never doubted.
        method, most: of ``[data.cleaning]``.
    """
    doubted = np.zeros(len(truth), dtype=bool)
    known = ~np.isnan(believed)
    if not (truth & known).any() or not (~truth & known).any():
        return doubted
    confident = _contradicted(truth, believed, known)
    for side in (True, False):
        rows = np.flatnonzero((truth == side) & known)
        own = believed[rows] if side else 1 - believed[rows]
        least_believed = rows[np.argsort(own, kind="stable")][: int(most * len(rows))]
        doubted[least_believed] = confident[least_believed] if method == "confident" else True
    return doubted


def _contradicted(truth: Chosen, believed: Probabilities, known: Chosen) -> Chosen:
    """Off the diagonal of the confident joint: counted with the other class than the annotated one."""
    yes = believed >= believed[truth & known].mean()
    no = 1 - believed >= 1 - believed[~truth & known].mean()
    likelier = believed > 0.5
    off_diagonal: Chosen = np.where(truth, no & ~(yes & likelier), yes & ~(no & ~likelier)) & known
    return off_diagonal


def _annotated(train: Sequence[Example], ours: Chosen, label: str) -> tuple[npt.NDArray[np.intp], Chosen]:
    """Rows of a source on which a person decided, and what they said; a presumption is nobody's word."""
    (column,) = places([label])
    rows = [n for n in np.flatnonzero(ours).tolist() if train[n].truth.mask[column] >= 1]
    truth = np.array([train[n].truth.target[column] > 0.5 for n in rows], dtype=bool)
    return np.array(rows, dtype=np.intp), truth


def _without(example: Example, label: str) -> Example:
    unknown = places(children([label]))
    target, mask = example.truth.target.copy(), example.truth.mask.copy()
    target[unknown] = mask[unknown] = 0
    return replace(example, truth=replace(example.truth, target=target, mask=mask))


def _counted(source: str, label: str, truth: Chosen, believed: Probabilities, doubted: Chosen) -> Doubts:
    known = ~np.isnan(believed)
    both = bool(truth[known].any() and not truth[known].all())
    return Doubts(
        source=source,
        label=label,
        positive=int(truth.sum()),
        negative=int((~truth).sum()),
        doubted_positive=int((doubted & truth).sum()),
        doubted_negative=int((doubted & ~truth).sum()),
        auc=round(float(roc_auc_score(truth[known], believed[known])), 3) if both else None,
    )


def _split(examples: Iterable[Example]) -> Split:
    from training.evaluation.split import Split

    rows = list(examples)
    return Split(
        texts=[e.text for e in rows],
        sources=[e.source for e in rows],
        groups=[e.group for e in rows],
        case_ids=[e.case_id for e in rows],
        functionalities=[e.functionality for e in rows],
        families=[e.family for e in rows],
        target_groups=[e.target_group for e in rows],
        target=np.stack([e.truth.target for e in rows]).astype(np.float64),
        mask=np.stack([e.truth.mask for e in rows]).astype(np.float64),
        weight=np.array([e.truth.weight for e in rows], dtype=np.float64),
    )


def judge_sha256() -> str:
    """Digest of the code of the model that judges: prepared tables depend on it."""
    import training.evaluation.baseline as judge

    return file_sha256(Path(str(judge.__file__)))
