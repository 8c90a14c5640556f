"""What goes in and out of the queue: frozen records. Knows nothing of SQL, HTTP or models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, Field, ValidationError

from serving.bundle.config import Frozen
from serving.bundle.errors import InputError, nearest
from serving.bundle.verdict import Verdict


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
    """An analyst has passed it on: it waits for a senior other than that analyst."""
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
    ERASED = "erased"


def _storable(value: str) -> str:
    """Refuse what no database column of text can hold."""
    if "\x00" in value:
        raise ValueError("contains the character U+0000, which no database stores; remove it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate, which UTF-8 cannot carry; send valid Unicode") from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is blank; send the words to be read")
    return value


Storable = Annotated[str, AfterValidator(_storable)]
Short = Annotated[Storable, Field(min_length=1, max_length=200)]
Long = Annotated[Storable, Field(max_length=20_000)]
#: Longer than what the model reads: such a case is kept, claimable, and says that it was not scored.
CaseText = Annotated[Storable, AfterValidator(_not_blank), Field(max_length=2_000_000)]
Url = Annotated[Storable, Field(min_length=1, max_length=8_192)]


class ThreadPost(Frozen):
    """One message of the conversation around a text, oldest first."""

    text: Annotated[Storable, Field(max_length=100_000)]
    author_id: Short | None = None
    at: AwareDatetime | None = None


class Reporter(Frozen):
    """Who reported; kept only as a keyed hash."""

    id: Short


class Notice(Frozen):
    """A notice in the sense of DSA art. 16(2). Name and e-mail serve its receipt and are erased with the text."""

    explanation: Long | None = None
    name: Short | None = None
    email: Short | None = None
    good_faith: bool | None = None


class Order(Frozen):
    """An authority's order.

    Attributes:
        reference: the order's own reference; it may tell the kind.
        received_at: its receipt, from which the clock runs; the queue's own receipt when absent.
        kind: key of an ``[[order]]`` of the policy, where the reference does not tell it.
        due_at: the deadline that the order itself states, if any.
    """

    authority: Short
    reference: Short
    received_at: AwareDatetime | None = None
    kind: Short | None = None
    due_at: AwareDatetime | None = None


class NewCase(Frozen):
    """The body of ``POST /v1/cases``."""

    external_id: Short
    text: CaseText
    url: Url | None = None
    received_at: AwareDatetime | None = None
    language: Annotated[Storable, Field(min_length=2, max_length=35)] | None = None
    reach: Annotated[int, Field(ge=0, le=10**15)] | None = None
    category: Short | None = None
    author_id: Short | None = None
    target_id: Short | None = None
    thread: Annotated[tuple[ThreadPost, ...], Field(max_length=200)] = ()
    reporter: Reporter | None = None
    notice: Notice | None = None
    order: Order | None = None


class DecisionForm(Frozen):
    """What an analyst sends to decide: a finding, its ground, an action."""

    illegal: bool
    #: Key of a ground of the taxonomy; needed when ``illegal``.
    ground: Annotated[str, Field(max_length=200)] | None = None
    action: Annotated[str, Field(max_length=200)]
    note: Long = ""


def parse_case(value: object, pointer: str = "") -> NewCase:
    """``value`` as a case, for doors that read files.

    Raises:
        InputError: names the field below ``pointer`` and what was expected, never a text.
    """
    return _parse(NewCase, value, pointer)


def parse_decision(value: object, pointer: str = "") -> DecisionForm:
    """``value`` as a decision; errors as in ``parse_case``."""
    return _parse(DecisionForm, value, pointer)


def _parse(model: Any, value: object, pointer: str) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _first_fault(error, model.model_fields, pointer) from None


def _first_fault(error: ValidationError, known: Iterable[str], pointer: str) -> InputError:
    faults = error.errors(include_url=False, include_input=False)
    # A mistyped name is both unknown and missing; only the first says what to correct.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    path = pointer + "".join(f"/{part}" for part in fault["loc"])
    name = str(fault["loc"][-1]) if fault["loc"] else "body"
    if fault["type"] == "extra_forbidden":
        return InputError(
            f"unknown field {name[:64]!r}{nearest(name, known)}; remove it", code="unknown_field", pointer=path
        )
    if fault["type"] == "missing":
        return InputError(f"the field {name!r} is required", code="missing_field", pointer=path)
    code = "wrong_type" if fault["type"].endswith(("_type", "_parsing")) else "invalid_value"
    return InputError(f"{name}: {fault['msg']}", code=code, pointer=path)


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
class Key:
    """An API key; its secret was shown once."""

    id: str
    name: str
    kind: KeyKind
    created_at: datetime
    revoked_at: datetime | None = None

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
