"""What a run's folder says it holds: `config.json`, which a run must agree with before it goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imagen.checkpoint import file_hash, replace_atomically
from imagen.presets import StageConfig
from imagen.training.config import MAY_CHANGE, TrainConfig

STATE = "state.pt"
WEIGHTS = "weights.safetensors"
RECORD = "config.json"


def make_record(
    stage: StageConfig, config: TrainConfig, data: Mapping[str, Any], init: Path | None
) -> dict[str, Any]:
    """Everything that decides what a run learns, as JSON values."""
    process = {name: getattr(stage, name) for name in ("size", "schedule", "prediction")}
    record = {
        "stage": {**process, "unet": stage.unet.to_dict()},
        "data": dict(data),
        "init": "" if init is None else f"sha256:{file_hash(init)}",
        "config": asdict(config),
    }
    again: dict[str, Any] = json.loads(json.dumps(record))
    return again


def first_difference(one: Any, other: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first field, as in "config.batch", in which two records differ, and both values; None if equal."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return None if one == other else (name, one, other)
    for key in sorted({*one, *other}):
        path = f"{name}.{key}" if name else key
        if path in {f"config.{free}" for free in MAY_CHANGE}:
            continue
        found = first_difference(one.get(key), other.get(key), path)
        if found:
            return found
    return None


def check_folder(out: Path, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The history of the run that a folder holds, [] for a new one. Writes nothing.

    Raises ValueError when the folder holds another run, or cannot be written.
    """
    for folder in (out, *out.absolute().parents):
        if folder.exists():
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise ValueError(f"--out {out} cannot be written: {folder} is no folder to write in")
            break
    if not (out / RECORD).exists():
        if (out / STATE).exists():
            raise ValueError(f"{out} holds a training state but no {RECORD}: use another --out")
        return []
    try:
        held = json.loads((out / RECORD).read_text("utf-8"))
        history: list[dict[str, Any]] = held.pop("history")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{out / RECORD} cannot be read: {error}") from error
    found = first_difference(held, record)
    if found:
        name, there, here = found
        raise ValueError(
            f"{out} holds another run: {name} is {there!r} there, {here!r} here; use another --out"
        )
    return history


def write_record(out: Path, record: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
    """Writes the record and the history: an entry for each start, with its step and what may change."""
    temporary = out / "config.tmp"
    temporary.write_text(json.dumps({**record, "history": history}, indent=1) + "\n", "utf-8")
    replace_atomically(temporary, out / RECORD)
