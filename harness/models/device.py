"""The device and number format that a model computes with."""

from __future__ import annotations

from drawbench.errors import InputError


def choose_device(device: str, dtype: str) -> tuple[str, str]:
    """The device kind and number format that "auto" stands for on this machine.

    Raises InputError for a CUDA device that torch does not see.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no CUDA device; use --device cpu")
    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return device, dtype
