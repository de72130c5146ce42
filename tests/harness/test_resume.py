"""Real processes, really killed: whatever the moment, the same command finishes the run as if nothing was."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.store import RunStore

ROOT = Path(__file__).parents[2]
KILLS = 20
PROMPTS = 30


@pytest.fixture(scope="module")
def prompt_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompts") / "prompts.csv"
    rows = [f"{('red', 'blue', 'green')[i % 3]} thing {i},{'abcd'[i % 4]}" for i in range(PROMPTS + 10)]
    path.write_text("\n".join(["prompt,category", *rows]) + "\n", encoding="utf-8")
    return path


def command(prompts: Path, out: Path, *more: str) -> list[str]:
    fixed = ["--model", "dummy", "--bench", f"file:{prompts}", "--limit", str(PROMPTS), "--no-score"]
    settings = ["--set", "size=16", "--set", "delay=0.02", "--seed", "9", "--out", str(out)]
    return [sys.executable, "-m", "harness.run", *fixed, *settings, *more]


def run_dir(out: Path) -> Path:
    (found,) = out.iterdir()
    return found


def pictures(folder: Path) -> dict[str, str]:
    """Path in the run folder -> sha256, of every picture file."""
    files = sorted((folder / "images").rglob("*"))
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def check_ledger(folder: Path, expected: dict[str, str]) -> None:
    """Exactly one line for each planned sample, each with its picture's hash."""
    text = (folder / "ledger.jsonl").read_text()
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert set(Counter(line["key"] for line in lines).values()) == {1}
    assert {line["path"]: line["sha256"] for line in lines} == expected


def finish(arguments: list[str]) -> None:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def uninterrupted(prompt_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole")
    finish(command(prompt_file, out))
    found = pictures(run_dir(out))
    assert len(found) == PROMPTS
    assert len(set(found.values())) == PROMPTS
    check_ledger(run_dir(out), found)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_at_random_moments(prompt_file: Path, tmp_path: Path, uninterrupted: dict[str, str]) -> None:
    """20 kills, most at a random time after drawing began, some before; with changing batch sizes."""
    rng = random.Random(4)
    kills, rounds, torn_down = 0, 0, []
    while kills < KILLS:
        out = tmp_path / f"round{rounds}"
        rounds += 1
        while kills < KILLS:
            arguments = command(prompt_file, out, "--batch-size", str(rng.choice([1, 2, 5, 8, 50])))
            process = subprocess.Popen(
                arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            assert process.stderr is not None
            if kills % 5:
                process.stderr.readline()  # the first line comes when drawing begins
            time.sleep(rng.uniform(0, 0.35))
            if process.poll() is not None:
                break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()
            kills += 1
            torn_down.append(len(pictures(run_dir(out))) if out.exists() else 0)
        finish(command(prompt_file, out, "--batch-size", "3"))
        assert pictures(run_dir(out)) == uninterrupted
        check_ledger(run_dir(out), uninterrupted)
        assert not list(out.rglob("*.part"))
    assert any(0 < count < PROMPTS for count in torn_down)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_other_batch_sizes_give_the_same_pictures(
    prompt_file: Path, tmp_path: Path, uninterrupted: dict[str, str], batch_size: int
) -> None:
    finish(command(prompt_file, tmp_path, "--batch-size", str(batch_size)))
    assert pictures(run_dir(tmp_path)) == uninterrupted


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_interrupted_from_the_keyboard(
    prompt_file: Path, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    process = subprocess.Popen(
        command(prompt_file, tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background jobs, and so their children, ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "run the same command again" in err.splitlines()[-1]
    finish(command(prompt_file, tmp_path))
    assert pictures(run_dir(tmp_path)) == uninterrupted


def test_two_processes_never_write_the_same_run(
    prompt_file: Path, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    finish(command(prompt_file, tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with RunStore(run_dir(tmp_path)):
        second = subprocess.run(
            command(prompt_file, tmp_path), cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "another process is writing" in second.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
