"""Which case is next, and for whom: the steps of the claim order, with chance and the wishes of people among them.

Vital; then a legal deadline within the margin; then, with probability ``audit_share``, the audit draw; then
authorities, trusted flaggers and ordinary cases by rank, ordinary ones first with probability ``ordinary_share``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from serving.bundle.errors import Conflict
from serving.priority import Lane

from . import exposure, golden, judges, transitions
from .audit import AUDIT, draw_audit
from .database import is_postgresql
from .places import Rules
from .records import SENIORS, Account
from .steps import DUE, LANES, VITAL, Step, first_free, horizon, narrowed, open_to, within
from .tables import StoredRow, cases

_LAPSED_AT_ONCE = 50
_ENDED = cases.c.lease_until < bindparam("now")
_LAPSED = (
    select(cases).where(_ENDED).order_by(cases.c.lease_until).limit(_LAPSED_AT_ONCE).with_for_update(skip_locked=True)
)

#: What a claim asks first: the analyst's day, and whether a lease has ended, in one statement.
_BEFORE = exposure.TODAY.add_columns(select(cases.c.id).where(_ENDED).exists().label("lapsed"))

#: How it came about, the case, and with what probability if by the audit draw.
Found = tuple[str, StoredRow, float | None]


def claim(connection: Connection, rules: Rules, analyst: Account, now: datetime) -> StoredRow | None:
    """Hand the next case to ``analyst``; None when nothing waits for this analyst."""
    if is_postgresql(connection):
        # The steps read the same indexes whatever the parameters: planned anew for each claim, they cost four times.
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    today = connection.execute(_BEFORE, {"analyst": analyst.id, "now": now}).one()
    if today.lapsed:
        _return_lapsed(connection, rules, now)
    wishes = exposure.wishes_of(rules, today, now)
    for found in _candidates(connection, rules, analyst, wishes, now):
        exposure.note_claim(connection, rules, analyst.id, today, bool(found[1].grave), now)
        return _hand_out(connection, rules, analyst, found, now)
    return None


def _hand_out(connection: Connection, rules: Rules, analyst: Account, found: Found, now: datetime) -> StoredRow:
    through, case, probability = found
    until = now + rules.policy.claims.lease
    return transitions.claim(
        connection, rules.secret, case, analyst.id, now, until=until, through=through, probability=probability
    )


def claim_named(connection: Connection, rules: Rules, analyst: Account, case_id: str, now: datetime) -> StoredRow:
    """Hand a named case to ``analyst``, who may have come to it by a search.

    Raises:
        Conflict: it does not wait, or not for this analyst.
    """
    case = _lock_open(connection, analyst, case_id)
    urgent = case.vital or (case.due_at is not None and case.due_at <= now + rules.policy.claims.due_margin)
    today = exposure.today_of(connection, analyst.id)
    if case.grave and not urgent and exposure.wishes_of(rules, today, now).mild_only:
        detail = f"case {case_id} is grave, and you have read enough of those today; leave it to others"
        raise Conflict(detail, code="enough_today")
    exposure.note_claim(connection, rules, analyst.id, today, bool(case.grave), now)
    return _hand_out(connection, rules, analyst, ("named", case, None), now)


def claim_unread(connection: Connection, rules: Rules, analyst: Account, case_id: str, now: datetime) -> StoredRow:
    """``claim_named`` of a case decided with another whose text stands for its own: no reading to count or limit."""
    case = _lock_open(connection, analyst, case_id)
    return _hand_out(connection, rules, analyst, ("named", case, None), now)


def _lock_open(connection: Connection, analyst: Account, case_id: str) -> StoredRow:
    case = transitions.lock(connection, case_id)
    ours = select(cases.c.id).where(cases.c.id == case_id, open_to(analyst.role in SENIORS))
    if not case.waiting or connection.execute(ours, {"analyst": analyst.id}).first() is None:
        why = f"it is {case.state}, or you have had a part in it"
        raise Conflict(f"case {case_id} does not wait for you: {why}; claim the next one", code="not_open_to_you")
    return case


def check_part(connection: Connection, case: StoredRow, person: Account) -> None:
    """Whether ``person`` may be given a case by a supervisor; what they skipped, they may.

    Raises:
        Conflict: they passed it on or have judged it, or it waits for a senior.
    """
    if case.not_by == person.id or person.id in judges.of_case(connection, case.id):
        raise Conflict(f"{person.id} has already judged case {case.id}; choose somebody else", code="not_open_to_them")
    if case.senior_only and person.role not in SENIORS:
        raise Conflict(f"case {case.id} waits for a senior; choose one", code="not_open_to_them")


def _candidates(
    connection: Connection, rules: Rules, analyst: Account, wishes: exposure.Wishes, now: datetime
) -> Iterator[Found]:
    """Free cases, the best first; asked for one at a time. Where chance brings nothing, one statement finds it."""
    share = rules.policy.claims
    shares = (share.golden_share, share.audit_share, share.ordinary_share)
    golden_turn, audit_turn, ordinary_first = (rules.draw() < least for least in shares)
    urgent, lanes = _wished(wishes, ordinary_first)
    chance = golden_turn or audit_turn
    yield from _first(connection, urgent if chance else [*urgent, *lanes], rules, analyst, now)
    if golden_turn and (item := golden.draw(connection, rules, analyst.id, wishes, now)) is not None:
        yield str(item.lane), item, None
    if audit_turn:
        drawn = draw_audit(connection, rules.draw, analyst)
        yield from ((AUDIT, case, share.audit_share * probability) for case, probability in drawn)
    if chance:
        yield from _first(connection, lanes, rules, analyst, now)


def _first(connection: Connection, steps: list[Step], rules: Rules, analyst: Account, now: datetime) -> Iterator[Found]:
    if found := first_free(connection, steps, analyst, horizon(rules, now)):
        yield *found, None


def _wished(wishes: exposure.Wishes, ordinary_first: bool) -> tuple[list[Step], list[Step]]:
    """The steps before chance and those after, without what this person is not to be handed.

    Mild ones come first or alone in the lanes; what is urgent comes grave or mild.
    """
    lanes = sorted(LANES, key=lambda step: step.name != Lane.ORDINARY) if ordinary_first else list(LANES)
    topics = wishes.topics or exposure.TOPICS
    mild = [narrowed(step, topics, (0,)) for step in lanes] if wishes.mild_first or wishes.mild_only else []
    if wishes.topics is None:
        return [VITAL, DUE], mild if wishes.mild_only else mild + lanes
    wished = [] if wishes.mild_only else [narrowed(step, topics, (0, 1)) for step in lanes]
    return [within(VITAL, topics), within(DUE, topics)], mild + wished


def _return_lapsed(connection: Connection, rules: Rules, now: datetime) -> None:
    """Cases whose lease has ended wait again. A few at a time, so that no claim pays for many."""
    for case in connection.execute(_LAPSED, {"now": now}).all():
        transitions.expire(connection, rules.secret, case, now)
