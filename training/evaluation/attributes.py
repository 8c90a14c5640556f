"""Perspective's attributes, as the façade reads them, against Jigsaw's own annotations: test comments in French.

    vigie-train attributes serving/embedded

Most of these comments were chosen toxic: precision and review rate are given on them as they are, and at the rate among
notices received to which the bundle's probabilities are weighted. Recall and the false-positive rate depend on neither.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.bundle import Interval, Manifest, Verdict, prepare
from serving.classifier import Classifier
from serving.facades import Perspective
from serving.settings import Settings
from training.data.cards import Card
from training.data.fetch import fetch
from training.data.splits import split_of

from .bootstrap import intervals
from .metrics import Array

Flags = npt.NDArray[np.bool_]

#: Column of Jigsaw's annotation by attribute.
JIGSAW = {
    "TOXICITY": "toxic",
    "SEVERE_TOXICITY": "severe_toxic",
    "IDENTITY_ATTACK": "identity_hate",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
}
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Comment:
    """A test comment and what Jigsaw's annotators said of it, by column."""

    text: str
    group: str
    truth: dict[str, bool]


@dataclass(frozen=True)
class Line:
    """One attribute at one threshold; ``rate`` is the declared rate of positives to which ``at_rate`` is weighted.

    Attributes:
        metrics: precision, recall, review_rate and fpr on the comments as they are.
        at_rate: precision and review_rate at ``rate``.
    """

    attribute: str
    threshold: float
    comments: int
    positives: int
    rate: float
    metrics: dict[str, Interval]
    at_rate: dict[str, Interval]


def read_comments(card: Card, settings: Settings) -> list[Comment]:
    """The card's test comments, each text once.

    Raises:
        Unavailable: the file is neither mirrored nor reachable.
    """
    (file,) = fetch(card, settings).values()
    found: dict[str, Comment] = {}
    with file.open(encoding="utf-8", newline="") as source:
        for record in csv.DictReader(source):
            group, text = f"{card.name}/{record['msg_id']}", prepare(record["content"])
            assert card.split is not None  # a training card has one
            if text and split_of(group, card.split, 0.0) == "test":
                truth = {column: record[column].strip() == "1" for column in JIGSAW.values()}
                found.setdefault(text, Comment(text, group, truth))
    return list(found.values())


def measure_attributes(
    classifier: Classifier, rules: Perspective, comments: Sequence[Comment], *, replicates: int = 1000
) -> list[Line]:
    """Every attribute that Jigsaw annotated and the bundle scores, at ``THRESHOLDS``."""
    verdicts = classifier.score([comment.text for comment in comments])
    return list(_lines(classifier.manifest, rules, comments, verdicts, replicates))


def _lines(
    manifest: Manifest, rules: Perspective, comments: Sequence[Comment], verdicts: Sequence[object], replicates: int
) -> Iterator[Line]:
    groups = [comment.group for comment in comments]
    for name, column in JIGSAW.items():
        attribute = rules.attribute(name)
        if attribute is None or not attribute.scored(frozenset(manifest.keys)):
            continue
        scores = np.array([_score(attribute.score(found.scores)) for found in verdicts if isinstance(found, Verdict)])
        kept = [number for number, found in enumerate(verdicts) if isinstance(found, Verdict)]
        truth = np.array([comments[number].truth[column] for number in kept])
        label = manifest.label(attribute.labels[-1])
        rate = label.calibration.population_rate if label else 0.0
        units = [groups[number] for number in kept]
        for threshold in THRESHOLDS:
            yield _line(name, threshold, scores >= threshold, truth, rate, units, replicates)


def _score(score: float | None) -> float:
    return float("nan") if score is None else score


def _line(
    name: str, threshold: float, flagged: Flags, truth: Flags, rate: float, groups: Sequence[str], replicates: int
) -> Line:
    share = float(truth.mean())
    # Weights that bring the rate of positives to the declared one.
    weights = np.where(truth, rate / share, (1 - rate) / (1 - share)) if 0 < share < 1 else np.ones(len(truth))

    def statistics(given: Array) -> dict[str, Array]:
        hit, flag = given @ (flagged & truth), given @ flagged
        positive, total = given @ truth, given.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "precision": hit / flag,
                "recall": hit / positive,
                "review_rate": flag / total,
                "fpr": (flag - hit) / (total - positive),
            }

    plain = intervals(statistics, np.ones(len(truth)), groups, replicates=replicates)
    weighted = intervals(statistics, weights, groups, replicates=replicates)
    at_rate = {key: found for key, found in weighted.items() if key in ("precision", "review_rate")}
    return Line(name, threshold, len(truth), int(truth.sum()), rate, plain, at_rate)


_HEADER = (
    "| attribute | threshold | recall | false positives | precision | review rate | precision at the rate | "
    "review rate at the rate |",
    "|---|---|---|---|---|---|---|---|",
)


def as_markdown(lines: Sequence[Line]) -> str:
    """The table of docs/facade_perspective.md, in percent with 95 % intervals."""
    return "\n".join((*_HEADER, *map(_row, lines)))


def _row(line: Line) -> str:
    about = f"`{line.attribute}` ({line.positives} of {line.comments}; rate {100 * line.rate:.0f} %)"
    figures = [line.metrics.get(key) for key in ("recall", "fpr", "precision", "review_rate")]
    figures += [line.at_rate.get(key) for key in ("precision", "review_rate")]
    return f"| {about} | {line.threshold} | " + " | ".join(map(_percent, figures)) + " |"


def _percent(found: Interval | None) -> str:
    return "–" if found is None else f"{100 * found.value:.0f} [{100 * found.low:.0f}–{100 * found.high:.0f}]"
