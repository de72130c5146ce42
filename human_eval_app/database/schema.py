"""The tables of the rating store, the same on SQLite and PostgreSQL.

Times are whole milliseconds since 1970 UTC. Nothing is ever deleted; what is withdrawn gets an event. Ratings
and events are append-only, which triggers in the database enforce (see `migrations`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD: Final = "0002"
"""The schema revision this version of the program works with."""

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LEASED: Final = "leased"
SERVED: Final = "served"
RATED: Final = "rated"
SKIPPED: Final = "skipped"
EXPIRED: Final = "expired"


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


study = Table(
    "study",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("design", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="only_one"),
    _one_of("status", "open", "closed"),
)
"""The one study of this database: its design as JSON. Its row is the lock for giving out items."""

item = Table(
    "item",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("cell", Text, nullable=False),
    Column("prompt_id", Text, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    Column("taken_swapped", Integer, nullable=False, server_default="0"),
    Column("excluded", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("number"),
    Index(None, "role", "cell", "taken"),
    _one_of("role", "rating", "control", "practice"),
)
"""`taken`: places of the quota in use, ratings and live leases, recounted whenever one changes."""

rater = Table(
    "rater",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("cell", Text),
    Column("label", Text, nullable=False, server_default=""),
    Column("external_id", Text, unique=True),
    Column("status", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("breaks", Integer, nullable=False, server_default="0"),
    Column("invited_at", BigInteger, nullable=False),
    Column("entered_at", BigInteger),
    Column("consented_at", BigInteger),
    Column("practised_at", BigInteger),
    Column("finished_at", BigInteger),
    _one_of("status", "invited", "active", "excluded", "revoked"),
)
"""`id` counts from 1 without gaps: the rater's number, from which the order of items and sides is drawn."""

token = Table(
    "token",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("rater_id", Integer, ForeignKey("rater.id"), index=True),
    Column("cell", Text),
    Column("label", Text, nullable=False, server_default=""),
    Column("places", Integer, nullable=False),
    Column("used", Integer, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    _one_of("kind", "invite", "open", "continue"),
    CheckConstraint("used <= places", name="places"),
)

session = Table(
    "session",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("rater_id", Integer, ForeignKey("rater.id"), nullable=False, index=True),
    Column("agent", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

presentation = Table(
    "presentation",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("rater_id", Integer, ForeignKey("rater.id"), nullable=False),
    Column("item_id", Text, ForeignKey("item.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("swapped", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("holds", Boolean, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("leased_at", BigInteger, nullable=False),
    Column("lease_expires_at", BigInteger, nullable=False),
    Column("served_at", BigInteger),
    Column("opened_at", BigInteger),
    UniqueConstraint("rater_id", "item_id"),
    UniqueConstraint("rater_id", "position"),
    Index(None, "item_id", "holds"),
    Index(None, "state", "lease_expires_at"),
    _one_of("state", LEASED, SERVED, RATED, SKIPPED, EXPIRED),
)
"""An item given to a rater. `holds`: takes a place of the item's quota. `revision`: the last one written.

`served_at`: first put before the rater; `opened_at`: last put there (an undo opens it again).
"""

picture_view = Table(
    "picture_view",
    METADATA,
    Column("presentation_id", Text, ForeignKey("presentation.id"), primary_key=True),
    Column("picture_id", Text, primary_key=True),
    Column("delivered_at", BigInteger, nullable=False),
)

rating = Table(
    "rating",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("presentation_id", Text, ForeignKey("presentation.id"), nullable=False),
    Column("question", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("choice_shown", Text, nullable=False),
    Column("choice", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("expected", Text, nullable=False, server_default=""),
    Column("correct", Boolean),
    Column("design_digest", Text, nullable=False),
    Column("shown_at", BigInteger, nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("dwell_ms", BigInteger, nullable=False),
    Column("client_ms", BigInteger, nullable=False),
    UniqueConstraint("presentation_id", "question", "revision"),
)

event = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "target", "target_id"),
    Index(None, "kind"),
)
"""What happened, in order. `target`: study, rater, item, rating (a presentation), token or
administration; `detail`: JSON.
"""
