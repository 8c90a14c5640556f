"""The queue and its readers in figures: load, agreement, golden items, exposure, and the state of the chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
class Agreement:
    """Krippendorff's alpha of blind double readings, with its 95 % interval; None where it is not defined."""

    alpha: float | None
    pairs: int
    low: float | None
    high: float | None


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
class PolicyChange:
    """One re-ranking: the digest of the policy that open cases were placed by, and how many they were."""

    number: int
    at: datetime
    actor: str
    policy: str
    cases: int


@dataclass(frozen=True)
class BadEvent:
    """The first link that does not hold, and why."""

    case_id: str
    number: int
    reason: str


@dataclass(frozen=True)
class Anchor:
    """The end of the log at a moment; kept elsewhere, it shows later whether the log still holds all that it held then.

    Attributes:
        position, digest: of the last seal; 0 and zeros before the first.
        change, change_hash: number and hash of the last policy change; likewise.
    """

    position: int
    digest: str
    change: int
    change_hash: str

    def __str__(self) -> str:
        """One word to copy; ``parse_anchor`` reads it."""
        return f"{self.position}.{self.digest}.{self.change}.{self.change_hash}"


@dataclass(frozen=True)
class ChainReport:
    """What a verification of the log found.

    Attributes:
        unsealed: events that no seal covers yet, and so no anchor.
        first_bad: None when every chain holds.
        anchor: the end of the log now, to be kept elsewhere.
    """

    cases: int
    events: int
    unsealed: int
    first_bad: BadEvent | None
    anchor: Anchor
