"""MiniLM, the encoder that ships with this project's dependencies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagen.text.encoders import BERT
from imagen.text.files import EncoderFiles, find_encoder


class MiniLM(BERT):
    """all-MiniLM-L6-v2, as token states: the word embeddings beside the last layer's contextual states.

    The last layer knows the sentence, the embedding layer knows which word stands where; the sentence encoder
    alone mixes up which colour belongs to which object. 384 + 384 values a token. It is small enough for the
    CPU in float32, so its states do not depend on the device that draws.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(_files(folder))
        self.folder = self.files.folder

    @staticmethod
    def identity_of(folder: Path | None = None) -> str:
        """What `identity` gives, without loading the network."""
        return _files(folder).identity()

    def _states(self, out: Any, row: int, length: int) -> Tensor:
        return torch.cat([out.hidden_states[0], out.last_hidden_state], dim=-1)[row, :length]


def _files(folder: Path | None) -> EncoderFiles:
    files = find_encoder("minilm")
    if folder is None or folder == files.folder:
        return files
    elsewhere = find_encoder(f"bert:{folder}")
    return replace(elsewhere, family="minilm", dim=2 * elsewhere.dim)
