"""What somebody has been shown today, so that a part revealed again is not counted again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of parts shown."""
    op.create_table(
        "shown",
        sa.Column("analyst", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_shown_case_id_cases"),
        sa.PrimaryKeyConstraint("analyst", "day", "case_id", "part", name="pk_shown"),
    )
