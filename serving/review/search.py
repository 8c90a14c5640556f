"""Finding cases: by what they are, by their names, by words of their text. "Is this already in the queue?"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, or_, select

from serving.bundle.errors import InputError
from serving.bundle.operating import LEVELS
from serving.bundle.taxonomy import FAMILIES

from .known import candidates_of_text, fingerprint, nearness, normalised
from .places import Rules
from .records import CaseRow, State
from .tables import StoredRow, cases
from .views import ROW_COLUMNS, row_of

#: So many of the newest cases are read for words; more would make a person wait.
READ = 20_000


@dataclass(frozen=True)
class Filters:
    """What cases must be; None asks nothing.

    Attributes:
        family: among the families at least possible. ``level``: the surest level, at least.
        same_target_as: id of a case that aims at the same person.
        since, until: receipt, the end excluded.
    """

    state: str | None = None
    lane: str | None = None
    family: str | None = None
    level: str | None = None
    category: str | None = None
    same_target_as: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The filters as SQL.

        Raises:
            InputError: a value is not one of its list.
        """
        yield cases.c.golden.is_(None)
        for name in ("state", "lane", "category"):
            if (value := getattr(self, name)) is not None:
                yield cases.c[name] == value
        if self.family is not None:
            yield cases.c.topic.contains(_among("family", self.family, FAMILIES), autoescape=True)
        if self.level is not None:
            surest = LEVELS[: LEVELS.index(_among("level", self.level, LEVELS)) + 1]
            yield cases.c.level.in_(surest)
        if self.same_target_as is not None:
            yield (
                cases.c.target
                == select(_TARGETS.c.target).where(_TARGETS.c.id == self.same_target_as).scalar_subquery()
            )
        if self.since is not None:
            yield cases.c.created_at >= self.since
        if self.until is not None:
            yield cases.c.created_at < self.until


_TARGETS = cases.alias()


def _among(what: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        detail = f"{what} {value[:64]!r} is unknown; expected one of {', '.join(known)}"
        raise InputError(detail, code=f"unknown_{what}", pointer=f"/{what}")
    return value


def search(
    connection: Connection, rules: Rules, query: str, filters: Filters, limit: int, offset: int = 0
) -> list[CaseRow]:
    """Cases that the filters allow, newest first; see ``Queue.search``."""
    if filters.state is not None:
        _among("state", filters.state, tuple(str(state) for state in State))
    allowed = select(cases).where(*filters.conditions()).order_by(cases.c.created_at.desc(), cases.c.id.desc())
    wanted = normalised(query)
    if not wanted:
        listed = select(*ROW_COLUMNS).where(*filters.conditions())
        listed = listed.order_by(cases.c.created_at.desc(), cases.c.id.desc()).limit(limit).offset(offset)
        return [row_of(row) for row in connection.execute(listed)]
    found = {row.id: row for row in _matches(connection, rules, allowed, query, wanted, filters, offset + limit)}
    return [row_of(row) for row in list(found.values())[offset : offset + limit]]


def _matches(
    connection: Connection,
    rules: Rules,
    allowed: Select[tuple[object, ...]],
    query: str,
    wanted: str,
    filters: Filters,
    enough: int,
) -> Iterator[StoredRow]:
    """First what bears this name or equals this text, then what is near it, then what holds its words."""
    named = or_(
        cases.c.id == query.strip(),
        cases.c.external_id == query.strip(),
        cases.c.fingerprint == fingerprint(rules.secret, query),
    )
    yield from connection.execute(allowed.where(named).limit(enough))
    if len(wanted.split()) >= rules.policy.known.least_words:
        near = {row.id for row in _near(connection, rules, query)}
        yield from connection.execute(allowed.where(cases.c.id.in_(near)).limit(enough))
    words = wanted.split()
    hits = 0
    for row in connection.execute(allowed.limit(READ).execution_options(yield_per=500)):
        text = normalised(row.text or "")
        if all(word in text for word in words):
            yield row
            hits += 1
            if hits >= enough:
                return


def _near(connection: Connection, rules: Rules, query: str) -> Iterator[StoredRow]:
    for row in candidates_of_text(connection, rules.secret, query):
        if nearness(query, row.text).similarity >= rules.policy.known.similarity:
            yield row
