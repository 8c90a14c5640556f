"""Run by Alembic on the connection that ``serving.review.database`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from serving.review.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both databases can undo a failed migration whole; Alembic assumes otherwise of SQLite.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
