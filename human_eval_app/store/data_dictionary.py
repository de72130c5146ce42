"""What every table and column of an export means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

Type = Literal["text", "integer", "number", "boolean", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type ("time" is ISO 8601 UTC text), its unit or values, and its meaning.

    `empty`: the value may be missing (an empty field in CSV, null in JSONL and Parquet). `private`: it is
    there only in an export that says so, since it may name a person.
    """

    name: str
    type: Type
    values: str
    meaning: str
    empty: bool = False
    private: bool = False


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
    Column("model_b", "text", "'' in alignment", "model of arm b"),
    Column("rater", "integer", "from 1", "number of the rater"),
    Column("cell", "text", "", "the rater's cell: a category in a nested study, else 'all'"),
    Column("presentation", "text", "32 hex digits", "id of the page: one item put before one rater"),
    Column("position", "integer", "from 1", "place of the page among all of the rater's, practice included"),
    Column("swapped", "boolean", "", "whether arm a stood on the right (or as the second set)"),
    Column("choice_shown", "text", "left, indifferent, right; yes, somewhat, no", "the answer as shown"),
    Column("choice", "text", "a, indifferent, b; yes, somewhat, no", "the answer by arm"),
    Column("value", "number", "1, 0.5, 0; 100, 50, 0", "what the answer is worth for model_a"),
    Column("expected", "text", "as choice; '' where none", "the expected answer of control and practice"),
    Column("correct", "boolean", "", "whether the answer is the expected one", empty=True),
    Column("revision", "integer", "from 1", "1 for the first answer, more after each undo"),
    Column("served_at", "time", "", "when the page was first put before the rater"),
    Column("shown_at", "time", "", "when all its pictures were on the screen (submitted_at - dwell_ms)"),
    Column("submitted_at", "time", "", "when the server recorded the answer"),
    Column("dwell_ms", "integer", "ms", "time of looking: the browser's figure, bounded by the server's"),
    Column("client_ms", "integer", "ms", "what else the browser said of time; kept as it came, unchecked"),
    Column("flagged", "boolean", "", "whether the rater reported the page or one of its pictures"),
    Column("excluded", "boolean", "", "whether the rating is left out of the analysis"),
    Column("excluded_reason", "text", "", "why: 'rater: ...', 'rating: ...', 'item: ...', joined by '; '"),
)

PAGES: Final = (
    Column("presentation", "text", "32 hex digits", "id of the page: one item put before one rater"),
    Column("rater", "integer", "from 1", "number of the rater"),
    Column("item", "text", "", "id of the item"),
    Column("position", "integer", "from 1", "place among all of the rater's pages, practice included"),
    Column("swapped", "boolean", "", "whether arm a stood on the right"),
    Column(
        "state",
        "text",
        "leased, served, rated, skipped, expired",
        "given for preloading, open, answered, left out by the rater, taken back",
    ),
    Column("counts", "boolean", "", "whether it takes a place of its item's quota"),
    Column("revision", "integer", "from 0", "the last revision answered, 0 for none"),
    Column("leased_at", "time", "", "when it was given to the rater"),
    Column("lease_expires_at", "time", "", "when an unanswered page goes back"),
    Column("served_at", "time", "", "when it was first put before the rater", empty=True),
    Column("opened_at", "time", "", "when it was last put before the rater", empty=True),
)

VIEWS: Final = (
    Column("presentation", "text", "32 hex digits", "id of the page"),
    Column("picture", "text", "32 hex digits", "id of the picture"),
    Column("delivered_at", "time", "", "when the server first delivered it to the rater"),
)

RATERS: Final = (
    Column("rater", "integer", "from 1", "number of the rater"),
    Column("cell", "text", "", "the rater's cell: a category in a nested study, else 'all'", empty=True),
    Column("status", "text", "invited, active, finished, excluded, revoked", "where the rater stands"),
    Column("done", "integer", "pages", "rating and control pages answered"),
    Column("total", "integer", "pages", "rating and control pages to answer"),
    Column("controls_right", "integer", "", "control trials answered as expected"),
    Column("controls_seen", "integer", "", "control trials answered"),
    Column("skipped", "integer", "pages", "pages left out by the rater"),
    Column("flagged", "integer", "", "reports made by the rater"),
    Column("excluded_reason", "text", "", "why the rater is left out, '' for one who is not"),
    Column("breaks", "integer", "", "breaks ended"),
    Column("invited_at", "time", "", "when the link was made"),
    Column("entered_at", "time", "", "when the link was first used", empty=True),
    Column("consented_at", "time", "", "when the rater agreed", empty=True),
    Column("practised_at", "time", "", "when the rater went on from practice", empty=True),
    Column("finished_at", "time", "", "when the rater had answered everything", empty=True),
    Column("label", "text", "", "what the researcher called the rater", private=True),
    Column("external_id", "text", "", "the rater's id at a recruiting site", empty=True, private=True),
    Column("code", "text", "", "the rater's completion code", private=True),
)

EVENTS: Final = (
    Column("event", "integer", "from 1", "number of the event, in order"),
    Column("at", "time", "", "when"),
    Column(
        "kind", "text", "invite, enter, consent, undo, skip, flag, exclude, include, ...", "what happened"
    ),
    Column("by", "text", "", "who did it: 'rater N', 'system', or a researcher"),
    Column("target", "text", "study, rater, item, rating", "what it happened to"),
    Column("target_id", "text", "", "number of the rater, id of the item, or of the page for a rating"),
    Column("detail", "text", "JSON", "the rest"),
)

TABLES: Final[Mapping[str, tuple[tuple[Column, ...], str]]] = {
    "ratings": (RATINGS, "One row an answered question, with its last revision. This is what is analysed."),
    "revisions": (RATINGS, "As ratings, with every revision that an undo left behind."),
    "pages": (PAGES, "One row a page: an item put before a rater, answered or not."),
    "views": (VIEWS, "One row a picture delivered to a rater."),
    "raters": (RATERS, "One row a rater."),
    "events": (EVENTS, "The append-only log."),
}


def columns_of(table: str, *, private: bool) -> tuple[Column, ...]:
    """The columns of a table of an export."""
    return tuple(column for column in TABLES[table][0] if private or not column.private)


def as_json() -> str:
    """The dictionary as JSON."""
    plain = {
        name: {"rows": rows, "columns": [asdict(column) for column in columns]}
        for name, (columns, rows) in TABLES.items()
    }
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def as_markdown() -> str:
    """The dictionary as Markdown, a table of columns for each table."""
    lines = ["# Data dictionary", "", "Times are ISO 8601, UTC, with milliseconds."]
    for name, (columns, rows) in TABLES.items():
        lines += ["", f"## {name}", "", rows, "", "| column | type | unit or values | meaning |"]
        lines.append("|---|---|---|---|")
        for column in columns:
            notes = [
                note for note, said in (("may be empty", column.empty), ("private", column.private)) if said
            ]
            kind = ", ".join([column.type, *notes])
            lines.append(f"| {column.name} | {kind} | {column.values} | {column.meaning} |")
    return "\n".join(lines) + "\n"
