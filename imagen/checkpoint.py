"""Weights and training states on disk, written so that a crash leaves the old file or the new one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from imagen.unet import UNet, UNetConfig, build_unet


def replace_atomically(temporary: Path, target: Path) -> None:
    """Flushes a finished temporary file to disk and renames it over the target."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Writes a training state (model, average, optimiser, step)."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    replace_atomically(temporary, path)


def load_state(path: Path) -> dict[str, Any]:
    """Reads what `save_state` wrote."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def save_weights(
    path: Path, weights: dict[str, Tensor], config: UNetConfig, metadata: dict[str, Any]
) -> None:
    """Writes weights as bfloat16 safetensors with the U-Net's shape and where they came from."""
    temporary = path.with_suffix(".tmp")
    halves = {name: tensor.detach().to(torch.bfloat16).contiguous() for name, tensor in weights.items()}
    header = {"unet": json.dumps(config.to_dict()), "training": json.dumps(metadata, sort_keys=True)}
    save_file(halves, temporary, header)
    replace_atomically(temporary, path)


def load_unet(path: Path) -> tuple[UNet, dict[str, Any]]:
    """A U-Net in float32 and evaluation mode, and its training metadata.

    Raises ValueError when the file is missing, is no such file, or does not fit its own description.
    """
    if not path.is_file():
        raise ValueError(f"no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        with torch.device("meta"):  # no time is spent on initial values that are thrown away
            unet = build_unet(UNetConfig.from_dict(json.loads(header["unet"])))
        unet.load_state_dict(weights, assign=True)
    except Exception as error:
        raise ValueError(f"{path} holds no usable weights: {error}") from error
    return unet.eval().requires_grad_(False), json.loads(header["training"])


def file_hash(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
