"""What the rating store gives back, and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Phase = Literal[
    "consent", "practice_done", "break", "finished", "closed", "screened_out", "waiting"
]  # what a rater is at when there is nothing to rate
Stage = Phase | Literal["practice", "rating"]
RaterStatus = Literal["invited", "active", "finished", "excluded", "revoked"]
Target = Literal["rater", "rating", "item"]
TokenReason = Literal["unknown", "expired", "revoked", "used", "closed", "full"]
RefusedReason = Literal[
    "not_yours",
    "not_shown",
    "too_fast",
    "expired",
    "bad_answer",
    "closed",
    "stale_revision",
    "nothing_to_undo",
]


PROLIFIC = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
"""What Prolific fills in when it sends a participant to an address."""


class TokenRefused(Exception):
    """A link does not let anyone in: `reason` says why."""

    def __init__(self, reason: TokenReason) -> None:
        super().__init__(reason)
        self.reason: TokenReason = reason


class Refused(Exception):
    """The store did not do what a rater's page asked, and wrote nothing: `reason` says why."""

    def __init__(self, reason: RefusedReason, message: str) -> None:
        super().__init__(message)
        self.reason: RefusedReason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Invite:
    """A link's token, shown once. `rater_id` is None where the link is open to `places` raters."""

    token: str
    rater_id: int | None
    cell: str | None
    expires_at: datetime | None
    places: int = 1

    def address(self, base: str) -> str:
        """The link at a server's address `base`; an open one asks the recruiting site for the rater's id."""
        link = f"{base}/enter/{self.token}"
        return link if self.rater_id is not None else f"{link}?{PROLIFIC}"


@dataclass(frozen=True, slots=True)
class Rater:
    """A rater as the store knows them. `done` and `total` count pages of rating and control items.

    `completion_code` is None until the rater has finished. `controls_right` of `controls_seen` control
    trials were answered as expected (every question of them); trials excluded as items or ratings are not
    among them.
    """

    id: int
    cell: str | None
    status: RaterStatus
    completion_code: str | None
    done: int
    total: int
    controls_right: int
    controls_seen: int
    skipped: int
    flagged: int
    label: str
    external_id: str | None
    invited_at: datetime
    entered_at: datetime | None
    consented_at: datetime | None
    finished_at: datetime | None
    excluded_reason: str

    @property
    def number(self) -> int:
        """The rater's number, counted from 1: all that exports say of who the rater is."""
        return self.id


@dataclass(frozen=True, slots=True)
class Presentation:
    """An item put before a rater. `revision` is the one that the next submission writes (1 at first).

    `served_at`: when it was first opened, None for a page that is only leased for preloading.
    `position` of `total` counts pages of its part (practice, or the rating itself) from 1. `answers` are
    the rater's earlier ones, as shown, after an undo.
    """

    id: str
    rater_id: int
    item_id: str
    swapped: bool
    position: int
    total: int
    role: Literal["rating", "control", "practice"]
    revision: int
    served_at: datetime | None
    lease_expires_at: datetime
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feedback:
    """After a practice item: whether the answer was the expected one, and which that is, as shown."""

    correct: bool
    expected_shown: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """An acknowledged answer. `duplicate`: it was already there, and nothing was written."""

    accepted: bool
    duplicate: bool
    feedback: Mapping[str, Feedback] | None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the append-only log."""

    id: int
    at: datetime
    kind: str
    by: str
    target: str
    target_id: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CellProgress:
    """How far one cell is. `wanted` places; `rated` count towards it, `live` are leased now."""

    cell: str
    items: int
    wanted: int
    rated: int
    live: int
    raters: int


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """Where a study stands. `ratings` counts answered questions, `presentations` answered pages."""

    name: str
    digest: str
    status: Literal["open", "closed"]
    raters: Mapping[str, int]
    cells: tuple[CellProgress, ...]
    presentations: int
    ratings: int
    skipped: int
    flagged: int
    excluded_raters: int
    excluded_ratings: int
    excluded_items: int
    controls_right: int
    controls_seen: int
    median_dwell_ms: float | None
    last_rating_at: datetime | None

    @property
    def wanted(self) -> int:
        """Ratings wanted in all cells."""
        return sum(cell.wanted for cell in self.cells)

    @property
    def rated(self) -> int:
        """Ratings that count towards a quota."""
        return sum(cell.rated for cell in self.cells)
