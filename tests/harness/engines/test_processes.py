"""Real processes, really killed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drawbench.errors import InputError
from harness.engines import Job
from harness.engines.local import LocalEngine
from harness.models.dummy import DummyModel
from harness.picture_place import FolderPlace

ROOT = Path(__file__).parents[3]
MIXED = ("ok", "raises", "ok", "filtered", "ok", "slow 0.05", "ok")

Any_ = Callable[..., Any]


def test_as_many_processes_as_asked_draw_what_one_draws(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    plan = plan_of(*MIXED, samples=2)
    alone = draw(LocalEngine(), plan, tmp_path / "alone")
    for batch_size in (1, 4):
        several = draw(LocalEngine(3), plan, tmp_path / f"several{batch_size}", batch_size=batch_size)
        assert several.told == alone.told
        assert several.pictures == alone.pictures
    assert len(alone.pictures) == 10
    assert 3 <= len(list(tmp_path.glob("loaded-*"))) <= 1 + 3 + 3, "a slow one may come when all is done"


def test_the_batch_of_a_killed_worker_is_given_to_another(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    plan = plan_of("ok", "kills-once", "ok", "ok", "kills-once", "ok")
    killed = draw(LocalEngine(2), plan, tmp_path / "killed", batch_size=2)
    assert {sample.status for sample in killed.lines} == {"ok"}
    again = draw(LocalEngine(), plan, tmp_path / "again")
    assert (killed.told, killed.pictures) == (again.told, again.pictures)
    assert len(list(tmp_path.glob("killed-*"))) == 2


def test_the_batch_of_a_hung_worker_is_given_to_another(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    plan = plan_of("ok", "hangs-once", "ok", "ok", "hangs", "ok")
    run = draw(LocalEngine(2, limit=0.5), plan, tmp_path / "run", batch_size=1)
    assert {s.prompt_id: s.status for s in run.lines if s.status != "ok"} == {"p4": "error"}
    (failed,) = (s for s in run.lines if s.status != "ok")
    assert failed.reason is not None
    assert re.fullmatch(
        r"3 workers died while drawing it, the last: ended after \d+ s without an answer", failed.reason
    )
    assert len(list(tmp_path.glob("hung-*"))) == 1


def test_what_kills_every_worker_fails_alone(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    run = draw(
        LocalEngine(2), plan_of("ok", "kills", "ok", "ok", "leaves", "ok"), tmp_path / "run", batch_size=3
    )
    reasons = {s.prompt_id: s.reason for s in run.lines if s.status != "ok"}
    assert reasons == {
        "p1": "3 workers died while drawing it, the last: killed by signal 9",
        "p4": "3 workers died while drawing it, the last: its process ended with status 3",
    }
    assert {s.status for s in run.lines} == {"ok", "error"}
    assert len(run.lines) == 6


def test_workers_killed_from_outside(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    """Every second worker that loads its model is killed a moment later."""
    plan = plan_of(*["slow 0.05"] * 24)
    stop, dead = threading.Event(), []

    def kill() -> None:
        seen: set[int] = set()
        while not stop.wait(0.1):
            for path in tmp_path.glob("loaded-*"):
                pid = int(path.name.partition("-")[2])
                if pid not in seen and pid != os.getpid():
                    seen.add(pid)
                    if len(seen) % 2:
                        os.kill(pid, signal.SIGKILL)
                        dead.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run = draw(LocalEngine(3), plan, tmp_path / "run", batch_size=2)
    finally:
        stop.set()
        killer.join()
    assert len(dead) >= 2
    alone = draw(LocalEngine(), plan, tmp_path / "alone")
    assert (run.told, run.pictures) == (alone.told, alone.pictures)


def test_a_refusal_is_one_line_and_keeps_what_is_done(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^the licence has run out$"):
        draw(LocalEngine(2), plan_of("ok", "slow 0.5", "refuses"), tmp_path / "run", batch_size=1)
    assert (tmp_path / "run/images/p0/0.png").exists()


def test_workers_that_cannot_load(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"6 workers in a row .* killed by signal 9"):
        draw(LocalEngine(2), plan_of(*["ok"] * 4), tmp_path / "run", model="Unloadable")
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a fault"):
        draw(LocalEngine(2), plan_of(*["ok"] * 4), tmp_path / "run", model="Broken")


def test_a_worker_with_another_model_is_refused(
    draw: Any_, plan_of: Any_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(LocalEngine):
        def start(self, *arguments: Any) -> Any:
            monkeypatch.setenv("MOODY_VERSION", "2")
            return super().start(*arguments)

    with pytest.raises(InputError, match=r"has another model: its version is '2', the run's is '1'"):
        draw(Elsewhere(2), plan_of("ok", "ok"), tmp_path / "run")


def test_a_model_without_a_recipe_stays_in_its_process(tmp_path: Path) -> None:
    model = DummyModel()
    with pytest.raises(ValueError, match="made anew"):
        LocalEngine(2).start(model, Job(model.identity(), None, FolderPlace(tmp_path)), ())


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_workers_end_with_the_process_that_began_the_run(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("".join(f"thing {i}\n" for i in range(40)))
    model = [
        "--model",
        "dummy",
        "--set",
        "size=16",
        "--no-score",
        "--bench",
        f"file:{tmp_path / 'prompts.txt'}",
    ]
    command = [sys.executable, "-m", "harness.run", *model, "--workers", "2", "--batch-size", "2"]
    slow = [*command, "--set", "delay=0.1", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(slow, cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/*/images/*/*.png")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    process.kill()
    process.communicate()
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker outlives its run"
        time.sleep(0.05)
    done = subprocess.run(slow, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    whole = [*command, "--set", "delay=0.1", "--workers", "1", "--out", str(tmp_path / "whole")]
    assert subprocess.run(whole, cwd=ROOT, capture_output=True, check=False).returncode == 0
    (killed,), (alone,) = (list((tmp_path / name).iterdir()) for name in ("out", "whole"))
    names = {path.relative_to(alone) for path in alone.glob("images/*/*")}
    assert len(names) == 40
    assert names == {path.relative_to(killed) for path in killed.glob("images/*/*")}
    assert all((alone / name).read_bytes() == (killed / name).read_bytes() for name in names)
