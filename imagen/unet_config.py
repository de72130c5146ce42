"""The shape of a U-Net as one value that fits in a data file or in the header of a weights' file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

Kind = Literal["efficient", "plain"]
Conditioning = Literal["mean", "attention", "cross"]
AttentionKind = Literal["none", "self", "cross", "self+cross"]
AttentionAfter = Literal["level", "block"]

_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "kind": get_args(Kind),
    "conditioning": get_args(Conditioning),
    "attention_after": get_args(AttentionAfter),
}
_AT_LEAST_ONE: Final = ("patch", "embed_dim", "head_dim", "attention_width", "text_dim", "text_width")
_EFFICIENT_ONLY: Final[dict[str, Any]] = {
    "attention_after": "level",
    "up_kernel": 1,
    "stem_stride": 1,
    "grid": 0,
}


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The shape of one U-Net. `channels`, `blocks` and `attention` have one entry per resolution level.

    kind: "efficient" (appendix B.1) or "plain" (appendix F.1).
    patch: pixels enter in patches of this side by pixel unshuffle; 1 in the paper.
    attention: at each level "none"; "cross", image positions attend to the text alone; "self", to text and
        image in one softmax (appendix D.3.1); "self+cross", the one and then the other, as the second has
        heads of its own for the text, however many image positions there are (Efficient U-Net, one a level).
    lowres: takes the low-resolution picture and its noise level, as super-resolution stages do.
    conditioning: the ablation of appendix D.3.1. "mean" and "attention" pool the text into one vector, added
        to the time embedding, and do nothing else; "cross" adds attention over the tokens to attention
        pooling. Without "cross" levels of kind "self" and "self+cross" attend to the image alone, one of
        kind "cross" not at all.
    embed_dim: width of the time embedding. head_dim: channels of an attention head; cross_head_dim: of one
        of "cross", 0 for the same.
    attention_width: hidden channels of attention as a multiple of the level's.
    text_dim: width of the encoder's states; text_width: of the tokens attended to; text_layers: transformer
        layers between the two, 0 in the paper.
    The rest is for the Efficient U-Net. attention_after: one attention layer a "level", or one after every
        "block", as the plain U-Net always has. up_kernel: 3, a 3x3 convolution after upsampling (figure
        A.29), or 1, a 1x1 convolution. stem_stride: 2 where the first DBlock too has a stride (appendix F.2).
        grid: positions a side of level 0 where attention learns a vector for each position; 0, none.

    Raises ValueError when the fields are out of range or do not fit together.
    """

    patch: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    attention: tuple[AttentionKind, ...]
    lowres: bool = False
    kind: Kind = "efficient"
    conditioning: Conditioning = "cross"
    embed_dim: int = 256
    head_dim: int = 32
    cross_head_dim: int = 0
    attention_width: int = 1
    text_dim: int = 768
    text_width: int = 160
    text_layers: int = 2
    attention_after: AttentionAfter = "level"
    up_kernel: int = 1
    stem_stride: int = 1
    grid: int = 0

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.blocks) == len(self.attention) >= 1:
            raise ValueError("channels, blocks and attention must have one entry per level each")
        if any(kind not in get_args(AttentionKind) for kind in self.attention):
            raise ValueError(
                f"attention must be one of {', '.join(get_args(AttentionKind))}, got {self.attention}"
            )
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} must be one of {', '.join(words)}, got {getattr(self, name)!r}")
        small = [name for name in _AT_LEAST_ONE if getattr(self, name) < 1]
        if (
            small
            or min(self.channels + self.blocks) < 1
            or min(self.text_layers, self.grid, self.cross_head_dim) < 0
        ):
            raise ValueError(f"sizes of a U-Net must be positive: look at {', '.join(small) or 'its levels'}")
        if self.up_kernel not in (1, 3):
            raise ValueError(f"up_kernel must be 1 or 3, got {self.up_kernel}")
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, got {self.stem_stride}")
        if self.grid and self.grid % 2 ** (len(self.channels) - 1):
            raise ValueError(f"grid {self.grid} cannot be halved {len(self.channels) - 1} times")
        if self.kind == "plain":
            wrong = [name for name, default in _EFFICIENT_ONLY.items() if getattr(self, name) != default]
            if wrong:
                raise ValueError(f"a plain U-Net has no {', '.join(wrong)}")
        if "self+cross" in self.attention and (self.kind == "plain" or self.attention_after == "block"):
            raise ValueError("self+cross goes with an Efficient U-Net that has one attention a level")

    @property
    def stride(self) -> int:
        """Pixels of the picture a side at the lowest resolution; the picture's side must be a multiple."""
        return int(self.patch * self.stem_stride * 2 ** (len(self.channels) - 1))

    def attention_at(self, level: int) -> AttentionKind:
        """The attention that a level really has under this conditioning."""
        kind = self.attention[level]
        if self.conditioning == "cross":
            return kind
        without: dict[AttentionKind, AttentionKind] = {"cross": "none", "self+cross": "self"}
        return without.get(kind, kind)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UNetConfig:
        """The inverse of `to_dict`; lists become tuples. Raises ValueError for missing or unknown fields."""
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"a U-Net has no {', '.join(sorted(unknown))}")
        typed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**typed)
        except TypeError as error:
            raise ValueError(f"a U-Net's description is incomplete: {error}") from error
