"""The store's ways, on both databases: one rater from link to completion code, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from rating_steps import answer, enter, first_answers, look, open_page, rate
from set_clock import SetClock
from small_studies import small_design

from drawbench.errors import InputError
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.store.records import Presentation, Refused, TokenRefused
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]


def test_a_rater_goes_from_the_link_to_the_completion_code(make_store: MakeStore) -> None:
    store = make_store(small_design(prompts=6, controls=2, practice=2, control_every=3, break_every=4))
    credential = store.exchange(store.invite(1, label="pilot")[0].token)
    rater = store.rater_of(credential)
    assert rater is not None
    assert (rater.done, rater.total, rater.status, rater.label) == (0, 8, "active", "pilot")
    assert store.serve(rater.id) == store.stage(rater.id) == "consent"
    store.consent(rater.id)
    seen: list[str] = []
    for _ in range(20):
        page = store.serve(rater.id)
        if isinstance(page, Presentation):
            assert store.stage(rater.id) == ("practice" if page.role == "practice" else "rating")
            feedback = answer(store, page).feedback
            assert (feedback is not None) == (page.role == "practice")
            seen.append(f"{page.role} {page.position}/{page.total}")
        else:
            assert store.stage(rater.id) == page
            seen.append(page)
            if page == "finished":
                break
            (store.finish_break if page == "break" else store.finish_practice)(rater.id)
    parts = [entry.split()[0] for entry in seen]
    assert parts[:3] == ["practice", "practice", "practice_done"]
    assert [entry.split()[1] for entry in seen if entry.startswith(("rating", "control"))] == [
        f"{number}/8" for number in range(1, 9)
    ]
    assert parts.count("rating") == 6
    assert parts.count("control") == 2
    assert [parts.index("break"), parts.count("break"), parts[-1]] == [7, 1, "finished"]
    rater = store.rater(rater.id)
    assert (rater.status, rater.done, rater.controls_seen) == ("finished", 8, 2)
    assert rater.completion_code
    assert [event.kind for event in store.events()] == [
        "register", "invite", "enter", "consent", "practised", "break_over", "finish",
    ]  # fmt: skip


def test_controls_come_once_in_each_stretch(make_store: MakeStore) -> None:
    store = make_store(small_design(prompts=12, controls=4, control_every=3, practice=0, quota=4))
    places = set()
    for _ in range(4):
        rater = enter(store)
        roles: list[str] = []

        def note(page: Presentation, roles: list[str] = roles) -> dict[str, str]:
            roles.append(page.role)
            return first_answers(store, page)

        rate(store, rater, choose=note)
        ratings = 0
        stretch = []
        for role in roles:
            ratings += role == "rating"
            if role == "control":
                stretch.append(ratings)
        assert [(place - 1) // 3 for place in stretch] == [0, 1, 2, 3]
        places.add(tuple(place % 3 for place in stretch))
    assert len(places) > 1  # not at the same places for everyone


def test_links_let_in_once_and_only_whom_they_should(make_store: MakeStore, clock: SetClock) -> None:
    store = make_store(small_design())

    def reason(token: str, **how: str) -> str:
        with pytest.raises(TokenRefused) as refused:
            store.exchange(token, **how)
        return refused.value.reason

    once, late, lost = store.invite(3, expires_at=clock() + timedelta(hours=1))
    assert reason("no such token") == "unknown"
    assert reason("") == "unknown"
    assert reason("\ud800\x00'; DROP TABLE rater; --") == "unknown"
    credential = store.exchange(once.token)
    assert reason(once.token) == "used"
    assert store.rater_id_of(once.token) is None  # a link is no session, nor the other way round
    assert reason(credential) == "unknown"
    assert lost.rater_id is not None
    store.revoke(lost.rater_id, "admin")
    assert reason(lost.token) == "revoked"
    clock.forward(3600)
    assert reason(late.token) == "expired"
    rater = store.rater_id_of(credential)
    assert rater == once.rater_id
    assert rater is not None
    other_device = store.exchange(store.continue_token(rater))
    assert store.rater_id_of(other_device) == store.rater_id_of(credential) == rater
    first, second = store.continue_token(rater), store.continue_token(rater)
    assert reason(first) == "revoked"  # a newer link replaced it
    clock.forward(3600)
    assert reason(second) == "expired"
    again = store.reissue(rater, "admin")
    assert store.rater_id_of(credential) is None
    assert store.rater_id_of(other_device) is None
    assert store.rater_id_of(store.exchange(again.token)) == rater
    fresh = store.invite(1)[0].token
    store.close("admin")
    assert reason(fresh) == "closed"
    store.reopen("admin")
    store.exchange(fresh)


def test_an_open_link_has_so_many_places_and_each_external_id_one(make_store: MakeStore) -> None:
    store = make_store(small_design())
    link = store.invite(1, open_places=2)[0]
    assert link.rater_id is None
    first = store.rater_of(store.exchange(link.token, external_id="worker-1"))
    assert first is not None
    assert first.external_id == "worker-1"
    with pytest.raises(TokenRefused, match="used"):
        store.exchange(link.token, external_id="worker-1")
    second = store.rater_of(store.exchange(link.token, external_id="worker-2"))
    assert second is not None
    assert (first.id, second.id) == (1, 2)
    with pytest.raises(TokenRefused, match="used"):
        store.exchange(link.token, external_id="worker-3")


def test_nothing_is_taken_that_was_not_shown_or_is_no_answer(make_store: MakeStore, clock: SetClock) -> None:
    store = make_store(small_design(practice=0, min_dwell_ms=600, break_every=0))
    rater, other = enter(store), enter(store)
    page, following = store.serve_two(rater)
    assert isinstance(page, Presentation)
    assert following is not None
    answers = first_answers(store, page)

    def reason(page: Presentation, answers: dict[str, str], who: int = rater, **how: int) -> str:
        given = {"revision": 1, "shown_ms": 5000} | how
        with pytest.raises(Refused) as refused:
            store.submit(who, page.id, answers, **given)
        return refused.value.reason

    clock.forward(5)
    assert reason(page, answers) == "not_shown"
    pictures = store.design.item_by_id[page.item_id].pictures
    store.mark_shown(rater, page.id, pictures[:-1])
    assert reason(page, answers) == "not_shown"
    store.mark_shown(rater, page.id, pictures)
    assert reason(page, answers) == "too_fast"  # the last picture left the server only now
    clock.forward(5)
    assert reason(page, answers, shown_ms=599) == "too_fast"
    assert reason(page, answers, shown_ms=-(10**20)) == "too_fast"
    assert reason(page, {}) == "bad_answer"
    assert reason(page, {"quality": "left"}) == "bad_answer"
    assert reason(page, answers | {"text": "a"}) == "bad_answer"  # an arm's name is no answer
    assert reason(page, answers | {"more": "left"}) == "bad_answer"
    assert reason(page, answers, revision=2) == "stale_revision"
    assert reason(page, answers, revision=0) == "stale_revision"
    assert reason(page, answers, who=other) == "not_yours"
    assert reason(page, answers, who=99) == "not_yours"
    look(store, following)
    clock.forward(5)
    assert reason(following, answers) == "not_shown"  # preloaded, not open
    with pytest.raises(Refused, match="not one of yours"):
        store.mark_shown(other, page.id, pictures)
    with pytest.raises(Refused, match="not one of yours"):
        store.mark_shown(rater, page.id, ["0" * 32])
    assert len(store.ratings()) == 0
    assert store.submit(rater, page.id, answers, revision=1, shown_ms=700, client_ms=10**30).accepted
    assert reason(page, answers | {"text": "right"}) == "stale_revision"
    dwell = store.ratings()["dwell_ms"].tolist()
    assert dwell == [700, 700]
    store.close("admin")
    assert reason(following, answers) == "closed"
    assert store.serve(rater) == "closed"


def test_the_preloaded_page_must_be_looked_at_once_it_is_open(make_store: MakeStore, clock: SetClock) -> None:
    store = make_store(small_design(practice=0, min_dwell_ms=600))
    rater = enter(store)
    page, following = store.serve_two(rater)
    assert isinstance(page, Presentation)
    assert following is not None
    look(store, following)
    look(store, page)
    clock.forward(10)
    answer(store, page)
    opened = store.serve(rater)
    assert isinstance(opened, Presentation)
    assert opened.id == following.id
    with pytest.raises(Refused) as refused:  # a key held down: the server's own clock refuses it
        answer(store, opened, shown_ms=10_000)
    assert refused.value.reason == "too_fast"
    clock.forward(0.6)
    assert answer(store, opened, shown_ms=10_000).accepted


def test_undo_writes_revisions_and_keeps_the_old_ones(make_store: MakeStore) -> None:
    store = make_store(small_design("realism", practice=1, prompts=5, controls=0))
    rater = enter(store)
    with pytest.raises(Refused, match="nothing to go back to"):  # practice is over
        store.undo(rater)
    first, second = open_page(store, rater), None
    answer(store, first, {"realism": "left"})
    second = open_page(store, rater)
    answer(store, second, {"realism": "left"})
    third = open_page(store, rater)
    back = store.undo(rater, open_id=third.id)
    assert (back.id, back.revision, back.swapped, back.position) == (second.id, 2, second.swapped, 2)
    assert back.answers == {"realism": "left"}
    assert store.undo(rater, open_id=third.id) == back  # sent twice, goes back once
    assert store.serve(rater) == back
    further = store.undo(rater)
    assert (further.id, further.position) == (first.id, 1)
    with pytest.raises(Refused, match="nothing to go back to"):
        store.undo(rater)
    answer(store, further, {"realism": "right"})
    assert open_page(store, rater).id == third.id  # on where it was; the second keeps its answer
    frame, every = store.ratings(), store.ratings(revisions=True)
    assert list(frame["revision"]) == [1, 2, 1]  # practice, first, second
    assert list(every["revision"]) == [1, 1, 2, 1]
    assert list(every[every.presentation == first.id]["choice_shown"]) == ["left", "right"]
    rate(store, rater)
    assert store.serve(rater) == "finished"
    last = store.undo(rater)
    assert last.revision == 2
    assert store.serve(rater) == last
    answer(store, last, {"realism": "indifferent"})
    assert store.serve(rater) == "finished"


def test_a_skipped_page_goes_to_others_and_is_replaced(make_store: MakeStore) -> None:
    store = make_store(small_design("realism", practice=0, prompts=6, controls=0, items_per_rater=3))
    rater = enter(store)
    page = open_page(store, rater)
    store.skip(rater, page.id, "blank picture")
    store.skip(rater, page.id)  # twice is once
    store.flag(rater, page.id, store.design.item_by_id[page.item_id].pictures[0], "it is blank\x00")
    with pytest.raises(Refused, match="not on this page"):
        store.flag(rater, page.id, "0" * 32, "")
    assert rate(store, rater) == "finished"
    who = store.rater(rater)
    assert (who.done, who.total, who.skipped, who.flagged) == (3, 3, 1, 1)
    assert page.id not in set(store.ratings()["presentation"])
    kinds = [event.kind for event in store.events()]
    assert (kinds.count("skip"), kinds.count("flag")) == (1, 1)
    progress = store.progress()
    assert (progress.skipped, progress.flagged, progress.rated, progress.wanted) == (1, 1, 3, 18)


def test_answers_are_kept_by_arm_and_as_shown(make_store: MakeStore) -> None:
    store = make_store(small_design("realism", prompts=8, practice=0, control_every=4, controls=2))
    rate(store, enter(store))
    frame = store.ratings()
    assert set(frame["choice_shown"]) == {"left"}
    assert set(frame["swapped"]) == {True, False}
    for row in frame.itertuples():
        assert (row.choice, row.value) == (("b", 0.0) if row.swapped else ("a", 1.0))
        expected = "a" if row.role == "control" else ""
        assert row.expected == expected
        if expected:
            assert row.correct == (not row.swapped)
    right = int(frame["correct"].sum())
    rater = store.raters()[0]
    assert (rater.controls_right, rater.controls_seen) == (right, 2)


def test_another_design_is_refused_and_the_same_is_no_news(make_store: MakeStore, database_url: str) -> None:
    design = small_design()
    store = make_store(design)
    make_store(design)
    assert [event.kind for event in store.events()] == ["register"]
    with pytest.raises(InputError, match="another design"):
        make_store(small_design(seed=1))
    reopened = open_store(database_url)
    assert reopened.design == design
    reopened.close_connections()


def test_what_makes_no_sense_is_said(make_store: MakeStore, clock: SetClock) -> None:
    store = make_store(small_design(nesting="category"))
    for wrong in (
        lambda: store.invite(0),
        lambda: store.invite(1, cell="Nowhere"),
        lambda: store.invite(1, open_places=0),
        lambda: store.invite(1, expires_at=clock()),
        lambda: store.rater(7),
        lambda: store.exclude("rater", 7, "why"),
        lambda: store.exclude("rater", "1; DROP TABLE rater", "why"),
        lambda: store.exclude("item", "nothing", "why"),
        lambda: store.exclude("rating", "nothing", "why"),
        lambda: store.exclude("item", store.design.items[0].id, "  "),
    ):
        with pytest.raises(InputError):
            wrong()
