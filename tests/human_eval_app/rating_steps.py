"""What a rater's page does with the store, for tests: enter, look, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Submitted

Answer = Callable[[Presentation], Mapping[str, str]]


def enter(store: RatingStore, *, cell: str | None = None, practised: bool = True) -> int:
    """Invites a rater, who enters, consents and (with `practised`) answers the practice rightly."""
    credential = store.exchange(store.invite(1, cell=cell)[0].token)
    rater = store.rater_id_of(credential)
    assert rater is not None
    store.consent(rater)
    if practised:
        while isinstance(page := store.serve(rater), Presentation) and page.role == "practice":
            answer(store, page)
        store.finish_practice(rater)
    return rater


def open_page(store: RatingStore, rater: int) -> Presentation:
    """The page now open; ends a break or practice that stands before it."""
    while not isinstance(page := store.serve(rater), Presentation):
        assert page in ("break", "practice_done"), page
        (store.finish_break if page == "break" else store.finish_practice)(rater)
    return page


def first_answers(store: RatingStore, page: Presentation) -> dict[str, str]:
    """The first choice of every question."""
    return {question.name: question.shown_keys()[0] for question in store.design.questions}


def look(store: RatingStore, page: Presentation) -> None:
    """All of the page's pictures are delivered."""
    store.mark_shown(page.rater_id, page.id, store.design.item_by_id[page.item_id].pictures)


def answer(
    store: RatingStore, page: Presentation, answers: Mapping[str, str] | None = None, *, shown_ms: int = 5000
) -> Submitted:
    """Looks at a page and answers it."""
    look(store, page)
    return store.submit(
        page.rater_id,
        page.id,
        answers or first_answers(store, page),
        revision=page.revision,
        shown_ms=shown_ms,
        client_ms=shown_ms,
    )


def rate(store: RatingStore, rater: int, pages: int | None = None, choose: Answer | None = None) -> str:
    """Answers pages (all, or so many) and returns the phase at the end, or "rating"."""
    done = 0
    while pages is None or done < pages:
        page = store.serve(rater)
        if page == "break":
            store.finish_break(rater)
        elif page == "practice_done":
            store.finish_practice(rater)
        elif isinstance(page, Presentation):
            answer(store, page, None if choose is None else choose(page))
            done += 1
        else:
            return page
    return "rating"
