"""What a run writes as it goes: loss.jsonl, a line of progress, and TensorBoard's events."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imagen.training.trainer import Step

LOG = "loss.jsonl"


def trim_log(path: Path, step: int) -> None:
    """Drops the lines after `step`, and a torn last one: a run that goes on writes them again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text("utf-8").splitlines():
        try:
            if json.loads(line)["step"] > step:
                break
        except (ValueError, KeyError, TypeError):
            break
        kept.append(line + "\n")
    path.write_text("".join(kept), "utf-8")


def require_tensorboard() -> Any:
    """The class that writes TensorBoard's events. Raises ValueError when TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ValueError("--tensorboard needs TensorBoard: pip install tensorboard") from error
    return SummaryWriter


def open_tensorboard(folder: Path, step: int) -> Any:
    """A writer of events after `step`; what an earlier run wrote after it is hidden."""
    return require_tensorboard()(str(folder), purge_step=step + 1)


class Monitor:
    """Gathers steps and tells of them. `tensorboard` is a writer of `open_tensorboard`, or None."""

    def __init__(self, out: Path, step: int, steps: int, batch: int, tensorboard: Any = None) -> None:
        self.log, self.steps, self.batch, self.tensorboard = out / LOG, steps, batch, tensorboard
        self.window: list[Step] = []
        self.seconds = self.total = 0.0
        trim_log(self.log, step)

    def add(self, told: Step, seconds: float) -> None:
        """Counts a step and the time that it took."""
        self.window.append(told)
        self.seconds += seconds

    def write(self, step: int) -> None:
        """Writes the means since the last call to the log, to stderr and to TensorBoard."""
        if not self.window:
            return
        rate = len(self.window) * self.batch / self.seconds
        left = (self.steps - step) * self.seconds / len(self.window)
        entry = {
            "step": step,
            "loss": float(np.mean([told.loss for told in self.window])),
            "gradient_norm": float(np.mean([told.gradient_norm for told in self.window])),
            "learning_rate": self.window[-1].learning_rate,
            "pictures_per_second": round(rate, 1),
        }
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.total += self.seconds
        print(
            f"{step}/{self.steps} loss {entry['loss']:.4f}, {rate:.1f} pictures/s, "
            f"{_duration(self.total)} so far, {_duration(left)} left",
            file=sys.stderr,
            flush=True,
        )
        if self.tensorboard is not None:
            for name in ("loss", "gradient_norm", "learning_rate", "pictures_per_second"):
                self.tensorboard.add_scalar(name, entry[name], step)
            self.tensorboard.flush()
        self.window, self.seconds = [], 0.0

    def show(self, sheet: Image.Image, step: int) -> None:
        """Gives a sheet of samples to TensorBoard."""
        if self.tensorboard is not None:
            self.tensorboard.add_image("samples", np.asarray(sheet), step, dataformats="HWC")
            self.tensorboard.flush()

    def close(self) -> None:
        """Closes TensorBoard's file."""
        if self.tensorboard is not None:
            self.tensorboard.close()


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
