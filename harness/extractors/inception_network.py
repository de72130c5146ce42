"""Inception v3 as FID uses it (TensorFlow's graph of 2015-12-05), for speed without batch norms.

The state dict is the one that pytorch-fid and torch-fidelity read. The network differs from torchvision's:
mean pooling leaves its padding out of the mean, and the last block pools by the maximum.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, linear, max_pool2d

_EPSILON = 1e-3


class InceptionNetwork(torch.nn.Module):
    """Maps (n, 3, 299, 299) in -1..1 to the 2048 globally averaged features.

    With `logits` to 3056 numbers: these, then the 1008 class logits without their bias, from which
    torch-fidelity makes the Inception Score. Raises KeyError or RuntimeError for a state dict of something
    else.
    """

    def __init__(self, state: Mapping[str, Tensor], *, logits: bool = False) -> None:
        super().__init__()
        for name, (weight, bias) in _folded(state).items():
            self.register_buffer(
                _mangled(name, "weight"), weight.contiguous(memory_format=torch.channels_last)
            )
            self.register_buffer(_mangled(name, "bias"), bias)
        self._logits = logits
        if logits:
            self.register_buffer("classes", state["fc.weight"].float())
        with torch.inference_mode():
            self(torch.zeros(1, 3, 75, 75))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self._conv(x, "Conv2d_1a_3x3", stride=2)
        x = self._conv(x, "Conv2d_2a_3x3", padded=False)
        x = self._conv(x, "Conv2d_2b_3x3")
        x = max_pool2d(x, 3, 2)
        x = self._conv(x, "Conv2d_3b_1x1")
        x = self._conv(x, "Conv2d_4a_3x3", padded=False)
        x = max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._five(x, name)
        branches = self._conv(x, "Mixed_6a.branch3x3", stride=2), self._double(x, "Mixed_6a", stride=2)
        x = torch.cat([*branches, max_pool2d(x, 3, 2)], 1)
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._seven(x, name)
        x = self._shrink(x, "Mixed_7a")
        x = self._wide(x, "Mixed_7b", avg_pool2d(x, 3, 1, 1, count_include_pad=False))
        x = self._wide(x, "Mixed_7c", max_pool2d(x, 3, 1, 1))
        pooled = x.mean((2, 3))
        return torch.cat([pooled, linear(pooled, self.get_buffer("classes"))], 1) if self._logits else pooled

    def _conv(self, x: Tensor, name: str, *, stride: int = 1, padded: bool = True) -> Tensor:
        """A convolution and its ReLU; one with a stride is never padded."""
        weight, bias = self.get_buffer(_mangled(name, "weight")), self.get_buffer(_mangled(name, "bias"))
        same = padded and stride == 1
        padding = (weight.shape[2] // 2, weight.shape[3] // 2) if same else (0, 0)
        return conv2d(x, weight, bias, stride, padding).relu_()

    def _chain(self, x: Tensor, block: str, names: str) -> Tensor:
        for name in names.split():
            x = self._conv(x, f"{block}.{name}")
        return x

    def _double(self, x: Tensor, block: str, stride: int = 1) -> Tensor:
        x = self._chain(x, block, "branch3x3dbl_1 branch3x3dbl_2")
        return self._conv(x, f"{block}.branch3x3dbl_3", stride=stride)

    def _five(self, x: Tensor, block: str) -> Tensor:
        mean = avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        five = self._chain(x, block, "branch5x5_1 branch5x5_2")
        branches = self._conv(x, f"{block}.branch1x1"), five, self._double(x, block)
        return torch.cat([*branches, self._conv(mean, f"{block}.branch_pool")], 1)

    def _seven(self, x: Tensor, block: str) -> Tensor:
        mean = avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        seven = self._chain(x, block, "branch7x7_1 branch7x7_2 branch7x7_3")
        double = self._chain(x, block, " ".join(f"branch7x7dbl_{i}" for i in range(1, 6)))
        branches = self._conv(x, f"{block}.branch1x1"), seven, double
        return torch.cat([*branches, self._conv(mean, f"{block}.branch_pool")], 1)

    def _shrink(self, x: Tensor, block: str) -> Tensor:
        three = self._conv(self._conv(x, f"{block}.branch3x3_1"), f"{block}.branch3x3_2", stride=2)
        seven = self._chain(x, block, "branch7x7x3_1 branch7x7x3_2 branch7x7x3_3")
        seven = self._conv(seven, f"{block}.branch7x7x3_4", stride=2)
        return torch.cat([three, seven, max_pool2d(x, 3, 2)], 1)

    def _wide(self, x: Tensor, block: str, pooled: Tensor) -> Tensor:
        three = self._conv(x, f"{block}.branch3x3_1")
        double = self._chain(x, block, "branch3x3dbl_1 branch3x3dbl_2")
        split = [self._conv(three, f"{block}.branch3x3_2{side}") for side in "ab"]
        split += [self._conv(double, f"{block}.branch3x3dbl_3{side}") for side in "ab"]
        ends = self._conv(x, f"{block}.branch1x1"), self._conv(pooled, f"{block}.branch_pool")
        return torch.cat([ends[0], *split, ends[1]], 1)


def _folded(state: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Weight and bias of every convolution with the batch norm behind it multiplied in, in fp64."""
    suffix = ".conv.weight"
    folded = {}
    for name in (key.removesuffix(suffix) for key in state if key.endswith(suffix)):
        scale, shift, mean, variance = (
            state[f"{name}.bn.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / (variance + _EPSILON).sqrt()
        weight = state[name + suffix].double() * factor[:, None, None, None]
        folded[name] = weight.float(), (shift - mean * factor).float()
    return folded


def _mangled(name: str, part: str) -> str:
    return f"{name}_{part}".replace(".", "_")
