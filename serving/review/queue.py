"""The queue: each method is one transaction. Knows nothing of HTTP; texts leave it only by ``claim`` and ``get``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, update

from serving.bundle.errors import Conflict, Forbidden, InputError, NotFound, nearest
from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy

from . import (
    claims,
    clusters,
    events,
    exposure,
    golden,
    intake,
    notes,
    readers,
    reporters,
    rerank,
    retention,
    scoring,
    seals,
    search,
    second,
    training_rows,
    transitions,
    views,
)
from . import feedback as suggestions
from .bodies import DecisionForm, NewCase, parse_note
from .database import reading, writing
from .feedback import NewFeedback
from .keyed import check_secret
from .places import Rules, facts_of_stored, place_again
from .records import (
    READERS,
    Account,
    Agreement,
    Bulk,
    Case,
    CaseRow,
    ChainReport,
    Changes,
    EventKind,
    Exposure,
    ExposureReport,
    Feedback,
    GoldenReport,
    Likeness,
    Note,
    Pace,
    PolicyChange,
    Received,
    Role,
    SkipReason,
    Source,
    State,
    Stats,
)
from .search import Filters
from .tables import StoredRow, cases


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

    def receive(self, new: Sequence[NewCase], *, source: Source, now: datetime | None = None) -> list[Received]:
        """Store cases; they are on disk when this returns.

        A body already known under its external id for this key is answered again, ``created`` False.

        Raises:
            Conflict: an external id is known for another body; nothing of the batch is stored.
            InputError: an order names an unknown kind.
        """
        with writing(self.engine) as connection:
            return intake.receive(connection, self.rules, new, source, now or _clock())

    def score_pending(self, classifier: scoring.Scorer, limit: int = 64, now: datetime | None = None) -> int:
        """Have up to ``limit`` unscored cases judged, oldest first; returns how many were handled.

        A case that the classifier cannot score keeps the reason and stays claimable.
        """
        return scoring.score_pending(self.engine, self.rules, classifier, limit, now or _clock())

    def top(self, limit: int = 50, offset: int = 0, now: datetime | None = None) -> list[CaseRow]:
        """Waiting cases in claim order, chance (audit draw, ordinary share) left aside."""
        with reading(self.engine) as connection:
            columns = list(views.ROW_COLUMNS)
            rows = claims.in_claim_order(connection, self.rules, columns, limit, offset, now or _clock())
            return [views.row_of(row) for row in rows]

    def claim(self, analyst: Account, now: datetime | None = None) -> Case | None:
        """Hand the next case to ``analyst`` for the length of a lease; None when nothing waits for them.

        Raises:
            Forbidden: the role reads no cases.
        """
        self._may_read(analyst)
        with writing(self.engine) as connection:
            case_id = claims.claim(connection, self.rules, analyst, now or _clock())
            return views.find_case(connection, case_id) if case_id else None

    def claim_case(self, case_id: str, analyst: Account, now: datetime | None = None) -> Case:
        """Claim a named case, found by a search or beside another; the same rules as ``claim``.

        Raises:
            Conflict: it does not wait for this analyst.
        """
        self._may_read(analyst)
        with writing(self.engine) as connection:
            claims.claim_named(connection, self.rules, analyst, case_id, now or _clock())
            return views.find_case(connection, case_id)

    def reassign(self, case_id: str, supervisor: Account, to_account_id: str, now: datetime | None = None) -> CaseRow:
        """Hand an open case to somebody, whoever holds it.

        Raises:
            Forbidden: only a supervisor does this.
            NotFound: nobody has this id, or reads cases.
            Conflict: that person has already had a part in the case, or it waits for a senior.
        """
        if supervisor.role != Role.SUPERVISOR:
            raise Forbidden(f"the role {supervisor.role} does not reassign cases; ask a supervisor")
        moment = now or _clock()
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            person = readers.reader(connection, to_account_id)
            claims.check_part(connection, case, person)
            until = moment + self.rules.policy.claims.lease
            transitions.reassign(connection, self.rules.secret, case, supervisor.id, person.id, moment, until)
            return views.find_row(connection, case_id)

    def held(self, analyst: Account) -> list[CaseRow]:
        """What ``analyst`` has claimed and not finished."""
        with reading(self.engine) as connection:
            return views.held_by(connection, analyst.id)

    def heartbeat(self, case_id: str, analyst: Account, now: datetime | None = None) -> datetime:
        """Renew the lease; returns its new end.

        Raises:
            Conflict: the case is no longer this analyst's.
        """
        until = (now or _clock()) + self.rules.policy.claims.lease
        with writing(self.engine) as connection:
            self._own(connection, case_id, analyst)
            connection.execute(update(cases).where(cases.c.id == case_id).values(lease_until=until))
        return until

    def release(self, case_id: str, analyst: Account, note: str = "", now: datetime | None = None) -> CaseRow:
        """Give a claimed case back."""

        def move(connection: Connection, case: StoredRow, moment: datetime) -> None:
            transitions.release(connection, self.rules.secret, case, analyst.id, note, moment)

        return self._on_own(case_id, analyst, now, move)

    def skip(self, case_id: str, analyst: Account, reason: SkipReason | str, now: datetime | None = None) -> CaseRow:
        """Give a claimed case back for others; this analyst is not given it again."""
        why = _skip_reason(reason)

        def move(connection: Connection, case: StoredRow, moment: datetime) -> None:
            transitions.skip(connection, self.rules.secret, case, analyst.id, why, moment)

        return self._on_own(case_id, analyst, now, move)

    def add_note(self, case_id: str, analyst: Account, text: str, now: datetime | None = None) -> Note:
        """Write something for colleagues; erased with the case's text.

        Raises:
            InputError: the note is blank or too long.
            Conflict: the text of the case is erased.
        """
        self._may_read(analyst)
        written, moment = parse_note(text), now or _clock()
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            if case.text is None:
                raise Conflict(f"the text of case {case_id} is erased; notes are no longer kept", code="wrong_state")
            transitions.note(connection, self.rules.secret, case, analyst.id, written, moment)
            return notes.add(connection, case_id, analyst.id, written, moment)

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
        _check_form(form, self.rules.policy, self.rules.taxonomy)

        def move(connection: Connection, case: StoredRow, moment: datetime) -> None:
            outcome = second.outcome_of(connection, self.rules, case, form, analyst.id, moment)
            transitions.decide(connection, self.rules.secret, case, analyst.id, form, moment, outcome)

        return self._on_own(case_id, analyst, now, move)

    def undo(self, case_id: str, analyst: Account, now: datetime | None = None) -> CaseRow:
        """Take one's own decision back within ``undo_seconds``: the case is claimed again, as it was before.

        Raises:
            Conflict: too late, not this analyst's decision, or somebody else has the case by now.
        """
        self._may_read(analyst)
        moment = now or _clock()
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            decision = second.last_decision(connection, case_id)
            self._check_undo(case, decision, analyst, moment)
            until = moment + self.rules.policy.claims.lease
            transitions.undo(connection, self.rules.secret, case, decision, moment, until)
            return views.find_row(connection, case_id)

    def _check_undo(self, case: StoredRow, decision: StoredRow, analyst: Account, now: datetime) -> None:
        limit = self.rules.policy.claims.undo_seconds
        if decision is None or decision.analyst != analyst.id or case.state == State.CLAIMED:
            why = "its last decision is not yours, or somebody else reads it"
        elif now - decision.at > self.rules.policy.claims.undo:
            why = f"it was decided more than {limit} seconds ago"
        elif case.text is None or case.state not in transitions.STARTS[EventKind.UNDONE]:
            why = f"it is {case.state} since"
        else:
            return
        raise Conflict(f"the decision on case {case.id} cannot be undone: {why}; appeal it", code="cannot_undo")

    def escalate(
        self, case_id: str, analyst: Account, note: str = "", *, vital: bool = False, now: datetime | None = None
    ) -> CaseRow:
        """Pass a claimed case on to a senior; ``vital`` puts it before everything."""

        def move(connection: Connection, case: StoredRow, moment: datetime) -> None:
            placed = self._placed(connection, case, moment, escalated_vital=vital)
            transitions.escalate(connection, self.rules.secret, case, analyst.id, note, moment, placed)

        return self._on_own(case_id, analyst, now, move)

    def appeal(self, case_id: str, by: Account | Source, note: str = "", now: datetime | None = None) -> CaseRow:
        """Contest a decision: the case waits for an analyst other than the one who decided.

        Raises:
            Conflict: the case is not decided, or its appeal already is.
        """
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            transitions.appeal(connection, self.rules.secret, case, _actor(by), note, now or _clock())
            return views.find_row(connection, case_id)

    def change_reach(self, case_id: str, reach: int, by: Account | Source, now: datetime | None = None) -> CaseRow:
        """A text has been seen by more people: its rank is written again."""
        if reach < 0:
            raise InputError(f"reach {reach} must be at least 0", pointer="/reach")
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            placed = self._placed(connection, case, now or _clock(), reach=reach)
            changes = placed | {"reach": reach}
            transitions.change_reach(connection, self.rules.secret, case, _actor(by), now or _clock(), changes)
            return views.find_row(connection, case_id)

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
        if not ids:
            raise InputError("ids: expected at least one case", code="invalid_value", pointer="/ids")
        model, *others = dict.fromkeys(ids)
        self._decide_alike(model, analyst, form, now)
        decided, peeled = [model], {}
        for case_id in others:
            try:
                with reading(self.engine) as connection:
                    why = clusters.why_apart(connection, self.rules, model, case_id)
                if why is None:
                    self._decide_alike(case_id, analyst, form, now)
                    decided.append(case_id)
                else:
                    peeled[case_id] = why
            except (Conflict, NotFound) as error:
                peeled[case_id] = error.detail
        return Bulk(tuple(decided), peeled)

    def _decide_alike(self, case_id: str, analyst: Account, form: DecisionForm, now: datetime | None) -> None:
        """Claim, unless it is held already, and decide."""
        if case_id not in {row.id for row in self.held(analyst)}:
            self.claim_case(case_id, analyst, now)
        self.decide(case_id, analyst, form, now)

    def add_golden(self, new: NewCase, expected: DecisionForm, by: Account, now: datetime | None = None) -> Received:
        """Keep a case whose right decision is known; copies are handed out at ``claims.golden_share``.

        Raises:
            Forbidden: only a supervisor does this.
            InputError: the expected decision makes no sense.
        """
        if by.role != Role.SUPERVISOR:
            raise Forbidden(f"the role {by.role} does not choose golden items; ask a supervisor")
        _check_form(expected, self.rules.policy, self.rules.taxonomy)
        with writing(self.engine) as connection:
            return golden.add(connection, self.rules, new, expected, by.id, now or _clock())

    def golden_report(self, account_id: str | None = None) -> GoldenReport:
        """How golden items were answered, by everybody or by one person."""
        with reading(self.engine) as connection:
            return golden.report(connection, account_id)

    def record_exposure(
        self, case_id: str, analyst: Account, words: int, *, again: bool = False, now: datetime | None = None
    ) -> None:
        """Note that somebody has been shown ``words`` words of a case; ``again``: the case is counted already."""
        with writing(self.engine) as connection:
            case = transitions.lock(connection, case_id)
            exposure.record(connection, self.rules, case, analyst.id, max(words, 0), again, now or _clock())

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
        with writing(self.engine) as connection:
            export_id = training_rows.begin(connection, now or _clock())
        last: str | None = ""
        while last is not None:
            with writing(self.engine) as connection:
                rows, last = training_rows.rows_of(connection, self.rules, export_id, last)
            yield from rows

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
        with reading(self.engine) as connection:
            if not seals.unsealed(connection):
                return 0
        sealed = 0
        while True:
            with writing(self.engine) as connection:
                count = seals.seal(connection, self.rules.secret, now or _clock())
            sealed += count
            if count < seals.LARGEST_SEAL:
                return sealed

    def verify_chain(self, case_id: str | None = None) -> ChainReport:
        """Check the events of one case, or of all with the seals; the first that does not hold is named."""
        with reading(self.engine) as connection:
            report = events.verify(connection, self.rules.secret, case_id)
            if report.first_bad is None and case_id is None:
                report = replace(report, first_bad=rerank.verify(connection, self.rules.secret))
            return report

    def add_feedback(self, new: NewFeedback, *, source: Source, now: datetime | None = None) -> Feedback:
        """Keep a better score for a text, for training; linked to the case that this key sent under the same name."""
        with writing(self.engine) as connection:
            return suggestions.add(connection, self.rules, new, source, now or _clock())

    def feedback(self, after: int = 0, limit: int = 500) -> list[Feedback]:
        """Suggested scores with their texts, oldest first, from the id ``after`` on."""
        with reading(self.engine) as connection:
            return suggestions.listed(connection, after, limit)

    def erase_expired(self, now: datetime | None = None) -> int:
        """Erase what the policy's retention no longer allows to keep; returns how many rows, a batch at most."""
        with writing(self.engine) as connection:
            return retention.erase_expired(connection, self.rules, now or _clock())

    def _placed(self, connection: Connection, case: StoredRow, now: datetime, **facts: Any) -> dict[str, Any]:
        standing = reporters.of_stored(connection, self.rules, [case], now)[case.id]
        return place_again(self.rules, case, facts_of_stored(case, standing=standing, **facts))

    def _on_own(
        self,
        case_id: str,
        analyst: Account,
        now: datetime | None,
        move: Callable[[Connection, StoredRow, datetime], None],
    ) -> CaseRow:
        with writing(self.engine) as connection:
            move(connection, self._own(connection, case_id, analyst), now or _clock())
            return views.find_row(connection, case_id)

    def _own(self, connection: Connection, case_id: str, analyst: Account) -> StoredRow:
        """The case, locked, when ``analyst`` holds it. An ended lease still counts until somebody else claims."""
        self._may_read(analyst)
        case = transitions.lock(connection, case_id)
        if case.state == State.CLAIMED and case.claimed_by == analyst.id:
            return case
        whose = "claimed by somebody else" if case.state == State.CLAIMED else case.state
        raise Conflict(f"case {case_id} is {whose}, not claimed by you; claim the next one", code="not_claimed_by_you")

    @staticmethod
    def _may_read(analyst: Account) -> None:
        if analyst.role not in READERS:
            raise Forbidden(f"the role {analyst.role} reads no cases; sign in as {', '.join(sorted(READERS))}")


