"""Times in the store: whole milliseconds since 1970 UTC, and what they are outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment(value: int) -> datetime:
    """The time of so many milliseconds since 1970 UTC."""
    return EPOCH + timedelta(milliseconds=value)


def maybe_moment(value: int | None) -> datetime | None:
    """`moment`, where there is one."""
    return None if value is None else moment(value)


def iso(value: int) -> str:
    """ISO 8601 in UTC with milliseconds, such as 2026-01-31T09:30:00.250Z."""
    return moment(value).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value % 1000:03d}Z"


def from_iso(text: str) -> int:
    """Milliseconds of what `iso` wrote. Raises ValueError for anything else."""
    return milliseconds(datetime.fromisoformat(text.replace("Z", "+00:00")))
