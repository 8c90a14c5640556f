"""The work of a team: skips, notes, double review, golden items, known texts, exposure, reporters, second factors."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ZERO = sa.text("0")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add columns and tables; cases received before get their topic and fingerprint by `vigie queue rerank`."""
    _columns()
    _indexes()
    _of_cases()
    _of_people()
    _of_the_deployment()


def _columns() -> None:
    added: dict[str, list[sa.Column[Any]]] = {
        "cases": [
            sa.Column("topic", sa.String(length=32), nullable=False, server_default=""),
            sa.Column("level", sa.String(length=16)),
            sa.Column("grave", sa.SmallInteger(), nullable=False, server_default=_ZERO),
            sa.Column("fingerprint", sa.String(length=64)),
            sa.Column("golden", sa.String(length=32)),
            sa.Column("blind", sa.SmallInteger(), nullable=False, server_default=_ZERO),
            sa.Column("review_probability", sa.Double()),
        ],
        "decisions": [
            sa.Column("copied_from", sa.String(length=32)),
            sa.Column("before", sa.JSON(none_as_null=True)),
        ],
        "people": [
            sa.Column("totp_secret", sa.String(length=128)),
            sa.Column("totp_at", sa.BigInteger()),
            sa.Column("settings", sa.JSON(none_as_null=True)),
            sa.Column("opt_out", sa.JSON(none_as_null=True)),
        ],
    }
    for table, columns in added.items():
        for column in columns:
            op.add_column(table, column)


def _indexes() -> None:
    rank = sa.text("rank DESC")
    op.create_index("ix_cases_topic", "cases", ["lane", "grave", "topic", rank], **_where("waiting = 1"))
    op.create_index("ix_cases_fingerprint", "cases", ["fingerprint"], **_where("fingerprint IS NOT NULL"))
    op.create_index("ix_cases_reporter", "cases", ["reporter", "created_at"], **_where("reporter IS NOT NULL"))
    op.create_index("ix_cases_author", "cases", ["author", "created_at"], **_where("author IS NOT NULL"))
    op.create_index("ix_cases_created", "cases", ["created_at"])


def _of_cases() -> None:
    op.create_table(
        "skips",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_skips_case_id_cases"),
        sa.PrimaryKeyConstraint("case_id", "analyst", name="pk_skips"),
    )
    op.create_table(
        "notes",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_notes_case_id_cases"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_index("ix_notes_case_id", "notes", ["case_id"])
    op.create_table(
        "bands",
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_bands_case_id_cases"),
        sa.PrimaryKeyConstraint("band", "case_id", name="pk_bands"),
    )
    op.create_index("ix_bands_case_id", "bands", ["case_id"])
    op.create_table(
        "golden_items",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("illegal", sa.SmallInteger(), nullable=False),
        sa.Column("ground", sa.String(length=200)),
        sa.Column("action", sa.String(length=200), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("retired_at", _MOMENT),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_golden_items_case_id_cases"),
        sa.PrimaryKeyConstraint("case_id", name="pk_golden_items"),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
    )
    op.create_table(
        "exported",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("export_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_exported_case_id_cases"),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name="fk_exported_export_id_exports"),
        sa.PrimaryKeyConstraint("case_id", "export_id", name="pk_exported"),
    )


def _of_people() -> None:
    op.create_table(
        "exposure",
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("family", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("words", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("analyst", "day", "family", "severity", name="pk_exposure"),
    )
    op.create_table(
        "desks",
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("grave_today", sa.Integer(), nullable=False),
        sa.Column("grave_in_a_row", sa.Integer(), nullable=False),
        sa.Column("working_since", _MOMENT, nullable=False),
        sa.Column("last_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("analyst", name="pk_desks"),
    )
    op.create_table(
        "reporters",
        sa.Column("reporter", sa.String(length=64), nullable=False),
        sa.Column("confirmed", sa.Double(), nullable=False),
        sa.Column("refuted", sa.Double(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reporter", name="pk_reporters"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=32), nullable=False),
        sa.Column("used_at", _MOMENT),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_recovery_codes_person_id_people", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
    )
    op.create_index("ix_recovery_codes_person_id", "recovery_codes", ["person_id"])


def _of_the_deployment() -> None:
    op.create_table(
        "policy_changes",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_policy_changes"),
    )
