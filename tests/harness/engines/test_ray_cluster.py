"""A real Ray cluster on this machine, whose workers and whose nodes are really killed."""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drawbench.errors import InputError
from harness.engines.local import LocalEngine
from harness.engines.ray_cluster import RayEngine
from harness.ledger import read_ledger
from harness.picture_place import FolderPlace

try:
    import ray
    from ray.cluster_utils import Cluster
except ImportError:
    ray = None

pytestmark = pytest.mark.skipif(ray is None, reason="Ray is not installed")

Any_ = Callable[..., Any]
ROOT = Path(__file__).parents[3]
STORE = {"object_store_memory": 80_000_000}


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster with a head that draws nothing; the tests add its nodes."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **STORE})
    yield made
    made.shutdown()


def loaded_by(folder: Path) -> list[int]:
    """The processes that have loaded the model, oldest first, without this one."""
    files = sorted(folder.glob("loaded-*"), key=lambda path: path.stat().st_mtime_ns)
    return [pid for path in files if (pid := int(path.name.partition("-")[2])) != os.getpid()]


def kill_now_and_then(folder: Path, seconds: float, stop: threading.Event, killed: list[int]) -> None:
    """Every `seconds`, kills one of the workers that live."""
    rng = random.Random(0)
    while not stop.wait(seconds):
        alive = [pid for pid in loaded_by(folder) if Path(f"/proc/{pid}").exists() and pid not in killed]
        if alive:
            killed.append(rng.choice(alive))
            os.kill(killed[-1], signal.SIGKILL)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_three_workers_one_of_them_killed_again_and_again_and_one_that_hangs(
    draw: Any_, plan_of: Any_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minutes-long version of this test is benchmarks/ray_kill.py."""
    plan = plan_of("hangs-once", *["slow 0.25", "raises", "slow 0.3", "filtered"] * 30)
    stop, killed = threading.Event(), []
    killer = threading.Thread(target=kill_now_and_then, args=(tmp_path, 3.0, stop, killed))
    killer.start()
    try:
        run = draw(RayEngine(workers=3, limit=15.0), plan, tmp_path / "run", batch_size=2)
    finally:
        stop.set()
        killer.join()
    assert len(killed) >= 2
    assert not ray.is_initialized()
    monkeypatch.setenv("MOODY_HURRIES", "1")
    alone = draw(LocalEngine(), plan, tmp_path / "alone", batch_size=7)
    assert len(alone.pictures) == 61
    assert (run.told, run.pictures) == (alone.told, alone.pictures)


def test_two_nodes_one_is_killed_and_another_comes(models: str, tmp_path: Path, cluster: Any) -> None:
    """By the command line, as a cluster's user would."""
    (tmp_path / "prompts.txt").write_text("".join(f"slow 0.5{i:02}\n" for i in range(80)))
    first = cluster.add_node(num_cpus=2, **STORE)
    cluster.add_node(num_cpus=1, **STORE)
    cluster.wait_for_nodes()
    command = [sys.executable, "-m", "harness.run", "--model", f"{models}:Moody", "--no-score"]
    command += ["--bench", f"file:{tmp_path / 'prompts.txt'}", "--batch-size", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with_ray = [*command, "--out", "ray", "--engine", "ray", "--ray-address", cluster.address]
    process = subprocess.Popen(with_ray, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while len(loaded_by(tmp_path)) < 3:  # one worker for each CPU
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    cluster.remove_node(first, allow_graceful=False)
    assert len(loaded_by(tmp_path)) == 3
    cluster.add_node(num_cpus=3, **STORE)
    assert process.wait(100) == 0, process.communicate()[1]
    process.communicate()
    assert len(loaded_by(tmp_path)) >= 5, "the new node has no workers"
    alone = [*command, "--out", "alone"]
    hurried = {**environment, "MOODY_HURRIES": "1"}
    assert subprocess.run(alone, env=hurried, capture_output=True, check=False).returncode == 0
    (made,), (wanted,) = ([contents(run) for run in (tmp_path / out).iterdir()] for out in ("ray", "alone"))
    assert len(wanted[0]) == len(wanted[1]) == 80
    assert made == wanted


def contents(folder: Path) -> tuple[dict[tuple[str, int], str | None], dict[str, bytes]]:
    """The hashes in the ledger, and the pictures' bytes."""
    lines = read_ledger(folder)
    files = folder.glob("images/*/*.png")
    found = {(line.prompt_id, line.index): line.sha256 for line in lines}
    assert len(found) == len(lines)
    return found, {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_stops_a_run_is_one_line(
    draw: Any_, plan_of: Any_, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with pytest.raises(InputError, match=r"no cluster at 127\.0\.0\.1:1: "):
        draw(RayEngine(address="127.0.0.1:1"), plan_of("ok"), tmp_path / "nowhere")
    engine = RayEngine(workers=1)
    with pytest.raises(InputError, match=r"^the licence has run out$"):
        draw(engine, plan_of("refuses"), tmp_path / "refused")
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a fault"):
        draw(engine, plan_of("ok"), tmp_path / "broken", model="Broken")
    with pytest.raises(InputError, match="no machine of the Ray cluster has a GPU"):
        draw(RayEngine(workers=1, device="cuda"), plan_of("ok"), tmp_path / "gpu")
    assert not ray.is_initialized()


def test_pictures_in_a_place_apart_from_the_run_folder(draw: Any_, plan_of: Any_, tmp_path: Path) -> None:
    plan = plan_of(*["ok"] * 6)
    run = draw(RayEngine(workers=2), plan, tmp_path / "run", place=FolderPlace(tmp_path / "elsewhere"))
    alone = draw(LocalEngine(), plan, tmp_path / "alone")
    assert (run.told, run.pictures) == (alone.told, alone.pictures)
    assert len(list((tmp_path / "elsewhere/images").glob("*/*.png"))) == 6


def test_without_ray(draw: Any_, plan_of: Any_, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"^--engine ray needs Ray: pip install ray$"):
        draw(RayEngine(), plan_of("ok"), tmp_path / "run")
