"""The queue: each method is one transaction. Knows nothing of HTTP; texts leave it only by ``claim`` and ``get``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy

from . import (
    clusters,
    exposure,
    golden,
    golden_items,
    handling,
    intake,
    log,
    rerank,
    retention,
    scoring,
    search,
    second,
    training_rows,
    views,
)
from . import feedback as suggestions
from .bodies import DecisionForm, NewCase
from .database import reading, writing
from .feedback import NewFeedback
from .keyed import check_secret
from .places import Rules
from .records import (
    Account,
    Agreement,
    Anchor,
    Bulk,
    Case,
    CaseRow,
    ChainReport,
    Changes,
    Exposure,
    ExposureReport,
    Feedback,
    GoldenReport,
    Likeness,
    Note,
    Pace,
    Part,
    PolicyChange,
    Received,
    SkipReason,
    Source,
    Stats,
)
from .seals import Sealer
from .search import Filters

P = ParamSpec("P")
T = TypeVar("T")


class Queue:
    """Cases from receipt to decision, on one database; safe to use from many threads and processes."""

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        taxonomy: Taxonomy,
        secret: bytes,
        *,
        draw: Callable[[], float] | None = None,
    ) -> None:
        """Work on ``engine`` (``open_database``).

        Args:
            secret: at least 16 bytes; keys every hash that stands for a person, a body or an event.
            draw: uniform numbers in [0, 1); the system's randomness by default.
        """
        self.engine = engine
        chance = {"draw": draw} if draw else {}
        self.rules = Rules(policy, taxonomy, check_secret(secret), **chance)
        self._sealer = Sealer(engine, secret)

    def receive(self, new: Sequence[NewCase], *, source: Source, now: datetime | None = None) -> list[Received]:
        """Store cases; they are on disk when this returns.

        A body already known under its external id for this key is answered again, ``created`` False. Pointers of what
        is raised are into ``new``: ``/0/external_id``.

        Raises:
            Conflict: an external id is known for another body; nothing of the batch is stored.
            InputError: an order names an unknown kind.
        """
        return self._write(intake.receive, new, source, now or _clock())

    def score_pending(self, classifier: scoring.Scorer, limit: int = 64, now: datetime | None = None) -> int:
        """Have up to ``limit`` unscored cases judged, oldest first; returns how many were handled.

        A case that the classifier cannot score keeps the reason and stays claimable.
        """
        return scoring.score_pending(self.engine, self.rules, classifier, limit, now or _clock())

    def top(self, limit: int = 50, offset: int = 0, now: datetime | None = None) -> list[CaseRow]:
        """Waiting cases in claim order, chance (audit draw, ordinary share) left aside."""
        with reading(self.engine) as connection:
            return views.top(connection, self.rules, limit, offset, now or _clock())

    def claim(self, analyst: Account, now: datetime | None = None) -> Case | None:
        """Hand the next case to ``analyst`` for the length of a lease; None when nothing waits for them.

        Raises:
            Forbidden: the role reads no cases.
        """
        return self._write(handling.claim, analyst, now or _clock())

    def claim_case(self, case_id: str, analyst: Account, now: datetime | None = None) -> Case:
        """Claim a named case, found by a search or beside another; the same rules as ``claim``.

        Raises:
            Conflict: it does not wait for this analyst.
        """
        return self._write(handling.claim_named, case_id, analyst, now or _clock())

    def reassign(self, case_id: str, supervisor: Account, to_account_id: str, now: datetime | None = None) -> CaseRow:
        """Hand an open case to somebody, whoever holds it.

        Raises:
            Forbidden: only a supervisor does this.
            NotFound: nobody has this id, or reads cases.
            Conflict: that person has already had a part in the case, or it waits for a senior.
        """
        return self._write(handling.reassign, case_id, supervisor, to_account_id, now or _clock())

    def held(self, analyst: Account) -> list[CaseRow]:
        """What ``analyst`` has claimed and not finished."""
        with reading(self.engine) as connection:
            return views.held_by(connection, analyst.id)

    def heartbeat(self, case_id: str, analyst: Account, now: datetime | None = None) -> datetime:
        """Renew the lease; returns its new end.

        Raises:
            Conflict: the case is no longer this analyst's.
        """
        return self._write(handling.heartbeat, case_id, analyst, now or _clock())

    def release(self, case_id: str, analyst: Account, note: str = "", now: datetime | None = None) -> CaseRow:
        """Give a claimed case back; ``note`` is kept for the next reader."""
        return self._write(handling.release, case_id, analyst, note, now or _clock())

    def skip(self, case_id: str, analyst: Account, reason: SkipReason | str, now: datetime | None = None) -> CaseRow:
        """Give a claimed case back for others; this analyst is not given it again."""
        return self._write(handling.skip, case_id, analyst, reason, now or _clock())

    def add_note(self, case_id: str, analyst: Account, text: str, now: datetime | None = None) -> Note:
        """Write something for colleagues; erased with the case's text.

        Raises:
            InputError: the note is blank or too long.
            Conflict: the text of the case is erased.
        """
        return self._write(handling.add_note, case_id, analyst, text, now or _clock())

    def notes(self, case_id: str) -> list[Note]:
        """What analysts wrote, oldest first; not the first reader's while the second reads blindly."""
        with reading(self.engine) as connection:
            return views.notes_of(connection, case_id)

    def agreement(self, since: datetime) -> Agreement:
        """How analysts agree on cases read twice blindly since ``since``."""
        with reading(self.engine) as connection:
            return second.agreement(connection, since)

    def decide(self, case_id: str, analyst: Account, form: DecisionForm, now: datetime | None = None) -> CaseRow:
        """Record the analyst's finding and action.

        Raises:
            InputError: the ground or the action is unknown, or they contradict the finding.
            Conflict: the case is no longer this analyst's: somebody else decided or claimed it.
        """
        return self._write(handling.decide, case_id, analyst, form, now or _clock())

    def undo(self, case_id: str, analyst: Account, now: datetime | None = None) -> CaseRow:
        """Take one's own decision back within ``undo_seconds``: the case is claimed again, as it was before.

        Raises:
            Conflict: too late, not this analyst's decision, or somebody else has the case by now.
        """
        return self._write(handling.undo, case_id, analyst, now or _clock())

    def escalate(
        self, case_id: str, analyst: Account, note: str = "", *, vital: bool = False, now: datetime | None = None
    ) -> CaseRow:
        """Pass a claimed case on to a senior, who reads ``note``; ``vital`` puts it before everything."""
        return self._write(handling.escalate, case_id, analyst, note, vital, now or _clock())

    def appeal(self, case_id: str, by: Account | Source, note: str = "", now: datetime | None = None) -> CaseRow:
        """Contest a decision: the case waits for an analyst who has not decided it, and who reads ``note``.

        Raises:
            Conflict: the case is not decided, or its appeal already is.
        """
        return self._write(handling.appeal, case_id, by, note, now or _clock())

    def change_reach(self, case_id: str, reach: int, by: Account | Source, now: datetime | None = None) -> CaseRow:
        """A text has been seen by more people: its rank is written again."""
        return self._write(handling.change_reach, case_id, reach, by, now or _clock())

    def get(self, case_id: str) -> Case:
        """Everything about one case, its text included.

        Raises:
            NotFound: no such case.
        """
        with reading(self.engine) as connection:
            return views.find_case(connection, case_id)

    def same_target(self, case_id: str, limit: int = 20) -> list[CaseRow]:
        """Other cases that aim at the same person, newest first; none when no target is known."""
        with reading(self.engine) as connection:
            return views.same_target(connection, case_id, limit)

    def changed_since(self, cursor: int = 0, limit: int = 500, *, key_id: str | None = None) -> Changes:
        """Cases that changed after ``cursor`` (0 at first), in the order in which events were sealed.

        Every change committed before the call is seen by following the cursors; ``key_id`` keeps to one key's cases.
        """
        self.seal()
        with reading(self.engine) as connection:
            return views.changed_since(connection, cursor, limit, key_id)

    def search(self, query: str = "", filters: Filters = Filters(), limit: int = 50, offset: int = 0) -> list[CaseRow]:
        """Cases by filters and by ``query``: an id, a text that is equal or near, or words of a text; newest first.

        Words are looked for in the newest 20,000 cases that the filters allow.

        Raises:
            InputError: a filter's value is not one of its list.
        """
        with reading(self.engine) as connection:
            return search.search(connection, self.rules, query, filters, limit, offset)

    def near_duplicates(self, case_id: str, limit: int = 20) -> list[Likeness]:
        """Cases whose text is near this one's, nearest first, with the words that differ."""
        with reading(self.engine) as connection:
            return clusters.near_duplicates(connection, self.rules, case_id, limit)

    def cluster(self, case_id: str, limit: int = 200) -> list[Likeness]:
        """Near-duplicates that wait and whose differences change nothing: what may be decided with this case."""
        with reading(self.engine) as connection:
            return clusters.cluster(connection, self.rules, case_id, limit)

    def decide_many(
        self, ids: Sequence[str], analyst: Account, form: DecisionForm, now: datetime | None = None
    ) -> Bulk:
        """Decide the first case and, alike, the others; each that differs or is somebody else's is peeled off.

        Raises:
            InputError: no id, or the form makes no sense.
            Conflict: the first case is not this analyst's and does not wait for them.
        """
        return clusters.decide_many(self.engine, self.rules, ids, analyst, form, now or _clock())

    def add_golden(self, new: NewCase, expected: DecisionForm, by: Account, now: datetime | None = None) -> Received:
        """Keep a case whose right decision is known; copies are handed out at ``claims.golden_share``.

        Raises:
            Forbidden: only a supervisor does this.
            InputError: the expected decision makes no sense.
        """
        return self._write(golden.add, new, expected, by, now or _clock())

    def keep_golden(self, case_id: str, by: Account, now: datetime | None = None) -> Received:
        """Make a golden item of a decided case and of its last decision; nobody who judged the case is handed it.

        Raises:
            Forbidden: only a supervisor does this.
            Conflict: the case is not decided, its text is erased, or it was made an item already.
        """
        return self._write(golden_items.keep, case_id, by, now or _clock())

    def retire_golden(self, case_id: str, by: Account, now: datetime | None = None) -> None:
        """Hand the golden item made of a case out no more, and erase its text; answers stay in the report.

        Raises:
            Forbidden: only a supervisor does this.
            NotFound: no item was made of this case, or it is retired.
        """
        self._write(golden_items.retire, case_id, by, now or _clock())

    def serves_as_golden(self, case_id: str) -> bool:
        """Whether a golden item made of this case is handed out."""
        with reading(self.engine) as connection:
            return golden_items.serves(connection, case_id)

    def golden_report(self, account_id: str | None = None) -> GoldenReport:
        """How golden items were answered, by everybody or by one person."""
        with reading(self.engine) as connection:
            return golden.report(connection, account_id)

    def record_exposure(
        self, case_id: str, analyst: Account, part: Part, words: int, now: datetime | None = None
    ) -> None:
        """Note that somebody has been shown a part of a case, ``words`` words long; again that day, it adds nothing.

        Raises:
            NotFound: no such case.
        """
        self._write(exposure.record, case_id, analyst.id, part, max(words, 0), now or _clock())

    def exposure_of(self, account_id: str, days: int = 7, now: datetime | None = None) -> list[Exposure]:
        """What somebody has read in the last ``days``, by day, family and severity."""
        with reading(self.engine) as connection:
            return exposure.ledger(connection, self.rules, account_id, days, now or _clock())

    def exposure_report(self, since: datetime) -> ExposureReport:
        """Exposure of everybody, before and after masking and de-duplication."""
        with reading(self.engine) as connection:
            return exposure.report(connection, self.rules, since)

    def pace(self, analyst: Account, now: datetime | None = None) -> Pace:
        """The day of ``analyst`` so far: grave cases, and whether a break is due."""
        with reading(self.engine) as connection:
            return exposure.pace_of(connection, self.rules, analyst.id, now or _clock())

    def set_opt_out(self, account_id: str, families: Sequence[str]) -> None:
        """Replace the families that somebody would rather not be handed. Private: in no event and no view of others.

        Raises:
            InputError: a family is unknown.
            NotFound: nobody has this id.
        """
        with writing(self.engine) as connection:
            exposure.opt_out(connection, account_id, list(families))

    def opt_out_of(self, account_id: str) -> tuple[str, ...]:
        """The families that somebody opted out of; to be shown to that person alone."""
        with reading(self.engine) as connection:
            return exposure.opted_out(connection, account_id)

    def training_rows(self, now: datetime | None = None) -> Iterator[dict[str, Any]]:
        """Decided cases as training rows (``training_rows.COLUMNS``), noted as exported batch by batch."""
        return training_rows.export(self.engine, self.rules, now or _clock())

    def erased_rows(self) -> list[tuple[str, str]]:
        """Exported rows whose text is erased since, as (row id, export id): to be deleted from the files."""
        with reading(self.engine) as connection:
            return list(training_rows.erased(connection))

    def rerank(self, actor: str, now: datetime | None = None, batch: int = 500) -> PolicyChange:
        """Place every open case by this queue's policy, ``batch`` at a time: for when the policy has changed.

        One link is added to the chain of policy changes, with the policy's digest. Safe to run again.
        """
        return rerank.rerank(self.engine, self.rules, actor, now or _clock(), batch)

    def stats(self, now: datetime | None = None) -> Stats:
        """The queue in figures."""
        with reading(self.engine) as connection:
            return views.stats(connection, self.rules, now or _clock())

    def seal(self, now: datetime | None = None) -> int:
        """Number the events committed so far and chain their digests; returns how many were new."""
        return self._sealer.seal_all(now or _clock())

    def verify_chain(self, case_id: str | None = None, *, expected: Anchor | None = None) -> ChainReport:
        """Check the events and decisions of one case, or the whole log; the first thing that does not hold is named.

        Args:
            expected: the end of the log as it was once; with all cases, the log must still hold what it held then.
        """
        with reading(self.engine) as connection:
            return log.verify(connection, self.rules.secret, case_id, expected)

    def add_feedback(self, new: NewFeedback, *, source: Source, now: datetime | None = None) -> Feedback:
        """Keep a better score for a text, for training; linked to the case that this key sent under the same name."""
        return self._write(suggestions.add, new, source, now or _clock())

    def feedback(self, after: int = 0, limit: int = 500) -> list[Feedback]:
        """Suggested scores with their texts, oldest first, from the id ``after`` on."""
        with reading(self.engine) as connection:
            return suggestions.listed(connection, after, limit)

    def erase_expired(self, now: datetime | None = None) -> int:
        """Erase what the policy's retention no longer allows to keep; returns how many rows, a batch at most."""
        return self._write(retention.erase_expired, now or _clock())

    def _write(self, act: Callable[Concatenate[Connection, Rules, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``act`` in one transaction."""
        with writing(self.engine) as connection:
            return act(connection, self.rules, *args, **kwargs)


def _clock() -> datetime:
    return datetime.now(UTC)
