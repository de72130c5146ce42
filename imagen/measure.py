"""Parameters, arithmetic and memory of a U-Net, counted without weights on torch's meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from imagen.layers import Attention, LogSNREmbedding
from imagen.text_conditioning import TextConditioner
from imagen.unet import UNet, UNetConfig, build_unet

TEXT_TOKENS: Final = 128
"""Length of the text in every count: the longest that the encoders here give."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One U-Net at one picture size.

    `parameters` by job, summing to `total`; `step_flops`: of one forward pass for one picture, a
    multiplication and an addition counted as two; `text_flops`: of encoding its text, once per picture;
    `peak_values`: numbers held at once by activations in a forward pass without gradients.
    """

    size: int
    parameters: dict[str, int]
    step_flops: int
    text_flops: int
    peak_values: int

    @property
    def total(self) -> int:
        return sum(self.parameters.values())

    def weight_bytes(self, bytes_per_value: int) -> int:
        """Memory of the weights: 4 bytes a value in float32, 2 in bfloat16."""
        return self.total * bytes_per_value


def measure(config: UNetConfig, size: int) -> Measures:
    """Counts a U-Net for pictures of `size` pixels; nothing of its weights or activations is allocated."""
    with torch.device("meta"), torch.no_grad():
        unet = build_unet(config)
        states, mask = torch.empty(1, TEXT_TOKENS, config.text_dim), torch.ones(1, TEXT_TOKENS).bool()
        with FlopCounterMode(display=False) as text:
            tokens, pooled = unet.encode_text(states, mask)
        z, level = torch.empty(1, 3, size, size), torch.empty(1)
        lowres = {"lowres": z, "aug_log_snr": level} if config.lowres else {}
        with FlopCounterMode(display=False) as step:
            unet(z, level, tokens, pooled, mask, **lowres)
        with PeakMemory() as memory, FusedAttention():
            unet(z, level, tokens, pooled, mask, **lowres)
    return Measures(
        size,
        parameter_shares(unet),
        step.get_total_flops(),
        text.get_total_flops(),
        memory.peak // z.element_size(),
    )


def parameter_shares(unet: UNet) -> dict[str, int]:
    """Parameters by what they do. Every one is counted once.

    "text": projection, pooling, and the text's keys and values; "attention": the rest of the image's
    attention; "convolutions": with their shortcuts and resampling; "embedding": noise levels, and scale and
    shift in the residual blocks; "normalisation": group normalisation.
    """
    shares = dict.fromkeys(("text", "attention", "convolutions", "embedding", "normalisation"), 0)
    counted: set[int] = set()

    def take(share: str, module: nn.Module | None) -> None:
        for parameter in module.parameters() if module is not None else ():
            if id(parameter) not in counted:
                counted.add(id(parameter))
                shares[share] += parameter.numel()

    for module in unet.modules():
        match module:
            case TextConditioner():
                take("text", module)
            case Attention():
                take("text", module.text_norm)
                take("text", module.text_key_value)
                take("attention", module)
            case LogSNREmbedding() | nn.Linear():
                take("embedding", module)
            case nn.Conv2d():
                take("convolutions", module)
            case nn.GroupNorm():
                take("normalisation", module)
    return shares


class FusedAttention(TorchFunctionMode):
    """Attention without its matrix, as fused kernels run it; the meta device has none and would build it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            query, _, value = args[:3]
            return query.new_empty((*query.shape[:-1], value.shape[-1]))
        return func(*args, **(kwargs or {}))


class PeakMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """`peak`: the most bytes held at once by storages made while it is active, as eager execution frees them.

    Scratch space inside a kernel is not seen.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._alive: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._alive = {s: size for s, size in self._alive.items() if not s.expired()}  # type: ignore[no-untyped-call]
        given = _storages(args)
        made = {storage: size for storage, size in _storages(out).items() if storage not in given}
        self._alive.update(made)
        self.peak = max(self.peak, sum(self._alive.values()))
        return out


def _storages(tree: Any) -> dict[StorageWeakRef, int]:
    """The storages behind all tensors in a nest of values, with their bytes."""
    storages = [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return {StorageWeakRef(storage): storage.nbytes() for storage in storages}  # type: ignore[no-untyped-call]
