"""Promise 3: refresh, a second tab and a new device continue at the same item, with the same sides."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rating_steps import answer, enter, open_page, rate
from set_clock import SetClock
from small_studies import small_design

from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]
DESIGN = small_design("realism", prompts=10, controls=2, quota=2)


def test_every_page_comes_back_the_same(make_store: MakeStore, clock: SetClock) -> None:
    store, another_process = make_store(DESIGN), make_store(DESIGN)
    rater = enter(store)
    sides = set()
    for _ in range(8):
        page, following = store.serve_two(rater)
        assert isinstance(page, Presentation)
        clock.forward(30)
        for again in (store, another_process):
            assert again.serve_two(rater) == (page, following)
        device = another_process.rater_id_of(another_process.exchange(store.continue_token(rater)))
        assert device == rater
        assert another_process.serve(device) == page
        sides.add(page.swapped)
        answer(store, page)
        if following is not None:  # what was preloaded is what comes
            came = store.serve(rater)
            assert isinstance(came, Presentation)
            assert (came.id, came.swapped) == (following.id, following.swapped)
    assert sides == {True, False}


def test_many_tabs_at_once_open_one_page(make_store: MakeStore) -> None:
    stores = [make_store(DESIGN), make_store(DESIGN)]
    rater = enter(stores[0])
    with ThreadPoolExecutor(10) as pool:
        pages = list(pool.map(lambda n: stores[n % 2].serve_two(rater), range(20)))
    assert all(page == pages[0] for page in pages)


def test_who_comes_back_after_the_lease_finds_the_same_page(make_store: MakeStore, clock: SetClock) -> None:
    store = make_store(DESIGN)
    rater, other = enter(store), enter(store)
    page, following = store.serve_two(rater)
    assert isinstance(page, Presentation)
    clock.forward(DESIGN.lease_seconds + 1)
    open_page(store, other)  # takes back what has lapsed
    assert "lease_expired" in [event.kind for event in store.events()]
    back, then = store.serve_two(rater)
    assert isinstance(back, Presentation)
    assert following is not None
    assert then is not None
    assert (back.id, back.swapped, back.position) == (page.id, page.swapped, page.position)
    assert (then.id, then.swapped) == (following.id, following.swapped)
    assert answer(store, back).accepted


def test_an_answer_after_the_lease_counts_while_its_place_is_free(
    make_store: MakeStore, clock: SetClock
) -> None:
    store = make_store(DESIGN)
    rater, other = enter(store), enter(store)
    page = open_page(store, rater)
    clock.forward(DESIGN.lease_seconds + 1)
    open_page(store, other)
    assert answer(store, page).accepted
    assert rate(store, rater) == "finished"
