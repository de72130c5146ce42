"""The first schema: study, items, raters and their links, presentations, ratings, events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from human_eval_app.database.migrations.append_only import append_only_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "study",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("design", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_study"),
        sa.CheckConstraint("id = 1", name=op.f("ck_study_only_one")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_study_status")),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("cell", sa.Text, nullable=False),
        sa.Column("prompt_id", sa.Text, nullable=False),
        sa.Column("taken", sa.Integer, server_default="0", nullable=False),
        sa.Column("taken_swapped", sa.Integer, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("number", name="uq_item_number"),
        sa.CheckConstraint("role IN ('rating', 'control', 'practice')", name=op.f("ck_item_role")),
    )
    op.create_index("ix_item_role_cell_taken", "item", ["role", "cell", "taken"])
    op.create_table(
        "rater",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("cell", sa.Text),
        sa.Column("label", sa.Text, server_default="", nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("breaks", sa.Integer, server_default="0", nullable=False),
        sa.Column("invited_at", sa.BigInteger, nullable=False),
        sa.Column("entered_at", sa.BigInteger),
        sa.Column("consented_at", sa.BigInteger),
        sa.Column("practised_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_rater"),
        sa.UniqueConstraint("external_id", name="uq_rater_external_id"),
        sa.CheckConstraint(
            "status IN ('invited', 'active', 'excluded', 'revoked')", name=op.f("ck_rater_status")
        ),
    )
    op.create_table(
        "token",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rater_id", sa.Integer),
        sa.Column("cell", sa.Text),
        sa.Column("label", sa.Text, server_default="", nullable=False),
        sa.Column("places", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_token"),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name="fk_token_rater_id"),
        sa.CheckConstraint("kind IN ('invite', 'open', 'continue')", name=op.f("ck_token_kind")),
        sa.CheckConstraint("used <= places", name=op.f("ck_token_places")),
    )
    op.create_index("ix_token_rater_id", "token", ["rater_id"])
    op.create_table(
        "session",
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("agent", sa.Text, server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_session"),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name="fk_session_rater_id"),
    )
    op.create_index("ix_session_rater_id", "session", ["rater_id"])
    op.create_table(
        "presentation",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("swapped", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("holds", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, server_default="0", nullable=False),
        sa.Column("leased_at", sa.BigInteger, nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger, nullable=False),
        sa.Column("served_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_presentation"),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name="fk_presentation_rater_id"),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name="fk_presentation_item_id"),
        sa.UniqueConstraint("rater_id", "item_id", name="uq_presentation_rater_id_item_id"),
        sa.UniqueConstraint("rater_id", "position", name="uq_presentation_rater_id_position"),
        sa.CheckConstraint(
            "state IN ('leased', 'served', 'rated', 'skipped', 'expired')",
            name=op.f("ck_presentation_state"),
        ),
    )
    op.create_index("ix_presentation_item_id_holds", "presentation", ["item_id", "holds"])
    op.create_index("ix_presentation_state_lease_expires_at", "presentation", ["state", "lease_expires_at"])
    op.create_table(
        "rating",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("presentation_id", sa.Text, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("choice_shown", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("expected", sa.Text, server_default="", nullable=False),
        sa.Column("correct", sa.Boolean),
        sa.Column("design_digest", sa.Text, nullable=False),
        sa.Column("shown_at", sa.BigInteger, nullable=False),
        sa.Column("submitted_at", sa.BigInteger, nullable=False),
        sa.Column("dwell_ms", sa.BigInteger, nullable=False),
        sa.Column("client_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rating"),
        sa.ForeignKeyConstraint(["presentation_id"], ["presentation.id"], name="fk_rating_presentation_id"),
        sa.UniqueConstraint(
            "presentation_id", "question", "revision", name="uq_rating_presentation_id_question_revision"
        ),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_target_target_id", "event", ["target", "target_id"])
    op.create_index("ix_event_kind", "event", ["kind"])
    for statement in append_only_statements("event", op.get_bind().dialect.name):
        op.execute(statement)
