"""Prompts to token states: each prompt once, from the cache where it is there, and then no encoder."""

from __future__ import annotations

import gc
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch

from imagen.text.encoders import TextEncoder
from imagen.text.files import EncoderFiles, checked_dtype
from imagen.text.loading import load_encoder
from imagen.text.states import TokenStates
from imagen.text.store import StateStore

_TOGETHER: Final = 64  # texts that are written to the cache at a time: what a kill can lose
_RECENT: Final = 256  # unannounced texts that are remembered without a cache


@dataclass(frozen=True, slots=True)
class TextPlaces:
    """Where text encoders may lie beside the hub's cache, and where states are cached (None: nowhere)."""

    folders: tuple[Path, ...] = ()
    cache: Path | None = None

    @property
    def hashes(self) -> Path | None:
        """The file that remembers the hashes of weights."""
        return None if self.cache is None else self.cache / "hashes.json"


class PromptEncoder:
    """States of prompts, rounded to bfloat16 whether a cache is there or not, so that it changes nothing.

    With `keep`, the encoder stays loaded from the first text on: for prompts that come one by one. Without,
    it is loaded for the texts at hand and freed after them. Raises ValueError where the family is never run
    in `dtype`, and whatever `load_encoder` raises as soon as a text needs it.
    """

    def __init__(
        self,
        files: EncoderFiles,
        *,
        device: str = "cpu",
        dtype: str = "float32",
        places: TextPlaces | None = None,
        keep: bool = False,
    ) -> None:
        places = places or TextPlaces()
        self._files, self._keep = files, keep
        self._device = "cpu" if files.family == "minilm" else device
        self._dtype = checked_dtype(files.family, dtype)
        self._encoder: TextEncoder | None = None
        self._announced: dict[str, TokenStates] = {}
        self._recent: dict[str, TokenStates] = {}
        self._store: StateStore | None = None
        if places.cache is not None:
            identity = files.identity(self._dtype, places.hashes)
            self._store = StateStore(places.cache, f"{identity}|{_environment(self._device)}")

    def prepare(self, texts: Sequence[str]) -> None:
        """Encodes the distinct texts that are not known yet, for `encode` to find."""
        for encoded, stored in self._fresh([text for text in texts if self._known(text) is None]):
            if not stored:
                self._announced |= encoded

    def encode(self, texts: Sequence[str]) -> list[TokenStates]:
        """States of each text, float32. Texts that were not prepared are encoded now."""
        found = {text: states for text in texts if (states := self._known(text)) is not None}
        for encoded, stored in self._fresh([text for text in texts if text not in found]):
            found |= encoded
            if not stored:
                self._recent |= encoded
        while len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return [found[text].to(torch.float32) for text in texts]

    def _known(self, text: str) -> TokenStates | None:
        held = self._announced.get(text) or self._recent.get(text)
        return self._store.get(text) if held is None and self._store is not None else held

    def _fresh(self, texts: Sequence[str]) -> Iterator[tuple[dict[str, TokenStates], bool]]:
        """Encodes distinct texts, some at a time: their states in bfloat16, and whether the cache has them.

        The encoder is gone when the last is given, unless it is kept.
        """
        distinct = list(dict.fromkeys(texts))
        try:
            for begin in range(0, len(distinct), _TOGETHER):
                some = distinct[begin : begin + _TOGETHER]
                if self._encoder is None:
                    self._encoder = load_encoder(self._files, self._device, self._dtype)
                encoded = {
                    text: states.to(torch.bfloat16)
                    for text, states in zip(some, self._encoder.encode(some), strict=True)
                }
                yield encoded, self._store is not None and self._store.put(encoded)
        finally:
            if distinct and not self._keep:
                self._encoder = None
                gc.collect()  # a network is full of cycles, and the U-Nets need its memory now
                if self._device != "cpu":
                    torch.cuda.empty_cache()


def _environment(device: str) -> str:
    """What can move a state's last digits, as far as it is known: part of the cache's key."""
    packages = [f"{name}={version(name)}" for name in ("torch", "transformers")]
    return ",".join([*packages, platform.machine(), device.partition(":")[0]])
