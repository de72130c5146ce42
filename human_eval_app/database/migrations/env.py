"""Alembic's entry point: runs the migrations on the connection that `database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from human_eval_app.database.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transaction_per_migration=False,
)
context.run_migrations()
