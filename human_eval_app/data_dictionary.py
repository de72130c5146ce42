"""What every column of an export means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Type = Literal["text", "integer", "number", "boolean", "yes/no/empty", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type ("time" is ISO 8601 UTC text), its unit or values, and its meaning."""

    name: str
    type: Type
    values: str
    meaning: str


RATINGS: Final = (
    Column("study", "text", "", "name of the study"),
    Column("design_digest", "text", "64 hex digits", "sha256 of the design under which the answer was given"),
    Column("kind", "text", "realism, alignment, side_by_side", "kind of study"),
    Column("role", "text", "rating, control, practice", "what the item was for; only 'rating' is analysed"),
    Column("item", "text", "", "id of the item"),
    Column("prompt_id", "text", "", "id of the prompt"),
    Column("caption", "text", "", "the prompt's text as shown"),
    Column("category", "text", "", "the prompt's category"),
    Column("question", "text", "realism, alignment, quality, text", "name of the question"),
    Column("model_a", "text", "", "model of arm a (the only one in alignment)"),
    Column("model_b", "text", "empty in alignment", "model of arm b"),
    Column("rater", "integer", "from 1", "number of the rater"),
    Column("cell", "text", "", "the rater's cell: a category in a nested study, else 'all'"),
    Column("presentation", "text", "32 hex digits", "id of the page: one item put before one rater"),
    Column("position", "integer", "from 1", "place of the page among all of the rater's, practice included"),
    Column("swapped", "boolean", "", "whether arm a stood on the right (or as the second set)"),
    Column("choice_shown", "text", "left, indifferent, right; yes, somewhat, no", "the answer as shown"),
    Column("choice", "text", "a, indifferent, b; yes, somewhat, no", "the answer by arm"),
    Column("value", "number", "1, 0.5, 0; 100, 50, 0", "what the answer is worth for model_a"),
    Column("expected", "text", "as choice; empty where none", "the expected answer of control and practice"),
    Column(
        "correct", "yes/no/empty", "empty where none is expected", "whether the answer is the expected one"
    ),
    Column("revision", "integer", "from 1", "1 for the first answer, more after each undo"),
    Column("served_at", "time", "", "when the page was first put before the rater"),
    Column("shown_at", "time", "", "when all its pictures were on the screen (submitted_at - dwell_ms)"),
    Column("submitted_at", "time", "", "when the server recorded the answer"),
    Column(
        "dwell_ms",
        "integer",
        "ms",
        "how long it was looked at: the browser's figure, bounded by the server's",
    ),
    Column("flagged", "boolean", "", "whether the rater reported the page or one of its pictures"),
    Column("excluded", "boolean", "", "whether the rating is left out of the analysis"),
    Column("excluded_reason", "text", "", "why: 'rater: ...', 'rating: ...', 'item: ...', joined by '; '"),
)
"""Columns of the ratings, one row an answered question."""
