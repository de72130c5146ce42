"""How far the study is: the figures, and each cell's quota."""

from __future__ import annotations

from human_eval_app.web.serving import RatingService
from human_eval_app.web.shell.admin_tables import bar, figures, percent, table, time


def show(service: RatingService) -> None:
    """Shows progress over all and by cell."""
    progress = service.store.progress()
    raters = dict(progress.raters)
    median = "–" if progress.median_dwell_ms is None else f"{progress.median_dwell_ms / 1000:.1f} s"
    figures(
        [
            ("ratings of wanted", f"{progress.rated:,} / {progress.wanted:,}"),
            ("raters at work", str(raters.get("active", 0))),
            ("finished", str(raters.get("finished", 0))),
            ("controls right", percent(progress.controls_right, progress.controls_seen) or "–"),
            ("median time per page", median),
            ("flags", str(progress.flagged)),
            ("skipped", str(progress.skipped)),
        ]
    )
    table(
        ["Cell", "", "Ratings", "Wanted", "Open now", "Items", "Raters"],
        [
            (
                cell.cell,
                bar(cell.rated, cell.wanted),
                cell.rated,
                cell.wanted,
                cell.live,
                cell.items,
                cell.raters,
            )
            for cell in progress.cells
        ],
        empty="The study has no cells.",
    )
    left_out = [
        f"{count} {what}"
        for count, what in (
            (progress.excluded_raters, "raters"),
            (progress.excluded_ratings, "pages"),
            (progress.excluded_items, "items"),
        )
        if count
    ]
    table(
        ["", ""],
        [
            ("Last answer (UTC)", time(progress.last_rating_at)),
            ("Left out", ", ".join(left_out) or "nothing"),
            (
                "Raters by status",
                ", ".join(f"{count} {status}" for status, count in raters.items() if count) or "none",
            ),
        ],
        empty="",
    )
