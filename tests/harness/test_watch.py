"""`drawbench watch`: running jobs seen from outside, while they run."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness import cli
from harness.run import main
from harness.watch import Watched, find_runs

Output = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text("\n".join(f"thing {n}" for n in range(60)))
    return tmp_path


def test_a_run_is_seen_growing_and_then_done() -> None:
    command = [sys.executable, "-m", "harness.run", "--model", "dummy", "--bench", "file:p.txt", "--no-score"]
    process = subprocess.Popen(
        [*command, "--set", "delay=0.1", "--batch-size", "1", "--out", str(Path.cwd() / "results")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        deadline = time.monotonic() + 60
        while not list(Path("results").glob("*/manifest.json")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (run,) = find_runs(Path("results"))
        seen = []
        watched = Watched.open(run)
        while process.poll() is None:
            seen.append(watched.refresh())
            time.sleep(0.3)
    finally:
        process.wait()
    running = [row for row in seen if row["state"] == "running"]
    assert len({row["ok"] for row in running}) > 3
    assert all(row["ok"] + row["failed"] + row["missing"] == row["planned"] == 60 for row in seen)
    last = watched.refresh()
    assert (last["state"], last["ok"], last["missing"]) == ("done", 60, 0)


def test_pace_and_time_left_come_from_the_log(tmp_path: Path) -> None:
    assert main(["--model", "dummy", "--bench", "file:p.txt", "--no-score"]) == 0
    (run,) = find_runs(Path("results"))
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    events = [
        {"event": "stage", "stage": "drawing", "total": 60, "time": begun.isoformat()},
        {"event": "progress", "done": 20, "total": 60, "time": (begun + timedelta(seconds=10)).isoformat()},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    row = Watched.open(run).refresh(now=begun + timedelta(seconds=12))
    assert (row["state"], row["per_second"], row["seconds_left"]) == ("running", 2.0, 20.0)
    silent = Watched.open(run).refresh(now=begun + timedelta(hours=1))
    assert silent["state"] == "silent"


def test_the_table_and_json(capsys: Output) -> None:
    assert main(["--model", "dummy", "--bench", "file:p.txt", "--no-score"]) == 0
    capsys.readouterr()
    assert cli.main(["watch", "--once"]) == 0
    assert "done" in capsys.readouterr().out
    assert cli.main(["watch", "results", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["ok"] == 60


def test_a_place_without_runs_is_one_line(tmp_path: Path, capsys: Output) -> None:
    with pytest.raises(InputError, match="no run folder"):
        find_runs(tmp_path / "gone")
    assert cli.main(["watch", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err
