"""Simulated raters over HTTP against the real server, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_studies import small_design, write_study

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import Habits
from human_eval_app.simulated.rater_client import RaterClient, RefusedError, UnreachableError
from human_eval_app.simulated.server_process import ServerProcess, free_port
from human_eval_app.simulated.web_crowd import rate_over_http
from human_eval_app.store.rating_store import RatingStore, open_store
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.study import Study

ROUGH = Habits(
    undo=0.15, skip=0.1, flag=0.15, reload=0.2, twice=0.2, lost_requests=0.05, lost_answers=0.05, hurry=0.0
)


def _served(folder: Path, kind: Kind, url: str) -> tuple[Study, RatingStore]:
    design = small_design(kind, prompts=6, quota=3, control_every=3, break_every=4, min_dwell_ms=50)
    study = Study.open(write_study(folder / "study", design, url))
    store = open_store(study.database_url, create=True)
    store.register(design)
    return study, store


def test_raters_with_rough_habits_finish_a_study(database_url: str, tmp_path: Path) -> None:
    study, store = _served(tmp_path, "side_by_side", database_url)
    tokens = [invite.token for invite in store.invite(4)]
    with ServerProcess(study.folder, log=tmp_path / "log") as server:
        visits = rate_over_http(server.base, study.design, tokens, Crowd(), ROUGH)
        with RaterClient(server.base) as stranger:
            with pytest.raises(RefusedError, match="signed_out"):
                stranger.item()
            with pytest.raises(RefusedError, match="410"):
                stranger.enter(tokens[0])
    assert [visit.phase for visit in visits] == ["finished"] * 4
    deeds = {
        deed: sum(visit.deeds[deed] for visit in visits)
        for deed in ("undo", "skip", "flag", "reload", "twice")
    }
    assert all(deeds.values()), deeds
    kept = {
        (row.presentation, row.revision, row.question): row.choice_shown
        for row in store.ratings(revisions=True).itertuples()
    }
    told = {
        (done.presentation, done.revision, question): choice
        for visit in visits
        for done in visit.acknowledged
        for question, choice in done.answers.items()
    }
    assert kept == told, "every acknowledged answer is kept, and no other"
    store.close_connections()


def test_a_server_that_is_gone_is_reported() -> None:
    with (
        RaterClient(f"http://127.0.0.1:{free_port()}", patience=0.3) as client,
        pytest.raises(UnreachableError, match="/api/state"),
    ):
        client.state()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    from drawbench.errors import InputError

    server = ServerProcess(tmp_path / "nothing", log=tmp_path / "log")
    with pytest.raises(InputError, match=r"ended: .*no study"):
        server.start()
