"""The detector: a small convolutional network that says what is where, and in which colour.

After CenterNet (Zhou et al. 2019, "Objects as points"): every cell of a grid tells, for each kind of object,
whether an object of that kind has its centre there, and also that object's colour and box.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from harness.scenes_judge.labels import COLOUR_LABELS, KINDS

INPUT = 128
"""Side of the square picture that the network sees, in pixels."""
STRIDE = 8
GRID = INPUT // STRIDE


@dataclass(frozen=True)
class DetectorConfig:
    """Channels at the strides 2, 4, 8, 16 and 32, and of the head.

    Raises ValueError for another number of them.
    """

    channels: tuple[int, ...] = (16, 24, 64, 112, 160)
    head: int = 64

    def __post_init__(self) -> None:
        if len(self.channels) != 5 or min(*self.channels, self.head) < 1:
            raise ValueError(f"a detector has 5 positive numbers of channels, not {self.channels}")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DetectorConfig:
        """Undoes `to_dict`."""
        return cls(tuple(int(c) for c in values["channels"]), int(values["head"]))


def _conv(before: int, after: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


@dataclass(frozen=True)
class Raw:
    """What the network says of B pictures on the grid of G x G cells.

    kinds: (B, 42, G, G) logits of "the centre of such an object is here"; colours: (B, 11, G, G) logits;
    boxes: (B, 4, G, G): the centre's distance from the cell's middle (x, y) in cells, then width and height
    as shares of the picture.
    """

    kinds: Tensor
    colours: Tensor
    boxes: Tensor


class Detector(nn.Module):
    """Pictures (B, 3, 128, 128) in [-1, 1] to `Raw`. Layers down to stride 32, and back up to stride 8."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        c2, c4, c8, c16, c32 = config.channels
        self.stem = _conv(3, c2, 2)
        self.to4 = nn.Sequential(_conv(c2, c4, 2), _Residual(c4))
        self.to8 = nn.Sequential(_conv(c4, c8, 2), _Residual(c8))
        self.to16 = nn.Sequential(_conv(c8, c16, 2), _Residual(c16))
        self.to32 = nn.Sequential(_conv(c16, c32, 2), _Residual(c32))
        self.up16 = _conv(c32, c16, size=1)
        self.mix16 = _conv(c16, c16)
        self.up8 = _conv(c16, c8, size=1)
        self.mix8 = _conv(c8, config.head)
        self.head = _conv(config.head, config.head)
        self.out = nn.Conv2d(config.head, len(KINDS) + len(COLOUR_LABELS) + 4, 1)
        # Nearly every cell is empty: begin by saying so, or the first steps are lost on it.
        assert self.out.bias is not None
        start = self.out.bias.detach().clone()
        start[: len(KINDS)] = -4.6
        start[-2:] = 0.35
        self.out.bias = nn.Parameter(start)

    def forward(self, pictures: Tensor) -> Raw:
        """See the class."""
        x8 = self.to8(self.to4(self.stem(pictures)))
        x16 = self.to16(x8)
        x32 = self.to32(x16)
        x16 = self.mix16(x16 + F.interpolate(self.up16(x32), scale_factor=2.0))
        x8 = self.mix8(x8 + F.interpolate(self.up8(x16), scale_factor=2.0))
        out = self.out(self.head(x8))
        kinds, colours, boxes = out.split([len(KINDS), len(COLOUR_LABELS), 4], dim=1)
        return Raw(kinds, colours, boxes)
