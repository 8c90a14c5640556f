"""What the native interface answers: the records that its OpenAPI document describes and that the client reads.

Stands on pydantic alone, so that a client needs nothing else of Vigie. A newer service may say more than these records
hold: what they do not know is left aside, and the words of a list (states, levels) are plain strings to a reader.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class Answer(BaseModel):
    """Base of every record: frozen; says nothing of an answer's content when it does not fit."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _one_of(*words: str) -> Any:
    """A string for those who read, one of ``words`` for those who check."""
    return WithJsonSchema({"type": "string", "enum": list(words)})


Level = Annotated[str, _one_of("tres_probable", "probable", "possible", "peu_probable")]
Status = Annotated[str, _one_of("scored", "error")]
State = Annotated[str, _one_of("received", "scored", "claimed", "decided", "second_review", "appealed", "closed")]
KeyKind = Annotated[str, _one_of("platform", "authority", "trusted_flagger")]
Probability = Annotated[float, Field(ge=0, le=1)]
BundleId = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
#: On a text, or what people wrote about it: never in a representation, hence never in a log.
_UNSHOWN = Field(repr=False)

#: A probability for each of the 22 keys; None where the bundle was not trained on it.
Scores = dict[str, Probability | None]
#: The level of each family and of ``contexte_protege``; None likewise.
Levels = dict[str, Level | None]


# --- Scoring ----------------------------------------------------------------------------------------------------------


class Fault(Answer):
    """One thing that is wrong: a machine name, a sentence, and the JSON pointer to it."""

    code: str
    detail: str
    pointer: str | None


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


# --- The bundle -------------------------------------------------------------------------------------------------------


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


# --- Cases ------------------------------------------------------------------------------------------------------------


class Received(Answer):
    """The receipt of one case: it is on disk. ``created`` is false when this key had sent the same body before."""

    id: str
    external_id: str
    state: State
    created: bool


class ReceivedAnswer(Answer):
    """The receipts of a submission of several cases, in order."""

    cases: tuple[Received, ...]


class CaseRow(Answer):
    """A case as a list shows it: no text, nothing that names a person."""

    id: str
    external_id: str
    key_id: str
    key_kind: KeyKind
    state: State
    created_at: datetime
    language: str | None
    category: str | None
    reach: int | None
    lane: str
    vital: bool
    due_at: datetime | None
    target_at: datetime | None
    harm: float
    minutes: float
    rank: float
    reasons: tuple[str, ...]
    bundle: str | None
    levels: Levels
    score_error: dict[str, str] | None
    claimed_by: str | None
    lease_until: datetime | None
    topic: str = ""
    grave: bool = False
    blind: bool = False


class Changes(Answer):
    """Cases that changed after a cursor; ask again from ``cursor``."""

    cursor: Annotated[int, Field(ge=0)]
    rows: tuple[CaseRow, ...]


class Rows(Answer):
    """A list of cases."""

    rows: tuple[CaseRow, ...]


class Post(Answer):
    """One message of the thread; its author only as a keyed hash."""

    text: Annotated[str, _UNSHOWN]
    author: str | None
    at: str | None


class Verdict(Flags):
    """What the model said of a case."""

    scores: Scores
    levels: Levels


class Decision(Answer):
    """What a person decided; ``stage`` is the state in which the case waited."""

    id: int
    analyst: str
    at: datetime
    illegal: bool
    ground: str | None
    action: str
    note: Annotated[str, _UNSHOWN]
    stage: State
    bundle: str | None
    copied_from: str | None = None


class Event(Answer):
    """One link of a case's chain: keyed hashes and figures, never a text."""

    case_id: str
    number: Annotated[int, Field(ge=1)]
    at: datetime
    kind: str
    actor: str
    body: str
    prev_hash: str
    hash: str


class Case(CaseRow):
    """A case with its text (None once erased), verdict, decisions and events; people as keyed hashes."""

    text: Annotated[str | None, _UNSHOWN]
    url: Annotated[str | None, _UNSHOWN]
    received_at: datetime | None
    author: str | None
    target: str | None
    reporter: str | None
    thread: tuple[Post, ...]
    notice: Annotated[dict[str, Any] | None, _UNSHOWN]
    order: Annotated[dict[str, Any] | None, _UNSHOWN]
    verdict: Verdict | None
    claimed_through: str | None
    audit_probability: float | None
    decisions: tuple[Decision, ...]
    events: tuple[Event, ...]


class Claimed(Answer):
    """``/v1/queue/claim``: the case now held, None when nothing waits."""

    case: Case | None


class Lease(Answer):
    """The new end of a lease."""

    id: str
    lease_until: datetime


class Likeness(Answer):
    """A case whose text is near another's; ``risky``: what differs may change the meaning."""

    row: CaseRow
    similarity: Probability
    #: Of either text: they are text themselves.
    differing_words: Annotated[tuple[str, ...], _UNSHOWN]
    risky: bool


class Likenesses(Answer):
    """Cases alike, nearest first."""

    cases: tuple[Likeness, ...]


class Note(Answer):
    """What an analyst wrote for colleagues."""

    id: int
    analyst: str
    at: datetime
    text: Annotated[str, _UNSHOWN]


class Notes(Answer):
    """The notes of a case, oldest first."""

    notes: tuple[Note, ...]


class Bulk(Answer):
    """What a decision on several cases did; ``peeled`` says why each of the others was left."""

    decided: tuple[str, ...]
    peeled: dict[str, str]


class Stats(Answer):
    """The queue in figures."""

    states: dict[str, int]
    waiting: dict[str, int]
    vital: int
    due_within_margin: int
    overdue: int
    unscored: int
    oldest_waiting_at: datetime | None
    decided_last_day: int


class Agreement(Answer):
    """Krippendorff's alpha of blind double readings, with its 95 % interval; None where it is not defined."""

    alpha: float | None
    pairs: int
    low: float | None
    high: float | None


class Exposure(Answer):
    """What somebody read on one day of one family: ``severity`` is ``grave`` or ``mild``, ``aucune`` is no family."""

    day: str
    family: str
    severity: str
    cases: int
    words: int


class Pace(Answer):
    """The day of an analyst so far; ``full``: no more grave cases today, life and deadlines apart."""

    grave_today: int
    grave_in_a_row: int
    grave_per_day: int
    full: bool
    working_minutes: int
    break_suggested: bool


class OwnExposure(Answer):
    """What the person asking has read, and their day so far."""

    pace: Pace
    read: tuple[Exposure, ...]


# --- Refusals ---------------------------------------------------------------------------------------------------------


class Problem(Answer):
    """Why a request was refused (RFC 9457). A text is never quoted."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    code: str
    pointer: str | None
    instance: str | None
    request_id: str | None
    #: Everything that is wrong, where there are several things.
    errors: tuple[Fault, ...] = ()
