"""The structured log: what each stage took, in a form that machines read; never in the way of the run."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from harness.progress import NoProgress
from harness.run import main
from harness.run_log import LOG_NAME, LoggedProgress, RunLog, read_log, stages_in_words

Output = pytest.CaptureFixture[str]


def test_a_run_leaves_sessions_stages_and_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("a\nb\nc\n")
    command = ["--model", "dummy", "--bench", "file:p.txt", "--set", "delay=0.05", "--metrics", "align_conse"]
    assert main(command) == 0
    (run,) = Path("results").iterdir()
    events = read_log(run)
    assert [event["event"] for event in events][0 :: len(events) - 1] == ["session", "session done"]
    assert events[-1]["how"] == "finished"
    assert len({event["session"] for event in events}) == 1
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert times == sorted(times)
    done = {event["stage"]: event for event in events if event["event"] == "stage done"}
    assert {"drawing", "picture features", "metrics"} <= done.keys()
    drawing = done["drawing"]
    assert drawing["done"] == drawing["total"] == 3
    assert drawing["seconds"] >= 0.15
    assert drawing["per_second"] == pytest.approx(3 / drawing["seconds"], rel=0.01)
    assert drawing["peak_memory_mb"] > 50
    stages = json.loads((run / "summary.json").read_text())["stages"]
    assert [stage["stage"] for stage in stages] == ["drawing", "picture features", "metrics"]
    name, words = stages_in_words(stages)[0]
    assert name == "drawing"
    assert words.startswith("3 in 0.")
    assert words.split(", ", 1)[1] in (run / "report.html").read_text()
    assert main(command) == 0
    assert len({event["session"] for event in read_log(run)}) == 2


def test_long_stages_have_a_heartbeat(tmp_path: Path) -> None:
    clock = iter(range(0, 1000, 4))
    with RunLog(tmp_path) as log:
        logged = LoggedProgress(NoProgress(), log, clock=lambda: float(next(clock)))
        with logged.stage("drawing", 10) as advance:
            for _ in range(10):
                advance(1)
    beats = [event["done"] for event in read_log(tmp_path) if event["event"] == "progress"]
    assert beats == [3, 6, 9]


def _interrupted(folder: Path) -> None:
    with RunLog(folder) as log, LoggedProgress(NoProgress(), log).stage("drawing", 4) as advance:
        advance(1)
        raise KeyboardInterrupt


def test_an_interruption_and_a_torn_line_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path)
    with (tmp_path / LOG_NAME).open("ab") as file:
        file.write(b'{"time": "2026')
    events = read_log(tmp_path)
    assert events[-1]["how"] == "KeyboardInterrupt"
    assert [event["done"] for event in events if event["event"] == "stage done"] == [1]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).mkdir()
    with RunLog(tmp_path) as log, LoggedProgress(NoProgress(), log).stage("drawing", 1) as advance:
        advance(1)
    assert log.stages[0]["done"] == 1
    assert read_log(tmp_path) == []
