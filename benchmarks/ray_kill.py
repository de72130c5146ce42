"""Draws with three Ray workers of which one is killed every few seconds, and compares with one process.

    python benchmarks/ray_kill.py --seconds 120 --every 10

The kills are SIGKILLs. The model is `imagen` at 64 pixels, unless another run of `python -m harness.run`
stands after `--`. The killing begins with the first picture and lasts `--seconds`, which the number of
samples is chosen for. Exit status 0 means that every sample was there once, with the bytes of the run in one
process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ACTOR = "ray::Actor"


def command(arguments: list[str], samples: int, out: Path) -> list[str]:
    """A run of `samples` samples that is not scored."""
    fixed = [sys.executable, "-m", "harness.run", "--no-score", "--limit", str(samples), "--out", str(out)]
    return [*fixed, *arguments]


def pictures(out: Path) -> dict[str, str]:
    """Path -> sha256 of each picture of the one run in `out`; fails where a sample is doubled or missing."""
    (run_dir,) = out.iterdir()
    lines = [json.loads(line) for line in (run_dir / "ledger.jsonl").read_text().splitlines()]
    doubled = [place for place, n in Counter((x["prompt_id"], x["index"]) for x in lines).items() if n > 1]
    planned = json.loads((run_dir / "manifest.json").read_text())["planned"]
    assert not doubled, f"doubled: {doubled}"
    assert len(lines) == planned, f"{len(lines)} of {planned} samples"
    failed = [line for line in lines if line["status"] != "ok"]
    assert not failed, f"failed: {failed[0]}"
    found = {line["path"]: line["sha256"] for line in lines}
    on_disk = {str(p.relative_to(run_dir)): p for p in run_dir.glob("images/*/*") if p.is_file()}
    assert on_disk.keys() == found.keys(), "pictures without a line, or lines without a picture"
    for path, file in on_disk.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == found[path], (
            f"{path} is not what its line says"
        )
    return found


def workers_below(pid: int) -> list[int]:
    """The processes of Ray actors that descend from `pid`."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text()
                names[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            parents[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    found = []
    for worker, name in names.items():
        above: int | None = worker
        while above is not None and above != pid:
            above = parents.get(above)
        if above == pid and name.startswith(ACTOR):
            found.append(worker)
    return sorted(found)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("run", nargs="*", help="arguments of harness.run")
    args = parser.parse_args()
    run = args.run or ["--model", "imagen", "--stages", "64", "--bench", "scenes:n=3000"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        subprocess.run(command(run, 5, first), check=True, **quiet)
        (summary,) = first.glob("*/summary.json")
        counts = json.loads(summary.read_text())
        each = counts["timings"]["drawing"] / counts["counts"]["planned"]
        here = max(1.0, min(args.workers, os.cpu_count() or 1) / 2)
        a_prompt = counts["counts"]["planned"] / 5
        prompts = max(5, round(args.seconds * here / max(each, 1e-3) / a_prompt))
        print(f"{each:.3f} s a sample; {prompts} prompts with {a_prompt:g} samples each", flush=True)

        killed_dir, whole_dir = Path(folder) / "killed", Path(folder) / "whole"
        began = time.monotonic()
        process = subprocess.Popen(
            [*command(run, prompts, killed_dir), "--engine", "ray", "--workers", str(args.workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ledgers = "*/ledger.jsonl"
        while process.poll() is None and not any(x.stat().st_size for x in killed_dir.glob(ledgers)):
            time.sleep(0.5)
        print(f"first pictures after {time.monotonic() - began:.0f} s", flush=True)
        kills, first_picture = 0, time.monotonic()
        while process.poll() is None:
            killing = time.monotonic() - first_picture < args.seconds
            try:
                process.wait(args.every if killing else None)
            except subprocess.TimeoutExpired:
                alive = workers_below(process.pid)
                if alive:
                    os.kill(rng.choice(alive), signal.SIGKILL)
                    kills += 1
                print(f"{time.monotonic() - began:.0f} s: {len(alive)} workers, {kills} killed", flush=True)
        assert process.returncode == 0, process.communicate()[1]
        print(f"{args.workers} Ray workers, {kills} kills: {time.monotonic() - began:.0f} s", flush=True)

        began = time.monotonic()
        subprocess.run(command(run, prompts, whole_dir), check=True, **quiet)
        print(f"one process: {time.monotonic() - began:.0f} s", flush=True)
        killed, whole = pictures(killed_dir), pictures(whole_dir)
        assert killed == whole, "pictures differ from those of one process"
        assert kills, "no worker was killed; give more --seconds"
    print(f"{len(whole)} samples: nothing missing, doubled or different")
    return 0


if __name__ == "__main__":
    sys.exit(main())
