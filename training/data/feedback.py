"""Decisions of a review queue as training rows: the file that ``vigie queue export`` writes, read back.

Knows no queue and no database: only the file. Two readers who disagree make a soft label. A case of the audit draw
stands for those that nobody drew: it weighs by the inverse of the probability by which it was drawn (Horvitz and
Thompson, 1952), as a share of the mean of such weights, and no more than ``most`` times that mean: one row of a tiny
probability must not lead the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from serving.bundle import FAMILIES, OUTPUT_KEYS, ConfigError, prepare
from serving.bundle.config import Frozen
from serving.bundle.text import words

from .digests import file_sha256
from .examples import Example
from .truth import Truth, children, places

#: Source name of the decisions.
FEEDBACK = "feedback"
FEEDBACK_LICENCE = "decisions of this deployment: not to be passed on"
#: Columns of the file that are read (docs/queue.md tells them all).
COLUMNS = ("row_id", "text", "illegal", "family", "audit", "weight")


class FeedbackSection(Frozen):
    """``[data.feedback]``: decisions of the queue, and what they weigh."""

    #: As ``vigie queue export`` wrote it.
    file: Path
    #: Of a decision, where an annotation of a source weighs one.
    weight: Annotated[float, Field(gt=0)]
    #: Greatest weight of a case of the audit draw, over the mean of theirs.
    most: Annotated[float, Field(ge=1)]
    #: Words of the longest text learnt from. Training cuts what is longer, and a decision does not say which part it is
    #: about; legal texts are left out alike, or length itself would be a sign of innocence.
    longest_words: Annotated[int, Field(ge=1)]


def feedback_examples(section: FeedbackSection) -> tuple[list[Example], Counter[str]]:
    """The usable rows of the file in its order, and counts of what was met (``read``: rows read).

    Raises:
        ConfigError: the file cannot be read, or lacks a column.
    """
    rows = _rows(section.file)
    notes = Counter(read=len(rows), audit=sum(row["audit"] for row in rows))
    weights = _weights(rows, section)
    examples = []
    for row, weight in zip(rows, weights, strict=True):
        text = prepare(row["text"])
        if why := _unusable(row, text, section):
            notes[why] += 1
            continue
        name = f"{FEEDBACK}/{row['row_id']}"
        examples.append(Example(text, FEEDBACK, name, name, of_decision(row["illegal"], row["family"], weight)))
    return examples, notes


def _unusable(row: Mapping[str, Any], text: str, section: FeedbackSection) -> str | None:
    if not text:
        return "no_text"
    if row["illegal"] > 0 and row["family"] not in FAMILIES:
        return "other_ground"
    return "too_long" if words(text) > section.longest_words else None


def feedback_digest(section: FeedbackSection) -> str:
    """sha256 of the file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file_sha256(section.file)
    except OSError:
        raise _unreadable(section.file) from None


def of_decision(illegal: float, family: str | None, weight: float) -> Truth:
    """What a decision says: a legal text is of no family; an illegal one is of its ground's, and the rest is unknown.

    ``illegal``: share of the readers who found it so; the target of the family.
    """
    known = children(FAMILIES) if not illegal else {family or ""}
    target, mask = np.zeros(len(OUTPUT_KEYS), np.float32), np.zeros(len(OUTPUT_KEYS), np.float32)
    mask[places(known)] = 1.0
    if illegal:
        target[places(known)] = illegal
    return Truth(target, mask, weight)


def _weights(rows: Sequence[Mapping[str, Any]], section: FeedbackSection) -> list[float]:
    drawn = [row["weight"] for row in rows if row["audit"]]
    mean = float(np.mean(drawn)) if drawn else 1.0
    return [section.weight * (min(row["weight"] / mean, section.most) if row["audit"] else 1.0) for row in rows]


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid):
        raise _unreadable(path) from None
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise ConfigError(f"{path}: no column {missing[0]!r}; expected the columns of vigie queue export")
    rows: list[dict[str, Any]] = table.select(list(COLUMNS)).to_pylist()
    return rows


def _unreadable(path: Path) -> ConfigError:
    return ConfigError(
        f"data.feedback.file = {str(path)!r}: not a Parquet file that can be read; write one: vigie queue export"
    )
