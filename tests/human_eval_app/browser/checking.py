"""Compares what the database holds with what browsers were seen to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select
from witness import Witness

from human_eval_app.database.schema import picture_view, presentation, rating
from human_eval_app.store.rating_store import open_store
from human_eval_app.studies.study import Study

HARMLESS = (
    "status of 401",  # what a session that ended gets
    "status of 409",  # a refused answer, which the browser writes into its console
    "ERR_INTERNET_DISCONNECTED",
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "WebSocket",
    "Client Error in reaching server endpoint",  # Streamlit's own words when its server is gone
    "Streamlit server is not responding",
)


def check_ratings(folder: Path, witnesses: Iterable[Witness]) -> int:
    """No rating lost, doubled, or made on a picture that was not shown; sides as at first. Returns how many.

    Every acknowledged answer must be in the database once, every rating there must have left a browser, after
    each of its pictures had been delivered and stood on the screen for the study's least time.
    """
    study = Study.open(folder)
    store = open_store(study.database_url)
    with store.database.reading() as connection:
        rows = connection.execute(
            select(rating, presentation.c.item_id).select_from(rating.join(presentation))
        ).all()
        delivered = {
            (row.presentation_id, row.picture_id): row.delivered_at
            for row in connection.execute(select(picture_view))
        }
    store.close_connections()
    keys = Counter((row.presentation_id, row.revision, row.question) for row in rows)
    assert max(keys.values(), default=1) == 1, "a rating stands twice"
    kept = {(row.presentation_id, row.revision, row.question): row.choice_shown for row in rows}
    sent = set()
    for witness in witnesses:
        for (page, revision), answers in witness.acknowledged.items():
            for question, choice in answers.items():
                assert kept.get((page, revision, question)) == choice, (
                    "an acknowledged rating is lost or altered"
                )
        for page, shown in witness.sides.items():
            assert all(sides == shown[0] for sides in shown), f"the sides of {page} changed"
        accepted = {(row.presentation_id, row.revision) for row in rows}
        for answer in witness.sent:
            sent.add((answer.presentation, answer.revision))
            if answer in witness.refused or (answer.presentation, answer.revision) not in accepted:
                continue
            for path in witness.pictures[answer.presentation]:
                assert path in witness.painted, f"{path} was rated and never on the screen"
                looked = answer.at - witness.painted[path]
                # Both times are whole milliseconds, or nearly.
                assert looked >= study.design.min_dwell_ms - 2, f"rated after {looked:.0f} ms on the screen"
    for row in rows:
        assert (row.presentation_id, row.revision) in sent, "a rating came from no browser"
        for picture in study.design.item_by_id[row.item_id].pictures:
            at = delivered.get((row.presentation_id, picture))
            assert at is not None, "rated, but a picture was not delivered"
            assert at <= row.submitted_at, "rated before a picture was delivered"
    return len(rows)


def check_console(witness: Witness, harmless: tuple[str, ...] = ()) -> None:
    """The browser's console shows no error and no warning, but for those named."""
    bad = [line for line in witness.console if not any(known in line for known in harmless)]
    assert not bad, "\n".join(bad)


def check_blind(folder: Path, witness: Witness, pages: Iterable[str]) -> None:
    """No model's name, source or folder in any response, header, address or page."""
    design = Study.open(folder).design
    names = {model.name for model in design.models} | {name for item in design.items for name in item.models}
    seen = [*witness.bodies, *witness.headers, *witness.addresses, *pages]
    assert len(seen) > 20, "too little was seen to say anything"
    for name in names:
        found = [text for text in seen if name.lower() in text.lower()]
        assert not found, f"{name} is told in {found[0][:200]}"