def _check_form(form: DecisionForm, policy: Policy, taxonomy: Taxonomy) -> None:
    action = policy.action(form.action)
    if action is None:
        known = [offered.key for offered in policy.offered_actions()]
        detail = f"action {form.action!r} is unknown{nearest(form.action, known)}; expected one of {', '.join(known)}"
        raise InputError(detail, code="unknown_action", pointer="/action")
    finding = "illegal" if form.illegal else "legal"
    if finding not in action.after:
        detail = f"action {form.action!r} does not follow a finding of {finding}; choose another"
        raise InputError(detail, code="contradiction", pointer="/action")
    if form.ground is None and form.illegal:
        raise InputError("ground is required when illegal is true", code="missing_ground", pointer="/ground")
    if form.ground is not None and taxonomy.ground(form.ground) is None:
        known = [ground.key for ground in taxonomy.grounds]
        detail = f"ground {form.ground!r} is unknown{nearest(form.ground, known)}; take a key of the taxonomy's grounds"
        raise InputError(detail, code="unknown_ground", pointer="/ground")


def _skip_reason(reason: SkipReason | str) -> SkipReason:
    known = [str(member) for member in SkipReason]
    if str(reason) not in known:
        detail = f"reason {str(reason)[:64]!r} is unknown; expected one of {', '.join(known)}"
        raise InputError(detail, code="unknown_reason", pointer="/reason")
    return SkipReason(str(reason))


def _actor(by: Account | Source) -> str:
    return by.id if isinstance(by, Account) else by.key_id


def _clock() -> datetime:
    return datetime.now(UTC)
