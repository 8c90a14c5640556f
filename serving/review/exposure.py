"""What reading costs people: a ledger of what each has read, limits on grave texts, topics they opt out of.

Limits shape the next claim; they never keep back a danger to life or a deadline from those who did not opt out.
Evidence says that blur alone does not help; forewarning, control and seeing a text once do (docs/queue.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import combinations

from sqlalchemy import Connection, Executable, String, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from serving.bundle.errors import InputError, NotFound
from serving.bundle.operating import LEVELS
from serving.bundle.taxonomy import FAMILIES

from .database import is_postgresql
from .places import Rules
from .records import Exposure, ExposureReport, Pace, Part, no_case
from .tables import StoredRow, cases, decisions, desks, exposure, people, shown

#: Every topic a case can have, as ``cases.topic`` spells it.
TOPICS = tuple("+".join(chosen) for size in range(len(FAMILIES) + 1) for chosen in combinations(FAMILIES, size))
_NO_FAMILY = "aucune"
_WHO = select(bindparam("analyst", type_=String).label("id")).subquery()
#: What ``today_of`` runs, of the parameter ``analyst``.
TODAY = select(people.c.opt_out, desks).select_from(
    _WHO.outerjoin(people, people.c.id == _WHO.c.id).outerjoin(desks, desks.c.analyst == _WHO.c.id)
)


@dataclass(frozen=True)
class Wishes:
    """What the next case of somebody should not be.

    Attributes:
        topics: those this person may be handed; None for all.
        mild_first: enough grave ones in a row. ``mild_only``: enough for today.
    """

    topics: tuple[str, ...] | None
    mild_first: bool
    mild_only: bool


def today_of(connection: Connection, analyst: str) -> StoredRow:
    """The line of somebody's last day of work, its columns null where there is none, and what they opted out of."""
    return connection.execute(TODAY, {"analyst": analyst}).one()


def wishes_of(rules: Rules, today: StoredRow, now: datetime) -> Wishes:
    """From the day so far and the topics this person opted out of."""
    avoided = set(today.opt_out or ())
    allowed = tuple(topic for topic in TOPICS if not avoided & set(topic.split("+")))
    (in_a_row, graves), limits = _graves(rules, today, now), rules.policy.wellbeing
    return Wishes(allowed if avoided else None, in_a_row >= limits.grave_in_a_row, graves >= limits.grave_per_day)


def _graves(rules: Rules, today: StoredRow, now: datetime) -> tuple[int, int]:
    """Grave cases in a row, and in all; a past day's count no more."""
    return (today.grave_in_a_row, today.grave_today) if today.day == _day(rules, now) else (0, 0)


def note_claim(
    connection: Connection, rules: Rules, analyst: str, today: StoredRow, grave: bool, now: datetime
) -> None:
    """Count a case handed out; a pause as long as a break starts a new stretch of work."""
    pause, day = timedelta(minutes=rules.policy.wellbeing.break_minutes), _day(rules, now)
    in_a_row, graves = _graves(rules, today, now)
    rested = today.day != day or now - today.last_at >= pause
    values = {
        "analyst": analyst,
        "day": day,
        "grave_today": graves + grave,
        "grave_in_a_row": in_a_row + 1 if grave else 0,
        "working_since": now if rested else today.working_since,
        "last_at": now,
    }
    connection.execute(_note_desk(is_postgresql(connection)), values)


@cache
def _note_desk(on_postgresql: bool) -> Executable:
    make = (postgresql.insert if on_postgresql else sqlite.insert)(desks)
    newer = {column.name: column for column in make.excluded if not desks.c[column.name].primary_key}
    return make.on_conflict_do_update(index_elements=["analyst"], set_=newer)


def _desk(connection: Connection, rules: Rules, analyst: str, now: datetime) -> StoredRow | None:
    """The line of today; a past day's counts no more."""
    row = connection.execute(select(desks).where(desks.c.analyst == analyst)).first()
    return row if row is not None and row.day == _day(rules, now) else None


def pace_of(connection: Connection, rules: Rules, analyst: str, now: datetime) -> Pace:
    """The day of somebody so far, against the limits."""
    desk = _desk(connection, rules, analyst, now)
    return _pace(rules, desk, now) if desk else Pace(0, 0, rules.policy.wellbeing.grave_per_day, False, 0, False)


def paces(connection: Connection, rules: Rules, now: datetime) -> list[Pace]:
    """The day so far of everybody who was handed a case today, without saying whose."""
    rows = connection.execute(select(desks).where(desks.c.day == _day(rules, now)))
    return [_pace(rules, desk, now) for desk in rows]


