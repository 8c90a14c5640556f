"""What a key may use: requests and texts a minute, requests at once. NULL is the deployment's default, 0 no limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; keys made before keep the defaults."""
    for name in ("requests_per_minute", "texts_per_minute", "concurrency"):
        op.add_column("api_keys", sa.Column(name, sa.Integer()))
