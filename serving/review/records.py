"""What the queue answers with: frozen records, and the words they use. Knows nothing of SQL, HTTP or models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from serving.bundle.errors import NotFound
from serving.bundle.verdict import Verdict


def no_case(case_id: str) -> NotFound:
    """What is said of an id that is nobody's; of another key's case too, so that the answers do not tell them apart."""
    return NotFound(f"no case {case_id[:64]!r}; take the id from the answer that received or listed it")


class State(StrEnum):
    """Where a case stands; every move between them is in ``transitions``."""

    RECEIVED = "received"
    """Durable, not scored yet (or not scorable): it can already be claimed."""
    SCORED = "scored"
    """The model has judged it; it waits in its lane."""
    CLAIMED = "claimed"
    """An analyst reads it, until the lease ends."""
    DECIDED = "decided"
    """A person has qualified it and chosen an action; an appeal is still possible."""
    SECOND_REVIEW = "second_review"
    """Read once and to be read again: passed on to a senior, drawn for a blind second reading, or two disagree."""
    APPEALED = "appealed"
    """Somebody contests the decision: it waits for an analyst other than the one who decided."""
    CLOSED = "closed"
    """The appeal is decided: nothing more happens."""


WAITING_STATES = (State.RECEIVED, State.SCORED, State.SECOND_REVIEW, State.APPEALED)


class Role(StrEnum):
    """What a person may do; the doors decide route by route."""

    ANALYST = "analyst"
    """Claims and decides."""
    SENIOR = "senior"
    """Also decides what others passed on."""
    SUPERVISOR = "supervisor"
    """Also watches the team and the clocks."""
    RESEARCHER = "researcher"
    """Sees figures and thresholds, no case."""
    ADMIN = "admin"
    """Makes accounts and keys; reads no case by role."""


READERS = frozenset({Role.ANALYST, Role.SENIOR, Role.SUPERVISOR})
SENIORS = frozenset({Role.SENIOR, Role.SUPERVISOR})


class KeyKind(StrEnum):
    """Class of an API key, hence of the reporter behind it: never taken from a body."""

    PLATFORM = "platform"
    """A platform's or hotline's own intake: the ordinary lane."""
    AUTHORITY = "authority"
    """A public authority."""
    TRUSTED_FLAGGER = "trusted_flagger"
    """A trusted flagger (DSA art. 22): priority by law."""


class EventKind(StrEnum):
    """What happened to a case; one event per transition."""

    RECEIVED = "received"
    SCORED = "scored"
    SCORE_FAILED = "score_failed"
    CLAIMED = "claimed"
    RELEASED = "released"
    LEASE_EXPIRED = "lease_expired"
    DECIDED = "decided"
    ESCALATED = "escalated"
    APPEALED = "appealed"
    REACH_CHANGED = "reach_changed"
    SKIPPED = "skipped"
    REASSIGNED = "reassigned"
    UNDONE = "undone"
    NOTED = "noted"
    KNOWN = "known"
    ERASED = "erased"


class SkipReason(StrEnum):
    """Why an analyst does not take a case; no reason is ever held against them."""

    TOPIC = "topic"
    """Would rather not read about this."""
    LANGUAGE = "language"
    """Does not read this language or jargon."""
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    """Knows somebody concerned."""
    FATIGUE = "fatigue"
    """Has had enough for now."""
    OTHER = "other"
    """Any other reason."""


#: In table ``skips`` beside these: has already judged the case in a double review.
JUDGED = "judged"


@dataclass(frozen=True)
class Note:
    """What an analyst wrote for colleagues; erased with the text."""

    id: int
    analyst: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha of blind double readings, with its 95 % interval; None where it is not defined."""

    alpha: float | None
    pairs: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PolicyChange:
    """One re-ranking: the digest of the policy that open cases were placed by, and how many they were."""

    number: int
    at: datetime
    actor: str
    policy: str
    cases: int


@dataclass(frozen=True)
class GoldenReport:
    """Answers to golden items, and how many were right: in the finding, then the ground too, then the action too."""

    answers: int
    findings: int
    grounds: int
    actions: int


@dataclass(frozen=True)
class Exposure:
    """What somebody read on one day of one family: ``severity`` is ``grave`` or ``mild``, ``aucune`` is no family."""

    day: str
    family: str
    severity: str
    cases: int
    words: int


@dataclass(frozen=True)
class ExposureReport:
    """Exposure before and after masking and de-duplication, for everybody together.

    Attributes:
        cases, words: decided by a person, and the words in their texts: what reading all would have been.
        known_cases, known_words: closed by an equal text; nobody read them.
        words_read: revealed to somebody.
    """

    cases: int
    words: int
    known_cases: int
    known_words: int
    words_read: int


@dataclass(frozen=True)
class Pace:
    """The day of an analyst so far.

    Attributes:
        full: no more grave cases today, life and deadlines apart.
        working_minutes: since the last break.
    """

    grave_today: int
    grave_in_a_row: int
    grave_per_day: int
    full: bool
    working_minutes: int
    break_suggested: bool


@dataclass(frozen=True)
class Source:
    """The key by which cases come."""

    key_id: str
    kind: KeyKind


@dataclass(frozen=True)
class Received:
    """The receipt of one case: it is on disk."""

    id: str
    external_id: str
    state: State
    created: bool


