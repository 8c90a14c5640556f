"""The review queue: the only SQLAlchemy of the project and the only writer of cases. Knows nothing of HTTP or models.

Public surface::

    open_database(url) -> Engine                       creates, migrates (Alembic), checks that it can be written
    Queue(engine, policy, taxonomy, secret: bytes)
        .receive(cases, *, source, now=None) -> list[Received]      durable, idempotent, all or nothing; Conflict
        .score_pending(classifier, limit=64, now=None) -> int       cases handled (scored or noted as unscorable)
        .top(limit=50, offset=0, now=None) -> list[CaseRow]         in claim order, no text
        .claim(analyst, now=None) -> Case | None                    with a lease
        .held(analyst) -> list[CaseRow]                             what this analyst has claimed
        .heartbeat(case_id, analyst, now=None) -> datetime          the new end of the lease; Conflict when lost
        .release(case_id, analyst, note="", now=None) -> CaseRow
        .skip(case_id, analyst, reason: SkipReason, now=None) -> CaseRow     never given to this analyst again
        .claim_case(case_id, analyst, now=None) -> Case             a named one, under the rules of claim
        .reassign(case_id, supervisor, to_account_id, now=None) -> CaseRow
        .add_note(case_id, analyst, text, now=None) -> Note  .notes(case_id) -> list[Note]
        .decide(case_id, analyst, form: DecisionForm, now=None) -> CaseRow
        .undo(case_id, analyst, now=None) -> CaseRow                within policy.claims.undo_seconds
        .agreement(since) -> Agreement(alpha, pairs, low, high)     of blind double readings
        .escalate(case_id, analyst, note="", *, vital=False, now=None) -> CaseRow
        .appeal(case_id, by: Account | Source, note="", now=None) -> CaseRow
        .change_reach(case_id, reach, by: Account | Source, now=None) -> CaseRow
        .get(case_id) -> Case                                       NotFound
        .search(query="", filters=Filters(), limit=50, offset=0) -> list[CaseRow]     newest first
        .near_duplicates(case_id, limit=20) -> list[Likeness(row, similarity, differing_words, risky)]
        .cluster(case_id, limit=200) -> list[Likeness]              waiting, and alike enough for one decision
        .decide_many(ids, analyst, form, now=None) -> Bulk(decided, peeled)     the first id is the model
        .add_golden(new, expected, by, now=None) -> Received  .golden_report(account_id=None) -> GoldenReport
        .record_exposure(case_id, analyst, part: Part, words, now=None)
        .exposure_of(account_id, days=7) -> list[Exposure]  .exposure_report(since) -> ExposureReport
        .pace(analyst, now=None) -> Pace                            grave cases so far, whether a break is due
        .set_opt_out(account_id, families)  .opt_out_of(account_id) -> tuple[str, ...]     private
        .training_rows(now=None) -> Iterator[dict]  .erased_rows() -> list[(row id, export id)]
        .rerank(actor, now=None, batch=500) -> PolicyChange         places open cases by this queue's policy
        .same_target(case_id, limit=20) -> list[CaseRow]            other cases that aim at the same person
        .changed_since(cursor=0, limit=500, *, key_id=None) -> Changes(cursor, rows)
        .stats(now=None) -> Stats
        .add_feedback(new: NewFeedback, *, source, now=None) -> Feedback    a better score, for training
        .feedback(after=0, limit=500) -> list[Feedback]
        .seal(now=None) -> int                                      chains the digests of new events
        .verify_chain(case_id=None, *, expected=None) -> ChainReport(cases, events, unsealed, first_bad, anchor)
                                                                    expected: parse_anchor(str(an earlier anchor))
    Accounts(engine, secret, sign_in: SignIn)           ``policy.sign_in``
        .create_key(name, kind, quota=Quota()) -> (Key, plain) .list_keys() .revoke_key(id) .set_quota(id, quota)
        .authenticate_key(plain) -> Key | None
        .create_user(name, role, password=None) -> (Account, one_time_password | None) .list_users()
        .change_password(account_id, old, new) -> Session           the others end
        .sign_in(name, password, now=None) -> Session | Challenge | None        None also while locked out
        .answer(challenge_token, code, now=None) -> Session | None
        .propose_second_factor(account, seed="") -> Enrolment  .confirm_second_factor(account, seed, code) -> codes
        .drop_second_factor(account, password, code)  .reset_second_factor(name) -> Account
        .session(token, now=None) -> Account | None  .open_sessions(account_id, token) -> list[OpenSession]
        .sign_out(token)  .sign_out_everywhere(account_id, but="")
        .set_display(account_id, display)
    Hooks(engine, secret)                               who is told of decisions (serving.webhooks)
        .add(url, key_id, now) -> Hook  .listed()  .get(id)  .remove(id)  .secret_of(id) -> str
        .due(now) -> list[Hook]  .news(hook, limit) -> list[News]
        .reserve(hook, now, lease) -> bool  .told(id, position, until)  .failed(id, now, again, give_up) -> bool
        .resume(id, now)

``now`` is an aware datetime and defaults to the clock; every error is a ``serving.bundle.errors.VigieError``.
"""

from .accounts import Accounts
from .anchors import parse_anchor
from .bodies import DecisionForm, NewCase, Notice, Order, Reporter, ThreadPost, parse_case
from .database import open_database
from .feedback import NewFeedback
from .hooks import Hook, Hooks, News
from .queue import Queue
from .records import (
    READERS,
    SENIORS,
    Account,
    Agreement,
    Anchor,
    BadEvent,
    Bulk,
    Case,
    CaseRow,
    ChainReport,
    Challenge,
    Changes,
    Decision,
    Display,
    Event,
    EventKind,
    Exposure,
    ExposureReport,
    Feedback,
    GoldenReport,
    Key,
    KeyKind,
    Likeness,
    Note,
    Opening,
    OpenSession,
    Pace,
    Part,
    PolicyChange,
    Quota,
    Received,
    Role,
    Session,
    SkipReason,
    Source,
    State,
    Stats,
    StoredPost,
    no_case,
)
from .search import Filters

__all__ = [
    "READERS",
    "SENIORS",
    "Account",
    "Accounts",
    "Agreement",
    "Anchor",
    "BadEvent",
    "Bulk",
    "Case",
    "CaseRow",
    "ChainReport",
    "Challenge",
    "Changes",
    "Decision",
    "DecisionForm",
    "Display",
    "Event",
    "EventKind",
    "Exposure",
    "ExposureReport",
    "Feedback",
    "Filters",
    "GoldenReport",
    "Hook",
    "Hooks",
    "Key",
    "KeyKind",
    "Likeness",
    "NewCase",
    "NewFeedback",
    "News",
    "Note",
    "Notice",
    "OpenSession",
    "Opening",
    "Order",
    "Pace",
    "Part",
    "PolicyChange",
    "Queue",
    "Quota",
    "Received",
    "Reporter",
    "Role",
    "Session",
    "SkipReason",
    "Source",
    "State",
    "Stats",
    "StoredPost",
    "ThreadPost",
    "no_case",
    "open_database",
    "parse_anchor",
    "parse_case",
]
