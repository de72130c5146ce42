"""Draws training curves: `python -m imagen.curves LOSS.jsonl [LOSS.jsonl ...] --out FILE.png`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

MOST_COLUMNS = 4


def read_curve(path: Path) -> tuple[list[int], list[float]]:
    """Steps and losses of a file that `imagen.train` wrote. Raises ValueError when it is no such file."""
    try:
        entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        return [int(e["step"]) for e in entries], [float(e["loss"]) for e in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no training log: {error}") from error


def draw_curves(curves: dict[str, tuple[list[int], list[float]]], out: Path) -> None:
    """One panel per curve, at most `MOST_COLUMNS` side by side, loss on a logarithmic axis over steps."""
    from matplotlib.figure import Figure

    columns = min(MOST_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    for panel, (name, (steps, losses)) in zip(panels, curves.items(), strict=False):
        panel.plot(steps, losses, color="black", linewidth=1.2)
        panel.set(title=name, xlabel="step", ylabel="training loss", yscale="log")
        panel.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(out, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m imagen.curves", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        named = {path.parent.name if path.stem == "loss" else path.stem: path for path in args.logs}
        draw_curves({name: read_curve(path) for name, path in named.items()}, args.out)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
