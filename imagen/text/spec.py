"""Names of text encoders: families, the sizes that the paper tried, and how a name is read.

A name is a short one (`t5-xxl`), or a family with a hub id or a folder (`t5:google/t5-v1_1-xxl`,
`bert:/weights/my-bert`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAX_TOKENS: Final = 128
"""Longest text, its end token included, except for CLIP. The paper does not give its own."""


@dataclass(frozen=True, slots=True)
class Family:
    """Encoders of one architecture.

    `model_types`: what their config.json may call itself; `max_tokens`: longest text by default; `dim` and
    `layers`: names of the sizes in config.json; `tokenizers`: sets of files, any one of which will do.
    """

    model_types: tuple[str, ...]
    max_tokens: int
    dim: str
    layers: str
    tokenizers: tuple[tuple[str, ...], ...]


_WORDPIECE = (("tokenizer.json",), ("vocab.txt",))
FAMILIES: Final = {
    "t5": Family(("t5",), MAX_TOKENS, "d_model", "num_layers", (("tokenizer.json",), ("spiece.model",))),
    "bert": Family(("bert",), MAX_TOKENS, "hidden_size", "num_hidden_layers", _WORDPIECE),
    "clip": Family(
        ("clip", "clip_text_model"),
        77,
        "hidden_size",
        "num_hidden_layers",
        (("tokenizer.json",), ("vocab.json", "merges.txt")),
    ),
    "minilm": Family(("bert",), MAX_TOKENS, "hidden_size", "num_hidden_layers", _WORDPIECE),
}


@dataclass(frozen=True, slots=True)
class Known:
    """An encoder with a short name. `dim`: numbers a token state has; `layers`: the encoder's."""

    family: str
    source: str
    dim: int
    layers: int


KNOWN: Final = {
    "minilm": Known("minilm", "", 768, 6),
    # T5 v1.1: XL and XXL are its names for the sizes; the paper does not say which T5 it used.
    "t5-small": Known("t5", "google/t5-v1_1-small", 512, 8),
    "t5-base": Known("t5", "google/t5-v1_1-base", 768, 12),
    "t5-large": Known("t5", "google/t5-v1_1-large", 1024, 24),
    "t5-xl": Known("t5", "google/t5-v1_1-xl", 2048, 24),
    "t5-xxl": Known("t5", "google/t5-v1_1-xxl", 4096, 24),
    "bert-base": Known("bert", "bert-base-uncased", 768, 12),
    "bert-large": Known("bert", "bert-large-uncased", 1024, 24),
    "clip-l": Known("clip", "openai/clip-vit-large-patch14", 768, 12),
}

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Which encoder is meant: its family and where it comes from.

    `source` is a folder or a hub id, empty for MiniLM, whose package brings it. Raises ValueError on an
    unknown family, or a source that is neither.
    """

    family: str
    source: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(
                f"unknown family of text encoders {self.family!r}: use one of {', '.join(FAMILIES)}"
            )
        if self.family == "minilm":
            if self.source:
                raise ValueError(f"minilm comes with its package: leave {self.source!r} away")
        elif self.folder is None and not _HUB_ID.fullmatch(self.source):
            raise ValueError(f"{self.source!r} is no folder and no hub id: write {self.family}:FOLDER")

    @property
    def folder(self) -> Path | None:
        """The folder that the source names, None where it names none."""
        path = Path(self.source).expanduser()
        return path if self.source and path.is_dir() else None


def parse_encoder(name: str) -> EncoderSpec:
    """Reads a name as described above. Raises ValueError, listing what there is, for an unknown one."""
    if name in KNOWN:
        return EncoderSpec(KNOWN[name].family, KNOWN[name].source)
    family, colon, source = name.partition(":")
    if not colon:
        raise ValueError(
            f"unknown text encoder {name!r}: use one of {', '.join(KNOWN)}, or FAMILY:HUB_ID or "
            f"FAMILY:FOLDER with a family of {', '.join(FAMILIES)}"
        )
    return EncoderSpec(family, source)
