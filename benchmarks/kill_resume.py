"""Kills a run with SIGKILL at random moments and compares what it leaves with an uninterrupted run.

    python benchmarks/kill_resume.py -- --model imagen --bench drawbench-open --limit 30 --stages 64

What stands after `--` goes to `python -m harness.run`. Each restart takes another batch size. A run that ends
before it is killed is compared, and the next one begins in a new folder. Exit status 0 means that every
picture of every run was there once, with the bytes of the uninterrupted run.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

BATCH_SIZES = (1, 2, 3, 5, 8)


def start(arguments: list[str], out: Path, batch_size: int) -> subprocess.Popen[bytes]:
    """A run in its own process, silent."""
    command = [sys.executable, "-m", "harness.run", *arguments, "--no-score"]
    return subprocess.Popen(
        [*command, "--batch-size", str(batch_size), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def pictures(out: Path) -> dict[str, str]:
    """Path -> sha256 of every sample of the one run in `out`; fails where one is doubled or unfinished."""
    (run_dir,) = out.iterdir()
    lines = [json.loads(line) for line in (run_dir / "ledger.jsonl").read_text().splitlines()]
    doubled = [place for place, n in Counter((x["prompt_id"], x["index"]) for x in lines).items() if n > 1]
    planned = json.loads((run_dir / "manifest.json").read_text())["planned"]
    assert not doubled, f"doubled: {doubled}"
    assert len(lines) == planned, f"{len(lines)} of {planned} samples"
    on_disk = {str(path.relative_to(run_dir)) for path in run_dir.glob("images/*/*")}
    assert on_disk == {line["path"] for line in lines}, "pictures without a line, or lines without a picture"
    return {line["path"]: line["sha256"] for line in lines}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("run", nargs="+", help="arguments of harness.run")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        began = time.monotonic()
        assert start(args.run, whole, 1).wait() == 0, "the uninterrupted run failed"
        duration = time.monotonic() - began
        expected = pictures(whole)
        print(f"uninterrupted: {len(expected)} pictures in {duration:.0f} s", flush=True)
        kills = runs = 0
        while kills < args.kills:
            out = Path(folder) / f"killed-{runs}"
            here = 0
            while True:
                process = start(args.run, out, rng.choice(BATCH_SIZES))
                try:
                    moment = rng.uniform(0, duration) if kills < args.kills else None
                    assert process.wait(moment) == 0, "a resumed run failed"
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills, here = kills + 1, here + 1
            assert pictures(out) == expected, "pictures differ from the uninterrupted run"
            runs += 1
            print(f"run {runs}: killed {here} times, all {len(expected)} pictures equal", flush=True)
    print(f"{kills} kills in {runs} runs: nothing missing, doubled or different")
    return 0


if __name__ == "__main__":
    sys.exit(main())
