from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from small_studies import small_design

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import STEADY, Habits
from human_eval_app.simulated.store_crowd import SimulatedClock, rate_in_store, seconds_needed
from human_eval_app.store.rating_store import RatingStore, open_store

BEGIN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def _simulated(path: Path, crowd: Crowd, habits: Habits, raters: int, **design: object) -> RatingStore:
    clock = SimulatedClock(BEGIN)
    store = open_store(path, create=True, clock=clock)
    store.register(small_design("side_by_side", **{"size": 1, "min_dwell_ms": 600, **design}))
    store.database.flushes = False
    tokens = [invite.token for invite in store.invite(raters)]
    rate_in_store(store, clock, tokens, crowd, habits)
    return store


def test_a_study_is_filled_in_simulated_time(quick_folder: Path) -> None:
    crowd = Crowd(effects={"imagen-xl": 80}, seconds=5)
    store = _simulated(
        quick_folder / "a.db", crowd, STEADY, 4, prompts=12, quota=3, items_per_rater=9, break_every=4
    )
    progress = store.progress()
    assert progress.rated == progress.wanted == 36
    assert progress.raters == {"finished": 4}
    frame = store.ratings()
    rows = frame[frame.role == "rating"]
    assert len(rows) == 36 * 2
    assert 4 < rows.dwell_ms.median() / 1000 < 6.5
    assert rows.value.mean() > 0.6
    served = rows.served_at.map(datetime.fromisoformat)
    assert served.min() >= BEGIN
    assert (served.max() - BEGIN).total_seconds() < seconds_needed(crowd, 20, range(4))


def test_the_same_seed_gives_the_same_ratings(quick_folder: Path) -> None:
    columns = [
        "item",
        "question",
        "rater",
        "position",
        "swapped",
        "choice_shown",
        "revision",
        "dwell_ms",
        "flagged",
    ]
    habits = Habits(undo=0.2, skip=0.1, flag=0.1, twice=0.2)
    frames = [
        _simulated(quick_folder / f"{name}.db", Crowd(seed=5), habits, 3, prompts=8).ratings()[columns]
        for name in ("a", "b")
    ]
    assert frames[0].equals(frames[1])
    other = _simulated(quick_folder / "c.db", Crowd(seed=6), habits, 3, prompts=8).ratings()[columns]
    assert not frames[0].equals(other)


def test_habits_leave_their_traces_and_no_rating_twice(quick_folder: Path) -> None:
    habits = Habits(undo=0.3, skip=0.2, flag=0.3, twice=0.3)
    store = _simulated(quick_folder / "a.db", Crowd(), habits, 4, prompts=10, quota=4)
    progress = store.progress()
    assert progress.skipped > 0
    assert progress.flagged > 0
    every = store.ratings(revisions=True)
    assert every.revision.max() > 1
    assert not every.duplicated(["presentation", "question", "revision"]).any()


def test_careless_raters_fail_controls(quick_folder: Path) -> None:
    many = {"prompts": 20, "quota": 4, "controls": 10, "control_every": 2}
    good = _simulated(quick_folder / "a.db", Crowd(), STEADY, 4, **many).progress()
    bad = _simulated(
        quick_folder / "b.db", Crowd(careless=1.0, careless_lapse=1.0), STEADY, 4, **many
    ).progress()
    assert good.controls_right / good.controls_seen > 0.8
    assert bad.controls_right / bad.controls_seen < 0.5


def test_raters_too_many_wait_or_are_not_let_in(quick_folder: Path) -> None:
    store = _simulated(quick_folder / "a.db", Crowd(), STEADY, 6, prompts=6, quota=1, items_per_rater=6)
    assert store.progress().rated == 6
    assert sum(rater.entered_at is None for rater in store.raters()) > 0


def test_seconds_needed_bounds_each_rater() -> None:
    crowd = Crowd(seconds=10, seconds_spread=0)
    assert seconds_needed(crowd, 30, range(5)) == pytest.approx(600 + 2 * 300)
    assert np.isfinite(seconds_needed(crowd, 0, []))
