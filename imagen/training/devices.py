"""Which device and number format a run can have on this machine."""

from __future__ import annotations

import torch


def choose_device(device: str) -> str:
    """cpu or cuda for auto, cpu or cuda. Raises ValueError for a device that this machine lacks."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}: use auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: torch sees no CUDA device; use cpu")
    return device


def check_precision(precision: str, device: str) -> None:
    """Raises ValueError for bfloat16 where the hardware would only imitate it, many times slower."""
    if precision != "bfloat16":
        return
    if device == "cuda":
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise ValueError("this GPU has no bfloat16: use float32")
    elif not cpu_has_bfloat16():
        raise ValueError("this CPU has no bfloat16, which would be slower than float32: use float32")


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware."""
    checks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(check is not None and check() for check in checks)
