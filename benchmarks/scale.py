"""How a run's own work grows with its samples: planning, drawing without a model's work, summary, resuming.

    python benchmarks/scale.py --samples 1000 10000 100000 390000 --json scale.json

The model is `dummy` with pictures of 8 pixels a side. A run has 13 samples of each prompt, so that 390,000
samples are 30,000 prompts. Each run is a process of its own. `draw` is all that goes on while pictures are
made, the model's own `model` seconds among it; `overhead` is the difference for one sample. `summary` is the
rest: opening the ledger, finding what is missing, summary, grid and report. `resume` is what the whole
process takes that finds the run finished, imports included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

A_PROMPT = 13


def options(folder: Path) -> Any:
    """The run in `folder`."""
    from harness.options import RunOptions

    return RunOptions(
        model="dummy",
        bench=f"file:{folder / 'prompts.jsonl'}",
        samples_per_prompt=A_PROMPT,
        settings={"size": 8},
        out=folder / "out",
        score=False,
    )


class StageTimes:
    """Shows nothing, and keeps what each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """See `harness.progress.Progress`."""
        begun = time.perf_counter()
        yield lambda amount: None
        self.seconds[name] = time.perf_counter() - begun


def measure(folder: Path) -> dict[str, float]:
    """Carries the run out in this process and says what its parts took."""
    from harness.models.dummy import DummyModel
    from harness.pipeline import execute, prepare

    model_seconds = 0.0
    draw = DummyModel.generate

    def timed(self: DummyModel, requests: Any) -> Any:
        nonlocal model_seconds
        begun = time.perf_counter()
        pictures = draw(self, requests)
        model_seconds += time.perf_counter() - begun
        return pictures

    DummyModel.generate = timed  # type: ignore[method-assign]
    begun = time.perf_counter()
    prepared = prepare(options(folder))
    planned = time.perf_counter()
    times = StageTimes()
    execute(prepared, times)
    ended = time.perf_counter()
    drawing = times.seconds.get("drawing", 0.0)
    return {
        "plan s": planned - begun,
        "draw s": drawing,
        "model s": model_seconds,
        "rest s": ended - planned - drawing,
        "whole s": ended - begun,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_a_process(folder: Path) -> dict[str, float]:
    """`measure` in a process of its own; `process s` is what all of it took, imports included."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, "--measure", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return {**found, "process s": time.perf_counter() - begun}


def row_of(samples: int) -> dict[str, float]:
    """A run of `samples` samples, and what taking it up again when it is finished costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "prompts.jsonl").open("w") as file:
            for number in range(samples // A_PROMPT):
                prompt = {
                    "id": f"p{number:06}",
                    "text": f"a thing, number {number}",
                    "category": "abcd"[number % 4],
                }
                file.write(json.dumps(prompt) + "\n")
        first, again = in_a_process(folder), in_a_process(folder)
    count = samples // A_PROMPT * A_PROMPT
    return {
        "samples": count,
        "plan s": first["plan s"],
        "draw s": first["draw s"],
        "model s": first["model s"],
        "overhead ms": (first["draw s"] - first["model s"]) / count * 1000,
        "summary s": first["rest s"],
        "resume s": again["process s"],
        "peak MB": max(first["peak MB"], again["peak MB"]),
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000, 390_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return 0
    rows: list[dict[str, float]] = []
    for samples in args.samples:
        rows.append(row_of(samples))
        if len(rows) == 1:
            print("  ".join(f"{name:>11}" for name in rows[0]))
        print(
            "  ".join(f"{value:>11,.{0 if value >= 1000 else 2}f}" for value in rows[-1].values()), flush=True
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
