"""The first tables: cases, events and their seals, decisions, keys, people, sessions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Spelt out here, not imported: a migration must not change when the code does.
_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make the tables and their indexes."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("revoked_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("key_kind", sa.String(length=16), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("received_at", _MOMENT),
        sa.Column("language", sa.String(length=35)),
        sa.Column("reach", sa.BigInteger()),
        sa.Column("category", sa.String(length=200)),
        sa.Column("author", sa.String(length=64)),
        sa.Column("target", sa.String(length=64)),
        sa.Column("reporter", sa.String(length=64)),
        sa.Column("thread", sa.JSON(none_as_null=True)),
        sa.Column("notice", sa.JSON(none_as_null=True)),
        sa.Column("order_notice", sa.JSON(none_as_null=True)),
        sa.Column("pending", sa.SmallInteger(), nullable=False),
        sa.Column("scoring_until", _MOMENT),
        sa.Column("bundle", sa.String(length=80)),
        sa.Column("verdict", sa.JSON(none_as_null=True)),
        sa.Column("levels", sa.JSON(none_as_null=True)),
        sa.Column("score_error", sa.JSON(none_as_null=True)),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("vital", sa.SmallInteger(), nullable=False),
        sa.Column("escalated_vital", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("target_at", _MOMENT),
        sa.Column("harm", sa.Double(), nullable=False),
        sa.Column("minutes", sa.Double(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("audit_key", sa.Double()),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("waiting", sa.SmallInteger(), nullable=False),
        sa.Column("returns_to", sa.String(length=16)),
        sa.Column("claimed_by", sa.String(length=64)),
        sa.Column("lease_until", _MOMENT),
        sa.Column("claimed_through", sa.String(length=16)),
        sa.Column("audit_probability", sa.Double()),
        sa.Column("not_by", sa.String(length=64)),
        sa.Column("senior_only", sa.SmallInteger(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("key_id", "external_id", name="uq_cases_key_id_external_id"),
    )
    op.create_index("ix_cases_audit", "cases", ["audit_key"], **_where("waiting = 1 AND audit_key IS NOT NULL"))
    op.create_index("ix_cases_due", "cases", ["due_at"], **_where("waiting = 1 AND due_at IS NOT NULL"))
    op.create_index("ix_cases_lease", "cases", ["lease_until"], **_where("lease_until IS NOT NULL"))
    op.create_index("ix_cases_pending", "cases", ["created_at"], **_where("pending = 1"))
    op.create_index("ix_cases_rank", "cases", ["lane", sa.text("rank DESC")], **_where("waiting = 1"))
    op.create_index("ix_cases_target", "cases", ["target"], **_where("target IS NOT NULL"))
    op.create_index("ix_cases_vital", "cases", [sa.text("rank DESC")], **_where("waiting = 1 AND vital = 1"))
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("must_change_password", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name", name="uq_people_name"),
    )
    op.create_table(
        "seals",
        sa.Column("last_position", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("first_position", _NUMBER, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("prev_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("last_position", name="pk_seals"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("illegal", sa.SmallInteger(), nullable=False),
        sa.Column("ground", sa.String(length=200)),
        sa.Column("action", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("bundle", sa.String(length=80)),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_decisions_case_id_cases"),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_index("ix_decisions_case_id", "decisions", ["case_id"])
    op.create_table(
        "events",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("position", _NUMBER),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_events_case_id_cases"),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("case_id", "number", name="uq_events_case_id_number"),
        sa.UniqueConstraint("position", name="uq_events_position"),
    )
    op.create_index("ix_events_unsealed", "events", ["seq"], **_where("position IS NULL"))
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sessions_person_id_people", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
