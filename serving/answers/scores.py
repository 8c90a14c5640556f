"""What scoring, explaining, replaying and the bundle answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from .words import Answer, BundleId, Digest, Fault, Levels, Probability, Scores, Status


class Flags(Answer):
    """How a text was read: windows, whether some of it lies beyond them, whether it is surely not French."""

    windows: Annotated[int, Field(ge=1)]
    truncated: bool
    not_french: bool


class Receipt(Answer):
    """What proves later that a text got these scores from this bundle. Goes back exactly as it came."""

    model_config = ConfigDict(extra="allow")

    text_hmac: Digest
    bundle: BundleId
    scores: Scores
    levels: Levels
    exact: bool
    signature: Digest


class Word(Answer):
    """A word, in code points of the text as it came."""

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


class Span(Word):
    """Words that carry a label; ``weight`` is the logit that the label loses without them."""

    label: str
    weight: float


class Score(Answer):
    """What one text got: scores, or the error that says why it has none."""

    id: str
    status: Status
    labels: Scores
    levels: Levels
    flags: Flags | None
    error: Fault | None
    #: Only where asked for, and None for a text without scores.
    receipt: Receipt | None = None
    spans: tuple[Span, ...] | None = None


class ScoreAnswer(Answer):
    """``/v1/score``: one element per text, in order, all from one bundle."""

    bundle: BundleId
    items: tuple[Score, ...]


class Explanation(Score):
    """A score, with what each word weighs for each label asked; None for a text without scores."""

    words: tuple[Word, ...] | None
    weights: dict[str, tuple[float, ...]] | None


class ExplainAnswer(Answer):
    """``/v1/explain``: one element per text, in order."""

    bundle: BundleId
    items: tuple[Explanation, ...]


class Replay(Answer):
    """``/v1/receipts:replay``: whether the same text gets the same scores, to the last bit."""

    bundle: BundleId
    identical: bool
    largest_difference: float
    exact: bool
    scores: Scores
    levels: Levels


class Interval(Answer):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Threshold(Answer):
    """What a formula gives for one label; ``threshold`` is None when no threshold satisfies it."""

    label: str
    attainable: bool
    threshold: Probability | None
    metrics: dict[str, Interval]
    population_rate: float
    positives: int
    rows: int


class ThresholdsAnswer(Answer):
    """``/v1/thresholds``: the formula as it was understood, and one row per label."""

    bundle: BundleId
    formula: str
    labels: tuple[Threshold, ...]


class OperatingPoint(Answer):
    """The threshold from which a level holds."""

    level: str
    formula: str
    threshold: Probability | None
    metrics: dict[str, Interval]


class BundleLabel(Answer):
    """One label that the bundle scores."""

    key: str
    title: str
    family: str | None
    severity: float | None
    calibration: dict[str, Any]
    operating_points: tuple[OperatingPoint, ...]
    metrics: dict[str, Interval]


class BundleAnswer(Answer):
    """``/v1/bundle``: what scores here, and where it comes from."""

    id: BundleId
    schema_version: int
    name: str
    created_at: str
    labels: tuple[BundleLabel, ...]
    input: dict[str, Any]
    quantisation: dict[str, Any]
    provenance: dict[str, Any]
