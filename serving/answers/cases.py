"""What the review queue answers: cases, what became of them, and the figures of a team."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from .scores import Flags
from .words import UNSHOWN, Answer, KeyKind, Levels, Probability, Scores, State


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

    text: Annotated[str, UNSHOWN]
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
    note: Annotated[str, UNSHOWN]
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

    text: Annotated[str | None, UNSHOWN]
    url: Annotated[str | None, UNSHOWN]
    received_at: datetime | None
    author: str | None
    target: str | None
    reporter: str | None
    thread: tuple[Post, ...]
    notice: Annotated[dict[str, Any] | None, UNSHOWN]
    order: Annotated[dict[str, Any] | None, UNSHOWN]
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
    differing_words: Annotated[tuple[str, ...], UNSHOWN]
    risky: bool


class Likenesses(Answer):
    """Cases alike, nearest first."""

    cases: tuple[Likeness, ...]


class Note(Answer):
    """What an analyst wrote for colleagues."""

    id: int
    analyst: str
    at: datetime
    text: Annotated[str, UNSHOWN]


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
