"""An acknowledged rating survives SIGKILL of the server, on both databases, while raters are at work."""

from __future__ import annotations

from pathlib import Path

from small_studies import small_design, write_study

from human_eval_app.simulated.crowd import Crowd
from human_eval_app.simulated.habits import Habits
from human_eval_app.simulated.kill_loop import rate_under_kills
from human_eval_app.studies.study import Study


def test_every_acknowledged_rating_is_there_after_kills(durable_database_url: str, tmp_path: Path) -> None:
    design = small_design(
        "side_by_side",
        prompts=12,
        samples=1,
        quota=8,
        items_per_rater=12,
        control_every=4,
        lease_seconds=3600,
    )
    folder = write_study(tmp_path / "study", design, durable_database_url)
    report = rate_under_kills(
        Study.open(folder), Crowd(), Habits(hurry=0.0), raters=6, kills=3, every=0.4, seed=1
    )
    assert report.kept_its_promise, report
    assert report.acknowledged >= 6 * 12 * 2, report
