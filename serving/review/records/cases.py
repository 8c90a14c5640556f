"""A case, as a list shows it and as its analyst reads it, with its decisions, notes and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serving.bundle.errors import NotFound
from serving.bundle.verdict import Verdict

from .words import EventKind, KeyKind, State


def no_case(case_id: str) -> NotFound:
    """What is said of an id that is nobody's; of another key's case too, so that the answers do not tell them apart."""
    return NotFound(f"no case {case_id[:64]!r}; take the id from the answer that received or listed it")


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
class Note:
    """What an analyst wrote for colleagues, or what came with a move of the case; erased with the text.

    Attributes:
        analyst: whoever wrote it; ``COMPLAINT`` for an appeal that came by a key.
    """

    id: int
    analyst: str
    at: datetime
    text: str


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
class Changes:
    """Cases that changed after a cursor; ask again from ``cursor``."""

    cursor: int
    rows: tuple[CaseRow, ...]


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
