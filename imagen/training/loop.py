"""A run: steps until the last, with its log, states, weights and samples on disk as it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagen.checkpoint import save_state, save_weights
from imagen.curves import draw_curves, read_curve
from imagen.training.monitor import LOG, Monitor
from imagen.training.record import STATE, WEIGHTS
from imagen.training.samples import SampleSheet
from imagen.training.trainer import Diverged, Trainer


@dataclass(frozen=True, slots=True)
class Output:
    """Where a run writes, and how often.

    Log, state and weights come every `every` steps, sheets and loss.png every `samples_every`. `cascade` is a
    second file that gets the weights. Raises ValueError on numbers below 1.
    """

    folder: Path
    every: int = 250
    samples_every: int = 1000
    cascade: Path | None = None

    def __post_init__(self) -> None:
        for name in ("every", "samples_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.replace('_', '-')} must be at least 1, got {getattr(self, name)}")


def run(
    trainer: Trainer,
    output: Output,
    metadata: dict[str, Any],
    monitor: Monitor,
    sheet: SampleSheet | None = None,
) -> None:
    """Trains to the configured step. Of several processes the first one writes.

    Raises Diverged when a step gives no numbers; the state before that step is then on disk.
    """
    config = trainer.config
    if trainer.rank == 0 and trainer.step:
        _export(trainer, output, metadata)  # a run that was killed between its state and its weights
    while trainer.step < config.steps:
        began = time.monotonic()
        try:
            told = trainer.train_step()
        except Diverged:
            if trainer.rank == 0:
                save_state(output.folder / STATE, trainer.state())
            raise
        monitor.add(told, time.monotonic() - began)
        step, last = trainer.step, trainer.step == config.steps
        if trainer.rank > 0:
            continue
        if last or step % output.every == 0:
            monitor.write(step)
            save_state(output.folder / STATE, trainer.state())
            _export(trainer, output, metadata)
        if last or step % output.samples_every == 0:
            _show(trainer, output.folder, monitor, sheet)


def _export(trainer: Trainer, output: Output, metadata: dict[str, Any]) -> None:
    """Writes the averaged weights with the training record."""
    seen = {"step": trainer.step, "pictures_seen": trainer.step * trainer.config.batch}
    for path in (output.folder / WEIGHTS, output.cascade):
        if path is not None:
            save_weights(path, trainer.average, trainer.stage.unet, {**metadata, **seen})


def _show(trainer: Trainer, folder: Path, monitor: Monitor, sheet: SampleSheet | None) -> None:
    """Draws samples/STEP.png, and loss.png where there is a log by now."""
    if sheet is not None:
        (folder / "samples").mkdir(exist_ok=True)
        drawn = sheet.draw(trainer.average, trainer.execution.device)
        drawn.save(folder / "samples" / f"{trainer.step:07}.png")
        monitor.show(drawn, trainer.step)
    if (folder / LOG).exists():
        draw_curves({folder.name: read_curve(folder / LOG)}, folder / "loss.png")
