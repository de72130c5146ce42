"""Runs a bench over every combination of some settings, and draws each score as curves.

    python benchmarks/sweep.py --vary guidance_scale=1,1.5,2,3,4,6,8 --vary thresholding=static,dynamic \
        --bench scenes:n=200 --stages 64 --out sweeps/guidance

The first setting varied is the x axis, the others make one curve each. All runs share their noise. A run that
is finished is not made again, so the same command resumes, and drawing anew costs nothing. Writes sweep.json
(every score with its interval) and sweep.png. `saturated` is the share of 8-bit values at 0 or 255.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

DEFAULT_METRICS = (
    "scenes_accuracy,scenes_objects,scenes_colours,scenes_counts,scenes_relations,fd_effnet_lite0"
)

Cell = dict[str, str]


def cells(varied: Sequence[str]) -> Iterator[Cell]:
    """One mapping from setting to value for each combination of "name=a,b,c". Raises ValueError."""
    axes = []
    for text in varied:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ValueError(f"--vary {text!r}: give it as name=value,value,...")
        axes.append([(name, value) for value in values.split(",")])
    return (dict(combination) for combination in itertools.product(*axes))


def run_cell(cell: Cell, args: argparse.Namespace) -> dict[str, Any]:
    """The summary of one run and the saturation of its pictures. Raises CalledProcessError."""
    command = [sys.executable, "-m", "harness.run", "--model", args.model, "--bench", args.bench]
    command += ["--stages", str(args.stages), "--metrics", args.metrics, "--offline", "--json"]
    command += ["--out", str(args.out / "runs"), *(f"--set={name}={value}" for name, value in cell.items())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    pictures = sorted((args.out / "runs" / summary["run"]).glob("images/*/*.png"))
    return {
        "settings": cell,
        "counts": summary["counts"],
        "seconds_per_picture": summary["seconds_per_picture"],
        "saturated": float(np.mean([saturated(path) for path in pictures])),
        "scores": [score for score in summary["scores"] if score["category"] is None],
    }


def saturated(path: Path) -> float:
    """Share of a picture's 8-bit values that are 0 or 255."""
    values = np.asarray(Image.open(path).convert("RGB"))
    return float(np.mean((values == 0) | (values == 255)))


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """One panel a metric, one curve for each combination of all settings but the first."""
    from matplotlib.figure import Figure

    x_name = next(iter(rows[0]["settings"]))
    metrics = [score["metric"] for score in rows[0]["scores"]]
    columns = min(4, len(metrics) + 1)
    lines = -(-(len(metrics) + 1) // columns)
    figure = Figure(figsize=(3.6 * columns, 3.0 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        label = ", ".join(value for name, value in row["settings"].items() if name != x_name)
        groups.setdefault(label, []).append(row)
    marks = itertools.cycle(("o-", "s--", "^:", "d-."))
    for (label, group), mark in zip(groups.items(), marks, strict=False):
        x = [float(row["settings"][x_name]) for row in group]
        for number, metric in enumerate(metrics):
            scores = [next(s for s in row["scores"] if s["metric"] == metric) for row in group]
            values = np.array([[s["value"], s["low"], s["high"]] for s in scores], dtype=float)
            errors = np.abs(values[:, 1:].T - values[:, 0])
            panels[number].errorbar(x, values[:, 0], errors, fmt=mark, ms=4, lw=1.2, capsize=2, label=label)
            panels[number].set_title(f"{metric}, n = {max(s['n'] for s in scores)}", fontsize=9)
        panels[len(metrics)].plot(x, [row["saturated"] for row in group], mark, ms=4, lw=1.2, label=label)
        panels[len(metrics)].set_title("saturated values", fontsize=9)
    for panel in panels[: len(metrics) + 1]:
        panel.set_xlabel(x_name)
        panel.grid(visible=True, alpha=0.3)
    for panel in panels[len(metrics) + 1 :]:
        panel.set_visible(False)
    if len(groups) > 1:
        panels[0].legend(fontsize=8)
    figure.savefig(out, dpi=130)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--vary", action="append", required=True, metavar="NAME=A,B,...")
    parser.add_argument("--model", default="imagen")
    parser.add_argument("--bench", default="scenes:n=200")
    parser.add_argument("--stages", type=int, default=64)
    parser.add_argument("--metrics", default=DEFAULT_METRICS)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        wanted = list(cells(args.vary))
    except ValueError as error:
        parser.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, cell in enumerate(wanted, start=1):
        print(f"{number}/{len(wanted)} {cell}", file=sys.stderr, flush=True)
        rows.append(run_cell(cell, args))
        (args.out / "sweep.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    draw(rows, args.out / "sweep.png")


if __name__ == "__main__":
    main()
