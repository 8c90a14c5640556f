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

#: For columns added to rows that exist.
ZERO = text("0")

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
    # A second analyst reads without seeing the first decision; drawn for it with this probability.
    Column("blind", SmallInteger, nullable=False, server_default=ZERO),
    Column("review_probability", Double),
    # What the text is about: the families at least possible joined by "+" ("" for none), the surest level among
    # them, and whether it is grave to read.
    Column("topic", String(32), nullable=False, server_default=""),
    Column("level", String(16)),
    Column("grave", SmallInteger, nullable=False, server_default=ZERO),
    # Keyed hash of the normalised text: equal texts are known again.
    Column("fingerprint", String(64)),
    # Id of the golden item: its own for the item, which never waits, that of the item for a copy handed out.
    Column("golden", String(32)),
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
# For those who have had enough of grave ones, or opted out of a topic: a few probes instead of one.
Index("ix_cases_topic", cases.c.lane, cases.c.grave, cases.c.topic, cases.c["rank"].desc(), **_where("waiting = 1"))
Index("ix_cases_fingerprint", cases.c.fingerprint, **_where("fingerprint IS NOT NULL"))
Index("ix_cases_reporter", cases.c.reporter, cases.c.created_at, **_where("reporter IS NOT NULL"))
Index("ix_cases_author", cases.c.author, cases.c.created_at, **_where("author IS NOT NULL"))
Index("ix_cases_created", cases.c.created_at)
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
    # The equal case whose decision this is; null for one that a person took.
    Column("copied_from", String(32)),
    # What the decision overwrote in the case, for an undo.
    Column("before", JSON(none_as_null=True)),
)

# Who is not given a case again: those who skipped it, and those who have judged it (``judges``).
skips = Table(
    "skips",
    metadata,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("analyst", String(64), primary_key=True),
    Column("reason", String(32), nullable=False),
    Column("at", Moment, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False, index=True),
    Column("analyst", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("text", Text, nullable=False),
)

# Keyed MinHash bands: two cases that share one may be near-duplicates.
bands = Table(
    "bands",
    metadata,
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True, index=True),
)

golden_items = Table(
    "golden_items",
    metadata,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("illegal", SmallInteger, nullable=False),
    Column("ground", String(200)),
    Column("action", String(200), nullable=False),
    Column("added_by", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("retired_at", Moment),
)

# Which cases left as training rows, so that an erasure can be traced to the files.
exports = Table(
    "exports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("rows", Integer, nullable=False),
)

exported = Table(
    "exported",
    metadata,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("export_id", String(32), ForeignKey("exports.id"), primary_key=True),
)

# What each analyst has read, by day of the policy's time zone.
exposure = Table(
    "exposure",
    metadata,
    Column("analyst", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("family", String(16), primary_key=True),
    Column("severity", String(16), primary_key=True),
    Column("cases", Integer, nullable=False),
    Column("words", BigInteger, nullable=False),
)

# Which parts of which cases somebody has been shown on their last day, so that each is counted once in `exposure`.
shown = Table(
    "shown",
    metadata,
    Column("analyst", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("part", String(16), primary_key=True),
)

# The day of each analyst: how many grave cases, how many in a row, since when without a break.
desks = Table(
    "desks",
    metadata,
    Column("analyst", String(64), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("grave_today", Integer, nullable=False),
    Column("grave_in_a_row", Integer, nullable=False),
    Column("working_since", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

# What became of the reports of each reporter.
reporters = Table(
    "reporters",
    metadata,
    Column("reporter", String(64), primary_key=True),
    Column("confirmed", Double, nullable=False),
    Column("refuted", Double, nullable=False),
    Column("at", Moment, nullable=False),
)

# The chain of re-rankings: one link each time the open cases were placed by a changed policy.
policy_changes = Table(
    "policy_changes",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
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

# Who is told of decisions: see hooks.
hooks = Table(
    "hooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    # Whose cases; null for everybody's.
    Column("key_id", String(32)),
    Column("created_at", Moment, nullable=False),
    # The last position it was told of; not tried again before `next_at`, which also keeps other workers away.
    Column("cursor", Number, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Moment),
    Column("disabled_at", Moment),
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
    # Second factor: the secret, and the time step of the last code accepted, so that none serves twice.
    Column("totp_secret", String(128)),
    Column("totp_at", BigInteger),
    Column("settings", JSON(none_as_null=True)),
    # Families this person does not want to be handed. Private: in no event, in no view of others.
    Column("opt_out", JSON(none_as_null=True)),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", String(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("used_at", Moment),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", String(32), ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
