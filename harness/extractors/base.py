"""What an extractor is: something that turns pictures or texts into vectors, with an identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.decode import RgbImage
from harness.weights import WeightsPolicy

Vectors = NDArray[np.float32]
DEFAULT_CLIP = "ViT-L-14-quickgelu/openai"


@runtime_checkable
class ImageExtractor(Protocol):
    """Gives each picture a vector that depends on that picture alone.

    `identity` names weights and preprocessing: equal identities give equal features up to rounding (about
    1e-5 relative between machines). It contains no "[" or "]". `dim` is the length of a vector.
    """

    name: str
    identity: str
    dim: int

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """Features (len(images), dim) of RGB uint8 pictures (height, width, 3) of any sizes."""
        ...


@runtime_checkable
class TextExtractor(Protocol):
    """Gives each text a vector that depends on that text alone. See ImageExtractor for the attributes."""

    name: str
    text_identity: str
    text_dim: int

    def extract_texts(self, texts: Sequence[str]) -> Vectors:
        """Features (len(texts), text_dim)."""
        ...

    def is_truncated(self, text: str) -> bool:
        """Whether the text is too long for the extractor, so that its end is not seen."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What extractors are built with. `device` is a torch device; `clip_model` names the CLIP network."""

    weights: WeightsPolicy = field(default_factory=WeightsPolicy)
    device: str = "cpu"
    clip_model: str = DEFAULT_CLIP


@dataclass(frozen=True, slots=True)
class ExtractorSpec:
    """An entry of the registry: how to build an extractor and what it lacks before it can be built.

    `missing(setting)` is None where `build` would work, otherwise one line for a person that says what is
    not there and what to do. It loads nothing heavy.
    """

    name: str
    build: Callable[[Setting], ImageExtractor | TextExtractor]
    missing: Callable[[Setting], str | None]


@contextmanager
def inference(device: str) -> Iterator[None]:
    """Runs networks without gradients and in full fp32: on an accelerator TF32 would cost three digits."""
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        if device.startswith("cuda"):
            stack.enter_context(
                torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
            )
        yield


def micro_batch(device: str) -> int:
    """Pictures per pass through a network.

    On the CPU one at a time: small networks lose no speed by it, and a picture's features then cannot
    depend on its neighbours in any digit. On an accelerator 32; the rounding may then differ by about 1e-6.
    """
    return 1 if device == "cpu" else 32