@dataclass(frozen=True)
class CaseRow:
    """A case as a list shows it: no text, nothing that names a person.

    Attributes:
        lane: authority, trusted_flagger or ordinary.
        vital: a life may be in danger.
        due_at: legal deadline of an order; ``target_at``: internal target only.
        harm, minutes, rank: the terms of the order inside a lane; ``reasons`` says them in French.
        score_error: code and detail when the model could not score the text, else None.
        claimed_by: account id, while claimed. ``lease_until``: end of its lease.
    """

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
    levels: dict[str, str | None]
    score_error: dict[str, str] | None
    claimed_by: str | None
    lease_until: datetime | None
    #: The families at least possible, joined by ``+``; whether the text is grave to read.
    topic: str
    grave: bool
    #: A second analyst reads it without seeing the first decision.
    blind: bool


@dataclass(frozen=True)
class Likeness:
    """A case whose text is near another's.

    Attributes:
        similarity: Jaccard index of character shingles, from 0 to 1.
        differing_words: words of either text that are not in the other; they are text, so shown after a reveal only.
        risky: a difference may change the meaning, or the context differs: not for a decision in bulk.
    """

    row: CaseRow
    similarity: float
    differing_words: tuple[str, ...]
    risky: bool


@dataclass(frozen=True)
class Bulk:
    """What a decision on several cases did; ``peeled`` says why each of the others was left."""

    decided: tuple[str, ...]
    peeled: dict[str, str]


@dataclass(frozen=True)
class StoredPost:
    """One message of the thread; its author only as a keyed hash."""

    text: str
    author: str | None
    at: str | None


@dataclass(frozen=True)
class Decision:
    """What a person decided."""

    id: int
    analyst: str
    at: datetime
    illegal: bool
    ground: str | None
    action: str
    note: str
    #: The state in which the case waited: scored, second_review, appealed...
    stage: State
    bundle: str | None
    #: The case with an equal text whose decision this is; None for one that a person took.
    copied_from: str | None


@dataclass(frozen=True)
class Event:
    """One link of a case's chain: keyed hashes and figures, never a text.

    Attributes:
        number: 1 for the first event of the case.
        body: canonical JSON.
        hash: HMAC of the whole event, ``prev_hash`` included.
    """

    case_id: str
    number: int
    at: datetime
    kind: EventKind
    actor: str
    body: str
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Case:
    """A case as its analyst reads it.

    Attributes:
        text: None once erased. author, target, reporter: keyed hashes.
        verdict: None while unscored.
        claimed_through: the step of the claim order that handed it out; ``audit_probability`` its inclusion
            probability when that step was the audit draw.
    """

    row: CaseRow
    text: str | None
    url: str | None
    received_at: datetime | None
    author: str | None
    target: str | None
    reporter: str | None
    thread: tuple[StoredPost, ...]
    notice: dict[str, Any] | None
    order: dict[str, Any] | None
    verdict: Verdict | None
    claimed_through: str | None
    audit_probability: float | None
    decisions: tuple[Decision, ...]
    events: tuple[Event, ...]

    @property
    def id(self) -> str:
        """The case's identifier."""
        return self.row.id

    @property
    def state(self) -> State:
        """Where the case stands."""
        return self.row.state


@dataclass(frozen=True)
class Feedback:
    """A score that somebody suggests for a text, for training.

    Attributes:
        case_id: the case it is about, when the sender named one of its own.
        labels: value from 0 to 1 by label.
        source: the channel it came by, such as ``perspective``.
        weight: against 1 for a decision of an analyst.
        provenance: the key, the channel's own words, keyed hashes; no text.
    """

    id: int
    case_id: str | None
    text: str
    labels: dict[str, float]
    source: str
    weight: float
    provenance: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True)
class Changes:
    """Cases that changed after a cursor; ask again from ``cursor``."""

    cursor: int
    rows: tuple[CaseRow, ...]


@dataclass(frozen=True)
class Stats:
    """The queue in figures."""

    states: dict[str, int]
    waiting: dict[str, int]
    vital: int
    due_within_margin: int
    overdue: int
    unscored: int
    oldest_waiting_at: datetime | None
    decided_last_day: int


@dataclass(frozen=True)
class BadEvent:
    """The first link that does not hold, and why."""

    case_id: str
    number: int
    reason: str


@dataclass(frozen=True)
class ChainReport:
    """What a verification of the events found; ``first_bad`` is None when every chain holds."""

    cases: int
    events: int
    unsealed: int
    first_bad: BadEvent | None


@dataclass(frozen=True)
class Account:
    """A person who signs in; ``id`` is the pseudonym that logs and events carry."""

    id: str
    name: str
    role: Role
    must_change_password: bool = False


@dataclass(frozen=True)
class Quota:
    """What a key may use; None is the deployment's default, 0 no limit."""

    requests_per_minute: int | None = None
    texts_per_minute: int | None = None
    #: Requests under way at the same time.
    concurrency: int | None = None


@dataclass(frozen=True)
class Key:
    """An API key; its secret was shown once."""

    id: str
    name: str
    kind: KeyKind
    created_at: datetime
    revoked_at: datetime | None = None
    quota: Quota = Quota()

    @property
    def source(self) -> Source:
        """The source of what this key submits."""
        return Source(self.id, self.kind)


@dataclass(frozen=True)
class Session:
    """A signed-in person; ``token`` is given once, the database keeps a keyed hash."""

    token: str
    account: Account
    expires_at: datetime
