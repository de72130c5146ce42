"""Promise 2: one rating per rater, item and question, whatever is clicked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from rating_steps import enter, first_answers, look, open_page
from small_studies import small_design
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from human_eval_app.database.schema import presentation, rating
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Refused
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]
TABS = 12


def at_once(tasks: list[Callable[[], str]]) -> list[str]:
    """Runs the tasks in threads that start together."""
    barrier = Barrier(len(tasks))

    def run(task: Callable[[], str]) -> str:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def submitting(store: RatingStore, page: Presentation, choice: str) -> Callable[[], str]:
    def task() -> str:
        try:
            done = store.submit(
                page.rater_id, page.id, {"realism": choice}, revision=page.revision, shown_ms=9000
            )
        except Refused as refused:
            return refused.reason
        return "duplicate" if done.duplicate else "written"

    return task


def test_a_key_held_down_writes_one_rating(make_store: MakeStore) -> None:
    store = make_store(small_design("realism"))
    page = open_page(store, enter(store))
    look(store, page)
    outcomes = Counter(at_once([submitting(store, page, "left")] * TABS))
    assert outcomes == {"written": 1, "duplicate": TABS - 1}
    frame = store.ratings(revisions=True)
    assert list(frame[frame.presentation == page.id].choice_shown) == ["left"]


def test_two_tabs_that_disagree_write_one_rating(make_store: MakeStore) -> None:
    design = small_design("realism")
    tabs = [make_store(design), make_store(design)]
    page = open_page(tabs[0], enter(tabs[0]))
    look(tabs[0], page)
    outcomes = at_once([submitting(tabs[n % 2], page, ("left", "right")[n % 2]) for n in range(TABS)])
    assert Counter(outcomes) == {"written": 1, "duplicate": TABS // 2 - 1, "stale_revision": TABS // 2}
    frame = tabs[0].ratings(revisions=True)
    choice = ("left", "right")[outcomes.index("written") % 2]
    assert list(frame[frame.presentation == page.id].choice_shown) == [choice]


def test_clicking_on_never_answers_an_item_twice(make_store: MakeStore) -> None:
    """Tabs that serve and answer as fast as they can rate every item of the rater once."""
    design = small_design("realism", prompts=8, controls=0, practice=0)
    tabs = [make_store(design) for _ in range(2)]
    rater = enter(tabs[0])

    def click(store: RatingStore) -> Callable[[], str]:
        def task() -> str:
            for _ in range(200):
                page = store.serve(rater)
                if not isinstance(page, Presentation):
                    return page
                look(store, page)
                submitting(store, page, "left")()
            return "still going"

        return task

    assert set(at_once([click(tabs[n % 2]) for n in range(6)])) == {"finished"}
    frame = tabs[0].ratings(revisions=True)
    assert sorted(frame["item"]) == sorted(item.id for item in design.items)
    assert sorted(frame["position"]) == list(range(1, 9))


def test_the_database_itself_refuses_a_second_rating(make_store: MakeStore) -> None:
    store = make_store(small_design("realism"))
    page = open_page(store, enter(store))
    look(store, page)
    store.submit(page.rater_id, page.id, first_answers(store, page), revision=1, shown_ms=9000)
    engine = store.database.engine
    for table, where in (
        (rating, rating.c.presentation_id == page.id),
        (presentation, presentation.c.id == page.id),
    ):
        with engine.connect() as connection:
            row = dict(connection.execute(select(table).where(where)).mappings().one())
        again = row | ({"id": 10**6} if table is rating else {"id": "f" * 32, "position": 99})
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(table).values(again))
