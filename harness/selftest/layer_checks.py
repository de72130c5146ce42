"""The layers that networks are made of, with seeded weights, against their definitions in fp64 NumPy.

Half precision in disguise shows here: TF32 keeps 10 bits of a number, which is 5e-4 of it, where fp32's own
rounding stays below 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from harness.extractors.base import inference
from harness.selftest.report import Check

Array = NDArray[np.float64]
_TOLERANCE = 1e-5


def layer_checks(device: str) -> list[Check]:
    """One check for each kind of layer, on the device."""
    layers: list[tuple[str, Callable[[str], tuple[ArrayLike, ArrayLike]]]] = [
        ("convolution 3 x 3, 64 channels", _convolution),
        ("convolution 3 x 3, channels last", _channels_last),
        ("matrix product, 256 terms", _product),
        ("GELU", partial(_activation, name="gelu")),
        ("QuickGELU of OpenAI's CLIP", partial(_activation, name="quick_gelu")),
        ("layer norm and attention", _attention),
    ]
    return [
        Check("features", f"layers: {name}", _TOLERANCE, partial(compute, device), "relative")
        for name, compute in layers
    ]


def _draw(*shape: int, seed: int) -> Array:
    """RandomState's stream never changes; values are rounded to fp32, so both sides see the same."""
    drawn: Array = np.random.RandomState(seed).standard_normal(shape).astype(np.float32).astype(np.float64)
    return drawn


def _tensor(array: Array, device: str) -> Any:
    import torch

    return torch.from_numpy(array.astype(np.float32)).to(device)


def _convolution(device: str, channels_last: bool = False) -> tuple[ArrayLike, ArrayLike]:
    import torch
    from torch.nn import functional

    x, weight, bias = _draw(1, 64, 12, 12, seed=0), _draw(32, 64, 3, 3, seed=1), _draw(32, seed=2)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    expected = np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True) + bias[:, None, None]
    order = torch.channels_last if channels_last else torch.contiguous_format
    with inference(device):
        seen = _tensor(x, device).contiguous(memory_format=order)
        kernel = _tensor(weight, device).contiguous(memory_format=order)
        got = functional.conv2d(seen, kernel, _tensor(bias, device), padding=1)
    return expected, got.cpu().numpy()


def _channels_last(device: str) -> tuple[ArrayLike, ArrayLike]:
    return _convolution(device, channels_last=True)


def _product(device: str) -> tuple[ArrayLike, ArrayLike]:
    import torch

    a, b = _draw(64, 256, seed=3), _draw(256, 48, seed=4)
    with inference(device):
        got = torch.matmul(_tensor(a, device), _tensor(b, device))
    return a @ b, got.cpu().numpy()


def _activation(device: str, name: str) -> tuple[ArrayLike, ArrayLike]:
    import open_clip.transformer
    from torch.nn import functional

    x = np.linspace(-6, 6, 241).astype(np.float32).astype(np.float64)
    if name == "gelu":
        expected, layer = x * (1 + erf(x / np.sqrt(2))) / 2, functional.gelu
    else:
        expected, layer = x / (1 + np.exp(-1.702 * x)), open_clip.transformer.QuickGELU()
    with inference(device):
        got = layer(_tensor(x, device))
    return expected, got.cpu().numpy()


def _attention(device: str) -> tuple[ArrayLike, ArrayLike]:
    from torch.nn import functional

    x, weight = 3 * _draw(1, 20, 32, seed=5) + 1, _draw(96, 32, seed=6) / 4
    centred = x - x.mean(-1, keepdims=True)
    normed = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-6)
    q, k, v = np.split(normed @ weight.T, 3, axis=-1)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(32)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    expected = shares / shares.sum(-1, keepdims=True) @ v
    with inference(device):
        states = functional.layer_norm(_tensor(x, device), (32,), eps=1e-6)
        q_got, k_got, v_got = functional.linear(states, _tensor(weight, device)).chunk(3, dim=-1)
        got = functional.scaled_dot_product_attention(q_got, k_got, v_got)
    return expected, got.cpu().numpy()
