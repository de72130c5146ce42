"""A text as the U-Nets see it: one vector a token, and what stands for no text at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class TokenStates:
    """One text's states, trimmed to its own length: no padding is in them.

    `states`: (T, D) with T >= 1; `truncated`: how many tokens were cut off its end; `own_pooled`: (P,), the
    encoder's own summary of the text where it has one (CLIP). Raises ValueError on an empty text.
    """

    states: Tensor
    truncated: int
    own_pooled: Tensor | None = None

    def __post_init__(self) -> None:
        if self.states.ndim != 2 or 0 in self.states.shape:
            raise ValueError(f"token states must be (tokens, numbers), not {tuple(self.states.shape)}")

    @property
    def pooled(self) -> Tensor:
        """The text as one vector: the encoder's own (P,), else the mean over tokens (D,)."""
        return self.states.mean(0) if self.own_pooled is None else self.own_pooled

    def to(self, dtype: torch.dtype) -> TokenStates:
        """The same with numbers of another type."""
        pooled = None if self.own_pooled is None else self.own_pooled.to(dtype)
        return TokenStates(self.states.to(dtype), self.truncated, pooled)


def null_text(dim: int) -> TokenStates:
    """The dropped text: one zero token (section 4.1). One, not none: attention over nothing is NaN."""
    return TokenStates(torch.zeros(1, dim), 0)


def collate(texts: Sequence[TokenStates]) -> tuple[Tensor, Tensor]:
    """Texts side by side: states (B, T, D) float32, zero behind each text's end, and mask (B, T), true on it.

    T is the longest text's. Every row has at least one true entry. Raises ValueError for no texts, or texts
    of different encoders.
    """
    dims = {text.states.shape[1] for text in texts}
    if len(dims) != 1:
        raise ValueError(
            f"texts must be of one encoder, got {len(texts)} with {sorted(dims)} numbers a token"
        )
    states = torch.zeros(len(texts), max(len(text.states) for text in texts), dims.pop())
    mask = torch.zeros(states.shape[:2], dtype=torch.bool)
    for row, text in enumerate(texts):
        states[row, : len(text.states)] = text.states
        mask[row, : len(text.states)] = True
    return states, mask
