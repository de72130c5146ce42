"""Promise 8: every exclusion is logged and reversible; raw rows are never deleted."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from rating_steps import answer, enter, open_page, rate
from small_studies import small_design
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from human_eval_app.analysis.controls import control_accuracy
from human_eval_app.store.rating_store import RatingStore
from human_eval_app.store.records import Presentation, Target
from human_eval_app.studies.design import StudyDesign

MakeStore = Callable[[StudyDesign], RatingStore]


@pytest.mark.parametrize("target", ["rater", "rating", "item"])
def test_what_is_excluded_comes_back_as_it_was(make_store: MakeStore, target: Target) -> None:
    store = make_store(small_design("realism", prompts=6))
    raters = [enter(store), enter(store)]
    for rater in raters:
        rate(store, rater)
    before, log = store.ratings(revisions=True), list(store.events())
    row = before[before.role == "rating"].iloc[0]
    target_id = {"rater": str(row.rater), "rating": row.presentation, "item": row["item"]}[target]
    column = {"rater": "rater", "rating": "presentation", "item": "item"}[target]
    assert store.exclude(target, target_id, "seen twice", by="ana")
    assert not store.exclude(target, target_id, "once more", by="ana")
    out = store.ratings(revisions=True)
    hit = out[column].astype(str) == target_id
    assert list(out.excluded) == list(hit)
    assert 0 < hit.sum() < len(out)
    assert set(out[hit].excluded_reason) == {f"{target}: seen twice"}
    flags = ["excluded", "excluded_reason"]
    pd.testing.assert_frame_equal(out.drop(columns=flags), before.drop(columns=flags))
    progress = store.progress()
    counts = {
        "rater": progress.excluded_raters,
        "rating": progress.excluded_ratings,
        "item": progress.excluded_items,
    }
    assert counts == {"rater": 0, "rating": 0, "item": 0} | {target: 1}
    assert store.include(target, target_id, "a mistake", by="ben")
    pd.testing.assert_frame_equal(store.ratings(revisions=True), before)
    added = list(store.events())[len(log) :]
    assert [(e.kind, e.by, e.target, e.target_id, e.detail["reason"]) for e in added] == [
        ("exclude", "ana", target, target_id, "seen twice"),
        ("include", "ben", target, target_id, "a mistake"),
    ]


def test_an_excluded_rater_sees_no_more_and_may_return(make_store: MakeStore) -> None:
    store = make_store(small_design("realism", prompts=6, controls=2))
    rater = enter(store)
    rate(store, rater, pages=2)
    page = open_page(store, rater)
    store.exclude("rater", rater, "test account")
    assert store.serve(rater) == store.stage(rater) == "screened_out"
    assert store.rater(rater).status == "excluded"
    assert store.rater(rater).excluded_reason == "test account"
    store.include("rater", rater, "was a person")
    assert open_page(store, rater).id == page.id
    assert rate(store, rater) == "finished"


def test_an_excluded_item_is_given_to_no_one_else(make_store: MakeStore) -> None:
    design = small_design("realism", prompts=4, controls=0, practice=0)
    store = make_store(design)
    bad = design.items[0].id
    store.exclude("item", bad, "broken picture")
    assert rate(store, enter(store)) == "finished"
    assert bad not in set(store.ratings()["item"])
    assert store.progress().wanted == 9
    store.include("item", bad, "mended")
    rate(store, enter(store))
    assert bad in set(store.ratings()["item"])


def test_an_excluded_control_trial_says_nothing_of_raters(make_store: MakeStore) -> None:
    design = small_design("realism", prompts=6, controls=2, practice=0, control_every=3)
    store = make_store(design)
    rater, other = enter(store), enter(store)
    rate(store, rater)
    assert store.rater(rater).controls_seen == 2
    ratings = store.ratings()
    trials = ratings[(ratings["role"] == "control") & (ratings["rater"] == rater)]
    bad, single = trials.iloc[0], trials.iloc[1]
    store.exclude("item", bad["item"], "its answer is wrong")
    assert store.rater(rater).controls_seen == 1
    assert control_accuracy(store.ratings())[0].seen == 1
    rate(store, other)
    shown = store.ratings()
    assert bad["item"] not in set(shown[shown["rater"] == other]["item"])
    store.exclude("rating", single["presentation"], "the phone rang")
    assert store.rater(rater).controls_seen == control_accuracy(store.ratings())[0].seen == 0
    store.include("item", bad["item"], "it was right")
    store.include("rating", single["presentation"], "it was quiet")
    assert store.rater(rater).controls_seen == control_accuracy(store.ratings())[0].seen == 2


def test_exclusion_and_withdrawal_do_not_undo_each_other(make_store: MakeStore) -> None:
    store = make_store(small_design("realism"))
    rater = enter(store)
    store.revoke(rater)
    store.exclude("rater", rater, "shared the link")
    assert store.rater(rater).status == "excluded"
    store.include("rater", rater, "a mistake")
    assert store.rater(rater).status == "revoked"
    store.exclude("rater", rater, "no mistake")
    link = store.reissue(rater).token
    assert store.rater(rater).status == "excluded"
    assert store.rater_id_of(store.exchange(link)) == rater
    assert store.serve(rater) == "screened_out"


def test_a_rater_excluded_before_entering_stays_excluded(make_store: MakeStore) -> None:
    store = make_store(small_design("realism"))
    link = store.invite(1)[0]
    assert link.rater_id is not None
    store.exclude("rater", link.rater_id, "invited twice")
    store.exchange(link.token)
    assert store.rater(link.rater_id).status == "excluded"
    assert store.serve(link.rater_id) == "screened_out"


@pytest.mark.parametrize("table", ["rating", "event"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id + 1000", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_what_was_recorded(
    make_store: MakeStore, table: str, statement: str
) -> None:
    store = make_store(small_design("realism"))
    rater = enter(store)
    answer(store, open_page(store, rater))
    if statement.startswith("TRUNCATE") and store.database.is_sqlite:
        statement = "DELETE FROM {} WHERE id > 0"  # SQLite has no TRUNCATE
    before = store.ratings(revisions=True), list(store.events())
    with pytest.raises(DBAPIError, match="append-only"), store.database.engine.begin() as connection:
        connection.execute(text(statement.format(table)))
    pd.testing.assert_frame_equal(store.ratings(revisions=True), before[0])
    assert list(store.events()) == before[1]


def test_an_excluded_practice_item_is_given_to_no_one(make_store: MakeStore) -> None:
    design = small_design("realism", practice=3, controls=0)
    store = make_store(design)
    first, second, third = (item.id for item in design.items_of("practice"))
    begun = enter(store, practised=False)
    page = store.serve(begun)
    assert isinstance(page, Presentation)
    assert (page.item_id, page.position, page.total) == (first, 1, 3)
    store.exclude("item", second, "its right answer is wrong")  # lies ready for the rater already
    assert store.stage(begun) == "practice"
    answer(store, page)
    page = store.serve(begun)
    assert isinstance(page, Presentation)
    assert (page.item_id, page.position, page.total) == (third, 2, 2)
    store.exclude("item", third, "its right answer is wrong too")  # open: it stays open
    assert (store.stage(begun), store.serve(begun)) == ("practice", page)
    answer(store, page)
    assert (store.stage(begun), store.serve(begun)) == ("practice_done", "practice_done")
    store.finish_practice(begun)
    assert open_page(store, begun).role == "rating"
    late = enter(store, practised=False)
    page = store.serve(late)
    assert isinstance(page, Presentation)
    assert (page.item_id, page.total) == (first, 1)
    answer(store, page)
    assert store.serve(late) == "practice_done"
    store.finish_practice(late)
    store.exclude("item", first, "none is right")
    last = enter(store, practised=False)
    assert store.stage(last) == "rating"
    page = store.serve(last)
    assert isinstance(page, Presentation)
    assert page.role == "rating"
    store.include("item", first, "it was right")
    assert store.rater(begun).done == 0


def test_an_excluded_item_that_lies_ready_is_not_given(make_store: MakeStore) -> None:
    store = make_store(small_design("realism", prompts=4, practice=0, controls=0))
    rater = enter(store)
    page = open_page(store, rater)
    ready = store.upcoming(rater)
    assert ready is not None
    store.exclude("item", ready.item_id, "broken")
    other = store.upcoming(rater)
    assert other is not None
    assert other.item_id not in (ready.item_id, page.item_id)
    answer(store, page)
    assert open_page(store, rater).id == other.id
