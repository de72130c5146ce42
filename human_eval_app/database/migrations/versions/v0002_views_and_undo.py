"""Delivered pictures, when a page was last opened (undo), excluded items, append-only ratings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from human_eval_app.database.migrations.append_only import append_only_statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds what is new; pages served under the first schema count as opened when they were served."""
    op.add_column("presentation", sa.Column("opened_at", sa.BigInteger))
    op.execute("UPDATE presentation SET opened_at = served_at")
    op.add_column("item", sa.Column("excluded", sa.Boolean, server_default=sa.text("false"), nullable=False))
    op.create_table(
        "picture_view",
        sa.Column("presentation_id", sa.Text, nullable=False),
        sa.Column("picture_id", sa.Text, nullable=False),
        sa.Column("delivered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("presentation_id", "picture_id", name="pk_picture_view"),
        sa.ForeignKeyConstraint(
            ["presentation_id"], ["presentation.id"], name="fk_picture_view_presentation_id"
        ),
    )
    for statement in append_only_statements("rating", op.get_bind().dialect.name):
        op.execute(statement)
