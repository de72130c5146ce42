"""From an encoder's files to the encoder of its family."""

from __future__ import annotations

from typing import Final

from imagen.text.encoders import BERT, CLIP, T5, TextEncoder
from imagen.text.files import EncoderFiles
from imagen.text.minilm import MiniLM

_FAMILIES: Final[dict[str, type[TextEncoder]]] = {"t5": T5, "bert": BERT, "clip": CLIP}


def load_encoder(files: EncoderFiles, device: str = "cpu", dtype: str = "float32") -> TextEncoder:
    """Loads an encoder. MiniLM stays on the CPU in float32. Raises ValueError as `TextEncoder` does."""
    if files.family == "minilm":
        return MiniLM(files.folder)
    return _FAMILIES[files.family](files, device, dtype)
