"""From a text encoder's states to tokens to attend to and one pooled vector (section 2.5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imagen.layers import zero_init
from imagen.unet_config import Conditioning


def visible_tokens(mask: Tensor) -> Tensor:
    """The mask (B, T) with the first position visible where nothing is: no softmax is over nothing."""
    first = mask[:, :1] | ~mask.any(1, keepdim=True)
    return torch.cat([first, mask[:, 1:]], dim=1)


class TextBlock(nn.Module):
    """A pre-norm transformer layer over text tokens. (B, T, D) -> (B, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = zero_init(nn.Linear(width, width))
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(), zero_init(nn.Linear(3 * width, width))
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        qkv = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask[:, None, None, :])
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class TextConditioner(nn.Module):
    """Frozen token states to cross-attention tokens and one pooled vector (section 2.5, appendix D.3.1).

    LayerNorm, a projection, `layers` transformer layers that bind words to one another (a small sentence
    encoder hardly does: appendix D.1 finds the text encoder decisive), LayerNorm, and pooling: the mean over
    tokens for the conditioning "mean", else attention with a learned query.
    """

    def __init__(
        self, text_dim: int, width: int, layers: int, embed_dim: int, conditioning: Conditioning = "cross"
    ) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.LayerNorm(text_dim), nn.Linear(text_dim, width))
        self.blocks = nn.ModuleList(TextBlock(width, max(1, width // 32)) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.pool_score = nn.Linear(width, 1) if conditioning != "mean" else None
        self.pool_out = nn.Linear(width, embed_dim)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """states: (B, T, text_dim); mask: (B, T). Returns tokens (B, T, width) and pooled (B, embed_dim).

        Padded states are not read. A row without any visible token is the null text: one zero token.
        """
        x = self.project(states.masked_fill(~mask[..., None], 0.0))
        mask = visible_tokens(mask)
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        score = x.new_zeros(x.shape[:2]) if self.pool_score is None else self.pool_score(x).squeeze(-1)
        weight = score.float().masked_fill(~mask, -torch.inf).softmax(-1).to(x.dtype)
        return x, self.pool_out((weight[..., None] * x).sum(1))
