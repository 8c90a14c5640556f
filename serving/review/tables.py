"""The tables of the queue. Knows columns and indexes; nothing of what moves a case.

Flags are small integers 0/1, because partial indexes spell their condition alike on SQLite and PostgreSQL then.
A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import JSON, TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; SQLite has no time zones and keeps the digits."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; naive for SQLite, so that comparing the digits compares the moments."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Back to an aware UTC datetime."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


#: A row read from one of these tables: its columns are its attributes, which no type checker can know.
StoredRow: TypeAlias = Any


#: 64 bits and self-numbering on both; SQLite numbers only columns declared INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(naming_convention=NAMING)

cases = Table(
    "cases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("key_kind", String(16), nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("body_digest", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    # What was sent; text, thread, notice, order and url are erased when retention ends.
    Column("text", Text),
    Column("url", Text),
    Column("received_at", Moment),
    Column("language", String(35)),
    Column("reach", BigInteger),
    Column("category", String(200)),
    Column("author", String(64)),
    Column("target", String(64)),
    Column("reporter", String(64)),
    Column("thread", JSON(none_as_null=True)),
    Column("notice", JSON(none_as_null=True)),
    Column("order_notice", JSON(none_as_null=True)),
    # What the model said. `pending`: nobody has asked it yet, or it is being asked until `scoring_until`.
    Column("pending", SmallInteger, nullable=False),
    Column("scoring_until", Moment),
    Column("bundle", String(80)),
    Column("verdict", JSON(none_as_null=True)),
    Column("levels", JSON(none_as_null=True)),
    Column("score_error", JSON(none_as_null=True)),
    # The place in the queue.
    Column("lane", String(16), nullable=False),
    Column("vital", SmallInteger, nullable=False),
    Column("escalated_vital", SmallInteger, nullable=False),
    Column("due_at", Moment),
    Column("target_at", Moment),
    Column("harm", Double, nullable=False),
    Column("minutes", Double, nullable=False),
    Column("rank", Double, nullable=False),
    Column("reasons", JSON, nullable=False),
    # Uniform in [0, 1) for a case below the queue threshold, else null: the population of the audit draw.
    Column("audit_key", Double),
    # Where it stands. `waiting`: can be claimed.
    Column("state", String(16), nullable=False),
    Column("waiting", SmallInteger, nullable=False),
    Column("returns_to", String(16)),
    Column("claimed_by", String(64)),
    Column("lease_until", Moment),
    Column("claimed_through", String(16)),
    Column("audit_probability", Double),
    # Whom an appeal or a second review excludes, and whether it asks for a senior.
    Column("not_by", String(64)),
    Column("senior_only", SmallInteger, nullable=False),
    # The end of the case's chain of events.
    Column("event_count", Integer, nullable=False),
    Column("head", String(64), nullable=False),
    UniqueConstraint("key_id", "external_id"),
)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# One index orders every lane; the others are small and find the few that go before.
Index("ix_cases_rank", cases.c.lane, cases.c["rank"].desc(), **_where("waiting = 1"))
Index("ix_cases_vital", cases.c["rank"].desc(), **_where("waiting = 1 AND vital = 1"))
Index("ix_cases_due", cases.c.due_at, **_where("waiting = 1 AND due_at IS NOT NULL"))
Index("ix_cases_audit", cases.c.audit_key, **_where("waiting = 1 AND audit_key IS NOT NULL"))
Index("ix_cases_pending", cases.c.created_at, **_where("pending = 1"))
Index("ix_cases_lease", cases.c.lease_until, **_where("lease_until IS NOT NULL"))
Index("ix_cases_target", cases.c.target, **_where("target IS NOT NULL"))

events = Table(
    "events",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # Place in the order in which events were sealed; null until then. The cursor of changed_since.
    Column("position", Number),
    UniqueConstraint("case_id", "number"),
    UniqueConstraint("position"),
)
Index("ix_events_unsealed", events.c.seq, **_where("position IS NULL"))

seals = Table(
    "seals",
    metadata,
    Column("last_position", Number, primary_key=True, autoincrement=False),
    Column("first_position", Number, nullable=False),
    Column("at", Moment, nullable=False),
    Column("prev_digest", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False, index=True),
    Column("analyst", String(64), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("illegal", SmallInteger, nullable=False),
    Column("ground", String(200)),
    Column("action", String(200), nullable=False),
    Column("note", Text, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("bundle", String(80)),
)

# Scores that others suggest for a text, kept for training; the whole row goes when retention ends.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("case_id", String(32), ForeignKey("cases.id"), index=True),
    Column("text", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("source", String(32), nullable=False),
    Column("weight", Double, nullable=False),
    Column("provenance", JSON, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    # Null is the deployment's default, 0 no limit.
    Column("requests_per_minute", Integer),
    Column("texts_per_minute", Integer),
    Column("concurrency", Integer),
)

people = Table(
    "people",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("must_change_password", SmallInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Moment),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", String(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
