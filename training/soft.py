"""Learning from a teacher's probabilities beside the annotations: the columns that carry them, and the loss.

Knows no teacher: prepared rows may have two more columns, both float [22] in the order of ``OUTPUT_KEYS``.
    soft           the teacher's probability at the recipe's temperature
    soft_weight    weight of that cell; 0 where the teacher does not answer

Source: Hinton, Vinyals and Dean (2015), Distilling the Knowledge in a Neural Network, one output at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from torch.nn import functional as F

from serving.bundle.taxonomy import OUTPUT_KEYS

if TYPE_CHECKING:
    from training.finetune import MaskedLoss
    from training.recipe import DistillationSection

SOFT, SOFT_WEIGHT = "soft", "soft_weight"


def with_soft(encoded: Dataset, rows: Dataset, keys: Sequence[str]) -> Dataset:
    """Encoded rows whose ``labels``, shape (2, keys), are followed by the rows' soft targets: shape (4, keys).

    Rows without the columns come back as they are.
    """
    if SOFT not in rows.column_names:
        return encoded
    index = [OUTPUT_KEYS.index(key) for key in keys]
    hard = np.asarray(encoded["labels"], dtype=np.float32)
    soft = [np.asarray(rows[name], dtype=np.float32)[:, None, index] for name in (SOFT, SOFT_WEIGHT)]
    labels = np.concatenate([hard, *soft], axis=1)
    return encoded.remove_columns("labels").add_column("labels", labels.tolist())


class DistilledLoss:
    """The annotations' loss and the teacher's, cell by cell.

    Where the teacher answers, it takes ``share`` of the cell and the annotation keeps the rest; where it does not,
    the annotation keeps all; where nobody annotated, the teacher's share is all there is. The soft part is multiplied
    by temperature squared, so that its gradient keeps its size (Hinton et al., section 2).
    """

    def __init__(self, hard: MaskedLoss, *, share: float, temperature: float, weight_per_row: float) -> None:
        self.hard, self.share, self.temperature = hard, share, temperature
        self.weight_per_row = weight_per_row

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        """``labels``: (batch, 4, keys) of values, weights, soft targets and their weights; (batch, 2, keys) without
        a teacher, as in validation. A scalar comes back."""
        if labels.shape[1] == 2:
            return self.hard(outputs, labels)
        values, weights, soft, soft_weights = labels.unbind(1)
        left = weights * (1 - self.share * (soft_weights > 0))
        hard = self.hard(outputs, torch.stack([values, left], 1)) * self.hard.weight_per_row
        return (hard + self._soft(outputs["logits"], soft, soft_weights) / len(labels)) / self.weight_per_row

    def _soft(self, logits: torch.Tensor, soft: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        cells = F.binary_cross_entropy_with_logits(logits / self.temperature, soft, reduction="none")
        return self.share * self.temperature**2 * (cells * weights).sum()


def distilled(section: DistillationSection | None, hard: MaskedLoss, train: Dataset) -> MaskedLoss | DistilledLoss:
    """The loss of a run: ``hard`` alone, or beside the teacher's answers that ``train`` (encoded) carries."""
    if section is None:
        return hard
    labels = np.asarray(train["labels"], dtype=np.float32)
    if labels.shape[1] == 2:
        return hard
    weights, soft_weights = labels[:, 1], labels[:, 3]
    cells = weights * (1 - section.share * (soft_weights > 0)) + section.share * soft_weights
    return DistilledLoss(
        hard, share=section.share, temperature=section.temperature, weight_per_row=float(cells.sum(1).mean())
    )
