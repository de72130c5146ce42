"""Promise 6: quotas are not overshot beyond live leases, and lapsed leases go back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from rating_steps import answer, enter, first_answers, look, open_page, rate
from set_clock import SetClock
from small_studies import small_design
from sqlalchemy import func, select

from human_eval_app.database.schema import item, presentation
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Refused, TokenRefused
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]


def places(store: RatingStore) -> dict[str, int]:
    """Places in use of every rating item, counted from the pages; equal to what the items say."""
    with store.database.reading() as connection:
        counted = {
            row[0]: row[1]
            for row in connection.execute(
                select(presentation.c.item_id, func.count())
                .where(presentation.c.holds)
                .group_by(presentation.c.item_id)
            )
        }
        kept = {
            row.id: row.taken
            for row in connection.execute(select(item.c.id, item.c.taken).where(item.c.role == "rating"))
        }
    assert kept == {item_id: counted.get(item_id, 0) for item_id in kept}
    return kept


@pytest.mark.parametrize("nesting", ["free", "category"])
def test_raters_at_once_fill_each_quota_exactly(make_store: MakeStore, nesting: str) -> None:
    design = small_design("realism", prompts=6, controls=1, quota=3, nesting=nesting)  # type: ignore[arg-type]
    stores = [make_store(design), make_store(design)]

    def whole(number: int) -> str:
        store = stores[number % 2]
        try:
            rater = enter(store)
        except TokenRefused as refused:
            return refused.reason
        for _ in range(100):
            phase = rate(store, rater, pages=1)
            assert max(places(store).values()) <= design.quota
            if phase != "rating":
                return phase
        return "still going"

    with ThreadPoolExecutor(10) as pool:
        ends = list(pool.map(whole, range(10)))
    assert set(ends) <= {"finished", "waiting", "full"}
    assert set(places(stores[0]).values()) == {design.quota}
    frame = stores[0].ratings()
    per_item = frame[frame.role == "rating"].groupby("item").size()
    assert set(per_item) == {3}
    assert len(per_item) == 6
    with pytest.raises(TokenRefused, match="full"):
        stores[0].exchange(stores[0].invite(1)[0].token)


def test_an_abandoned_page_goes_to_someone_else(make_store: MakeStore, clock: SetClock) -> None:
    design = small_design("realism", prompts=2, controls=0, practice=0, quota=1)
    store = make_store(design)
    gone, patient = enter(store), enter(store)
    page = open_page(store, gone)  # and the other item is leased to the same rater for preloading
    look(store, page)
    assert set(places(store).values()) == {1}
    assert store.serve(patient) == "waiting"
    clock.forward(design.lease_seconds - 1)
    assert store.serve(patient) == "waiting"
    clock.forward(1)
    assert rate(store, patient) == "finished"
    assert store.rater(patient).done == 2
    with pytest.raises(Refused) as refused:  # too late: the place is another's
        store.submit(gone, page.id, first_answers(store, page), revision=1, shown_ms=5000)
    assert refused.value.reason == "expired"
    assert store.serve(gone) == "finished"
    assert len(store.ratings()) == 2
    assert set(places(store).values()) == {1}


def test_staying_on_a_page_keeps_its_lease(make_store: MakeStore, clock: SetClock) -> None:
    design = small_design("realism", prompts=1, controls=0, practice=0, quota=1)
    store = make_store(design)
    slow, other = enter(store), enter(store)
    page = open_page(store, slow)
    for _ in range(5):
        clock.forward(design.lease_seconds * 0.7)
        assert isinstance(served := store.serve(slow), Presentation)
        assert served.id == page.id
        assert store.serve(other) == "waiting"
    assert answer(store, page).accepted
    assert store.serve(other) == "finished"


def test_excluded_ratings_are_made_up_for(make_store: MakeStore) -> None:
    design = small_design("realism", prompts=3, controls=0, practice=0, quota=1)
    store = make_store(design)
    careless = enter(store)
    rate(store, careless)
    with pytest.raises(TokenRefused, match="full"):
        enter(store)
    store.exclude("rater", careless, "always left")
    assert set(places(store).values()) == {0}
    assert rate(store, enter(store)) == "finished"
    assert set(places(store).values()) == {1}
    store.exclude("rating", store.ratings().query("not excluded").presentation.iloc[0], "slip")
    assert sorted(places(store).values()) == [0, 1, 1]
    store.include("rater", careless, "the check was wrong")
    assert sorted(places(store).values()) == [1, 2, 2]  # a decision of the researcher's, not a race
