"""The rows on which a bundle is most surely wrong. Their letters are hidden unless the reader asks to see them."""

from __future__ import annotations

import numpy as np

from serving.bundle import words
from training.audit.records import Mistake
from training.audit.rows import AuditRows
from training.evaluation.measure import Scored
from training.masking import shown


def gravest(rows: AuditRows, key: str, scored: Scored, most: int, *, show_text: bool) -> list[Mistake]:
    """At most ``most`` rows, half of them harmless with the highest scores, half harmful with the lowest."""
    labels, scores = rows.labels[key], scored.scores
    known = np.flatnonzero(np.isfinite(labels) & np.isfinite(scores))
    wrong = np.where(labels[known] > 0.5, 1 - scores[known], scores[known])
    order = known[np.argsort(-wrong, kind="stable")]
    sides = ([row for row in order.tolist() if (labels[row] > 0.5) == side][: most // 2] for side in (False, True))
    return [_mistake(rows, key, row, float(scores[row]), show_text) for side in sides for row in side]


def _mistake(rows: AuditRows, key: str, row: int, score: float, show_text: bool) -> Mistake:
    text = rows.texts[row]
    return Mistake(
        key=key,
        row=row,
        id=rows.ids[row],
        groups=tuple(rows.title(column, group) for column, cells in rows.groups.items() for group in cells[row]),
        harmful=bool(rows.labels[key][row] > 0.5),
        score=score,
        words=words(text),
        text=shown(text, show_text=show_text),
        masked=not show_text,
    )
