"""What an extractor is: something that turns pictures or texts into vectors, with an identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from harness.assets import Asset
from harness.decode import RgbImage
from harness.rows import Vectors
from harness.weights import WeightsPolicy, locate, missing_message, reachable

DEFAULT_CLIP = "ViT-L-14-quickgelu/openai"
DEFAULT_PICK = "yuvalkirstain/PickScore_v1"
DEFAULT_VQA = "Qwen/Qwen2.5-VL-3B-Instruct"
DEFAULT_DETECTOR = "facebook/mask2former-swin-small-coco-instance"


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
class Prepares(Protocol):
    """An ImageExtractor that works in two steps, so that the first can run beside the network.

    `extract_images` is then the second step after the first. An extractor without these methods is given
    decoded pictures.
    """

    def prepare(self, image: RgbImage) -> NDArray[Any]:
        """What the network sees of an RGB uint8 picture (height, width, 3): an array of bounded size.

        Called from several threads at once, so it uses neither the network nor threads of its own.
        """
        ...

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """Features (len(batch), dim) of prepared pictures, each from that picture alone."""
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


@runtime_checkable
class ImageObserver(Protocol):
    """Tells about each picture something that is no vector of fixed length: words read, objects detected.

    `identity` as for an ImageExtractor.
    """

    name: str
    identity: str

    def observe_images(self, images: Sequence[RgbImage]) -> list[Any]:
        """One JSON value for each RGB uint8 picture (height, width, 3), from that picture alone."""
        ...


@runtime_checkable
class PairJudge(Protocol):
    """Gives each pair of a picture and a text a number, from both at once (a visual question's answer).

    `identity` as for an ImageExtractor.
    """

    name: str
    identity: str

    def judge_pairs(self, images: Sequence[RgbImage], texts: Sequence[str]) -> Vectors:
        """One number for each pair, (n,), float32."""
        ...

    def is_truncated(self, text: str) -> bool:
        """Whether the text is too long for the judge, so that its end is not seen."""
        ...


AnyExtractor = ImageExtractor | TextExtractor | ImageObserver | PairJudge


@dataclass(frozen=True, slots=True)
class Setting:
    """What extractors are built with. `device` is a torch device.

    `clip_model` names the CLIP network as open_clip does. `pick_model`, `vqa_model` and `detector` are
    networks of transformers by a hub's name or a folder; a detector may also be a plug-in.
    `workers` is the number of threads that decode and prepare pictures; 0 leaves it to the machine.
    """

    weights: WeightsPolicy = field(default_factory=WeightsPolicy)
    device: str = "cpu"
    clip_model: str = DEFAULT_CLIP
    pick_model: str = DEFAULT_PICK
    vqa_model: str = DEFAULT_VQA
    detector: str = DEFAULT_DETECTOR
    workers: int = 0


@dataclass(frozen=True, slots=True)
class ExtractorSpec:
    """An entry of the registry: how to build an extractor and what it lacks before it can be built.

    `missing(setting)` is None where `build` would work, otherwise one line for a person that says what is
    not there and what to do. It loads nothing heavy. One that also is `NamesWeights` says which weights.
    """

    name: str
    build: Callable[[Setting], AnyExtractor]
    missing: Callable[[Setting], str | None]

    def assets(self, setting: Setting) -> tuple[Asset, ...]:
        """The weights that the extractor needs, as far as `missing` names them."""
        return self.missing.assets(setting) if isinstance(self.missing, NamesWeights) else ()


@runtime_checkable
class NamesWeights(Protocol):
    """Something that knows which weights it needs."""

    def assets(self, setting: Setting) -> tuple[Asset, ...]:
        """The weights, as entries of `harness.assets`."""
        ...


@dataclass(frozen=True, slots=True)
class NeedsWeights:
    """A `missing` of an ExtractorSpec for extractors that need weights and nothing else."""

    wanted: Callable[[Setting], tuple[Asset, ...]]

    def assets(self, setting: Setting) -> tuple[Asset, ...]:
        """See NamesWeights."""
        return self.wanted(setting)

    def __call__(self, setting: Setting) -> str | None:
        """What is lacking, as one line, or None. Weights that may be downloaded are not lacking."""
        policy = setting.weights
        for asset in self.wanted(setting):
            if locate(asset, policy) is None and not (policy.download and reachable(asset)):
                return missing_message(asset, policy)
        return None


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
