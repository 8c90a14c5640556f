"""The training rows that are nearest to an error: what the model may have learnt it from. Shows no text unasked.

Nearest by characters (TF-IDF of 3 to 5, cosine), which is what the n-gram branch sees; the encoder may see otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from serving.bundle import OUTPUT_KEYS
from training.audit.records import Mistake, Neighbour
from training.audit.rows import AuditRows
from training.evaluation.split import Split, read_split
from training.masking import shown

_FEATURES = 100_000


@dataclass(frozen=True)
class Learnt:
    """The rows that a bundle learnt from, and their ids (n,)."""

    split: Split
    ids: list[str]

    @classmethod
    def of(cls, table: Any) -> Learnt:
        """The training table of a recipe (a ``datasets.Dataset``)."""
        return cls(read_split(table), list(table["row_id"]))


def with_neighbours(
    mistakes: Sequence[Mistake], rows: AuditRows, learnt: Learnt, most: int, *, show_text: bool
) -> tuple[Mistake, ...]:
    """``mistakes``, each with at most ``most`` training rows, nearest first."""
    if not mistakes or not most:
        return tuple(mistakes)
    near = nearest([rows.texts[item.row] for item in mistakes], learnt.split.texts, most)
    return tuple(
        item.model_copy(update={"neighbours": _told(learnt, line, item.key, show_text)})
        for item, line in zip(mistakes, near, strict=True)
    )


def nearest(asked: Sequence[str], texts: Sequence[str], most: int) -> list[list[tuple[int, float]]]:
    """For each text asked, the rows of ``texts`` most like it and how much, from 0 to 1; a row that shares nothing is
    left out."""
    vectors = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=_FEATURES, dtype=np.float32
    )
    known = vectors.fit_transform(texts)
    alike = np.asarray((vectors.transform(asked) @ known.T).todense())
    order = np.argsort(-alike, axis=1, kind="stable")[:, :most]
    return [
        [(int(row), float(line[row])) for row in best if line[row] > 0] for line, best in zip(alike, order, strict=True)
    ]


def _told(learnt: Learnt, line: Sequence[tuple[int, float]], key: str, show_text: bool) -> tuple[Neighbour, ...]:
    column, taught = OUTPUT_KEYS.index(key), learnt.split
    return tuple(
        Neighbour(
            id=learnt.ids[row],
            source=taught.sources[row],
            alike=round(alike, 3),
            harmful=bool(taught.target[row, column] > 0.5) if taught.mask[row, column] >= 1 else None,
            text=shown(taught.texts[row], show_text=show_text),
        )
        for row, alike in line
    )
