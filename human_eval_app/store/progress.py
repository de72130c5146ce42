"""Where a study stands, counted from the database."""

from __future__ import annotations

from collections import Counter
from statistics import median

from sqlalchemy import Connection, case, func, select

from human_eval_app.database.schema import SKIPPED, event, item, presentation, rating, study
from human_eval_app.store.exclusions import excluded_targets
from human_eval_app.store.instants import maybe_moment
from human_eval_app.store.leases import UNANSWERED
from human_eval_app.store.raters import raters
from human_eval_app.store.records import CellProgress, StudyProgress
from human_eval_app.studies.design import StudyDesign


def study_progress(connection: Connection, design: StudyDesign) -> StudyProgress:
    """Counts everything anew."""
    everyone = raters(connection, design)
    per_cell = Counter(rater.cell for rater in everyone if rater.cell is not None and rater.entered_at)
    pages = presentation.join(item)
    live = case((UNANSWERED, 1), else_=0)
    held = {
        row.cell: (int(row.held), int(row.live))
        for row in connection.execute(
            select(item.c.cell, func.count().label("held"), func.sum(live).label("live"))
            .select_from(pages)
            .where(item.c.role == "rating", presentation.c.holds)
            .group_by(item.c.cell)
        )
    }
    in_cell = (
        select(item.c.cell, func.count())
        .where(item.c.role == "rating", item.c.excluded.is_(False))
        .group_by(item.c.cell)
    )
    items: dict[str, int] = {row[0]: row[1] for row in connection.execute(in_cell)}
    cells = []
    for cell in design.cells:
        taken, out = held.get(cell, (0, 0))
        cells.append(
            CellProgress(
                cell, items.get(cell, 0), items.get(cell, 0) * design.quota, taken - out, out, per_cell[cell]
            )
        )
    current = (
        select(rating.c.dwell_ms, rating.c.submitted_at)
        .join(presentation, presentation.c.id == rating.c.presentation_id)
        .where(rating.c.revision == presentation.c.revision)
    )
    answers = connection.execute(current).all()
    status = connection.execute(select(study.c.status)).scalar_one()
    return StudyProgress(
        name=design.name,
        digest=design.digest,
        status=status,
        raters=dict(sorted(Counter(rater.status for rater in everyone).items())),
        cells=tuple(cells),
        presentations=connection.execute(
            select(func.count()).select_from(presentation).where(presentation.c.revision > 0)
        ).scalar_one(),
        ratings=len(answers),
        skipped=connection.execute(
            select(func.count()).select_from(presentation).where(presentation.c.state == SKIPPED)
        ).scalar_one(),
        flagged=connection.execute(
            select(func.count(func.distinct(event.c.target_id))).where(event.c.kind == "flag")
        ).scalar_one(),
        excluded_raters=len(excluded_targets(connection, "rater")),
        excluded_ratings=len(excluded_targets(connection, "rating")),
        excluded_items=len(excluded_targets(connection, "item")),
        controls_right=sum(rater.controls_right for rater in everyone),
        controls_seen=sum(rater.controls_seen for rater in everyone),
        median_dwell_ms=float(median(row.dwell_ms for row in answers)) if answers else None,
        last_rating_at=maybe_moment(max((row.submitted_at for row in answers), default=None)),
    )
