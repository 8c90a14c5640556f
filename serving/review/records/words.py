"""The words of the queue: states, events, roles, kinds of key, reasons to skip; a sentence where a name does not do."""

from __future__ import annotations

from enum import StrEnum


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


#: In table ``skips`` beside these: has decided the case, and is not to read its appeal or settle a dispute over it.
JUDGED = "judged"


#: In table ``notes`` in the place of a person: words of an appeal that came by a key, in somebody else's name.
COMPLAINT = "complaint"


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


class Part(StrEnum):
    """What of a case is shown apart; each counts once a day for whoever reads it."""

    TEXT = "text"
    """The text itself."""
    THREAD = "thread"
    """The posts around it."""
    NOTICE = "notice"
    """What the reporter explains."""


class Opening(StrEnum):
    """What becomes of the text when somebody opens a case that they hold; everybody else's text waits to be asked."""

    MASKED = "masked"
    """It waits until it is asked for."""
    VEILED = "veiled"
    """It is shown at once without the words that weigh."""
    SHOWN = "shown"
    """It is shown at once."""


class KeyKind(StrEnum):
    """Class of an API key, hence of the reporter behind it: never taken from a body."""

    PLATFORM = "platform"
    """A platform's or hotline's own intake: the ordinary lane."""
    AUTHORITY = "authority"
    """A public authority."""
    TRUSTED_FLAGGER = "trusted_flagger"
    """A trusted flagger (DSA art. 22): priority by law."""