def _pace(rules: Rules, desk: StoredRow, now: datetime) -> Pace:
    limits = rules.policy.wellbeing
    resting = now - desk.last_at >= timedelta(minutes=limits.break_minutes)
    worked = 0 if resting else int((now - desk.working_since).total_seconds() // 60)
    return Pace(
        desk.grave_today,
        desk.grave_in_a_row,
        limits.grave_per_day,
        desk.grave_today >= limits.grave_per_day,
        worked,
        worked >= limits.break_after_minutes,
    )


def record(
    connection: Connection, rules: Rules, case_id: str, analyst: str, part: Part, words: int, now: datetime
) -> None:
    """Add what somebody has read to the ledger: a case once a day, and each of its parts once."""
    # Locked, so that two parts shown at once are not both the first.
    query = select(cases.c.levels, cases.c.grave).where(cases.c.id == case_id).with_for_update()
    case = connection.execute(query).first()
    if case is None:
        raise no_case(case_id)
    who = {"analyst": analyst, "day": _day(rules, now)}
    before = _note_shown(connection, {**who, "case_id": case_id}, part)
    if part in before:
        return
    key = {**who, "family": _family(case.levels or {}), "severity": "grave" if case.grave else "mild"}
    added = {"cases": 0 if before else 1, "words": words}
    make = (postgresql.insert if is_postgresql(connection) else sqlite.insert)(exposure)
    more = {name: exposure.c[name] + value for name, value in added.items()}
    connection.execute(make.values(**key, **added).on_conflict_do_update(index_elements=list(key), set_=more))


def _note_shown(connection: Connection, key: dict[str, str], part: Part) -> set[str]:
    """The parts of a case shown before on a day, to which ``part`` is added; past days are forgotten."""
    past = (shown.c.analyst == key["analyst"], shown.c.day < key["day"])
    connection.execute(delete(shown).where(*past))
    before = set(connection.scalars(select(shown.c.part).filter_by(**key)))
    if part not in before:
        connection.execute(insert(shown).values(**key, part=part.value))
    return before


def _family(levels: dict[str, str | None]) -> str:
    """The surest family, at least possible."""
    surest = [(LEVELS.index(level), family) for family in FAMILIES if (level := levels.get(family))]
    at_least_possible = [pair for pair in surest if pair[0] <= LEVELS.index("possible")]
    return min(at_least_possible)[1] if at_least_possible else _NO_FAMILY


def ledger(connection: Connection, rules: Rules, analyst: str, days: int, now: datetime) -> list[Exposure]:
    """What somebody has read in the last ``days``, oldest day first."""
    since = _day(rules, now - timedelta(days=days - 1))
    query = select(exposure).where(exposure.c.analyst == analyst, exposure.c.day >= since)
    ordered = query.order_by(exposure.c.day, exposure.c.family, exposure.c.severity)
    return [Exposure(r.day, r.family, r.severity, r.cases, r.words) for r in connection.execute(ordered)]


def report(connection: Connection, rules: Rules, since: datetime) -> ExposureReport:
    """Words written in decided cases, words that people read of them, and words nobody read because they were known.

    Lengths are those of the texts when received, from the reading time: so they outlive erasure.
    """
    terms = rules.policy.rank
    known = decisions.c.copied_from.is_not(None)
    counted = select(known, func.count(), func.sum(cases.c.minutes)).join(cases, cases.c.id == decisions.c.case_id)
    counted = counted.where(decisions.c.at >= since, cases.c.golden.is_(None)).group_by(known)
    found = {bool(row[0]): row[1:] for row in connection.execute(counted)}

    def cases_and_words(which: bool) -> tuple[int, int]:
        count, minutes = found.get(which, (0, 0.0))
        return count, round((minutes - count * terms.opening_minutes) * terms.words_per_minute)

    read = select(func.coalesce(func.sum(exposure.c.words), 0)).where(exposure.c.day >= _day(rules, since))
    return ExposureReport(*cases_and_words(False), *cases_and_words(True), int(connection.scalar(read) or 0))


def opt_out(connection: Connection, account_id: str, families: list[str]) -> None:
    """Replace the topics that somebody would rather not be handed; no reason is asked, no event made."""
    if unknown := set(families) - set(FAMILIES):
        detail = f"family {min(unknown)[:64]!r} is unknown; expected some of {', '.join(FAMILIES)}"
        raise InputError(detail, code="unknown_family", pointer="/families")
    kept = update(people).where(people.c.id == account_id).values(opt_out=sorted(set(families)) or None)
    if connection.execute(kept).rowcount != 1:
        raise NotFound(f"nobody has the id {account_id[:64]!r}; `vigie user list` shows the ids")


def opted_out(connection: Connection, account_id: str) -> tuple[str, ...]:
    """The topics somebody opted out of; for that person's eyes only."""
    return tuple(connection.scalar(select(people.c.opt_out).where(people.c.id == account_id)) or ())


def _day(rules: Rules, now: datetime) -> str:
    return now.astimezone(rules.policy.zone).date().isoformat()
