"""Inception v3 of 2015-12-05, the network of FID, under the protocols of the codes that people publish with.

A protocol is a way to resize, a file of weights and what is read off. The three of clean-fid (Parmar et al.
2022) are "clean", "legacy_pytorch" (pytorch-fid) and "legacy_tensorflow" (Heusel et al. 2017);
"inception-v3-compat" is torch-fidelity's. The engine that runs the network is not part of a protocol: its
numbers agree to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import Setting
from harness.extractors.engine import Engine, EngineName, make_engine
from harness.extractors.resize import bicubic_antialiased, bilinear_half_pixel, bilinear_tensorflow1
from harness.rows import Vectors
from harness.weights import find

POOL = slice(0, 2048)
LOGITS = slice(2048, 3056)
SIDE = 299


class Inception:
    """An Inception network under one protocol: `dim` numbers a picture, `POOL` the averaged features.

    With dim 3056 `LOGITS` are the 1008 class logits without bias. `prepare` maps a picture to what the
    network sees, float32 (299, 299, 3), about -1..1. `start` makes the engine, on first use.
    """

    def __init__(
        self,
        name: str,
        identity: str,
        dim: int,
        prepare: Callable[[RgbImage], Vectors],
        start: Callable[[], Engine],
    ) -> None:
        self.name = name
        self.identity = identity
        self.dim = dim
        self._prepare = prepare
        self._start = start

    @cached_property
    def engine(self) -> Engine:
        """What the network runs on. Made on first use: where all features are cached it is not needed."""
        started = self._start()
        del self._start  # with it goes torch's copy of the weights, where another engine has its own
        return started

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, dim)."""
        return self.extract_prepared([self.prepare(image) for image in images])

    def prepare(self, image: RgbImage) -> Vectors:
        """See Prepares. float32 (299, 299, 3)."""
        return self._prepare(image)

    def extract_prepared(self, batch: Sequence[NDArray[Any]]) -> Vectors:
        """See Prepares."""
        return self.engine.run(batch) if len(batch) else np.empty((0, self.dim), np.float32)


def clean(image: RgbImage) -> Vectors:
    """What the network sees under "clean"."""
    return _from_bytes(bicubic_antialiased(image, SIDE))


def legacy_tensorflow(image: RgbImage) -> Vectors:
    """What the network sees under "legacy_tensorflow" and "inception-v3-compat"."""
    return _from_bytes(bilinear_tensorflow1(image, SIDE))


def legacy_pytorch(image: RgbImage) -> Vectors:
    """What the network sees under "legacy_pytorch"."""
    pixels = bilinear_half_pixel(image, SIDE)
    pixels /= 255
    pixels *= 2
    pixels -= 1
    return pixels


def load_clean(weights: Path, device: str = "cpu", engine: EngineName = "auto") -> Inception:
    """clean-fid's mode "clean": the TorchScript network on Pillow's float bicubic.

    Raises InputError where `weights` is no TorchScript Inception.
    """
    start = _of_script(weights, device, engine)
    return Inception("inception", "inception-2015-12-05|clean", 2048, clean, start)


def load_tensorflow(weights: Path, device: str = "cpu", engine: EngineName = "auto") -> Inception:
    """clean-fid's mode "legacy_tensorflow": the same network on TensorFlow 1's bilinear. Raises as above."""
    start = _of_script(weights, device, engine)
    identity = "inception-2015-12-05|legacy_tensorflow"
    return Inception("inception_tensorflow", identity, 2048, legacy_tensorflow, start)


def load_pytorch(weights: Path, device: str = "cpu", engine: EngineName = "auto") -> Inception:
    """clean-fid's mode "legacy_pytorch", which is pytorch-fid: its state dict on bilinear without antialias.

    Raises InputError where `weights` is no state dict of Inception.
    """
    start = _of_state(weights, False, device, engine)
    identity = "pt_inception-2015-12-05-6726825d|legacy_pytorch"
    return Inception("inception_pytorch", identity, 2048, legacy_pytorch, start)


def load_fidelity(weights: Path, device: str = "cpu", engine: EngineName = "auto") -> Inception:
    """torch-fidelity's "inception-v3-compat": the same state dict on TensorFlow 1's bilinear, with logits.

    Raises InputError where `weights` is no state dict of Inception.
    """
    start = _of_state(weights, True, device, engine)
    identity = "pt_inception-2015-12-05-6726825d|inception-v3-compat"
    return Inception("inception_fidelity", identity, 3056, legacy_tensorflow, start)


def build_clean(setting: Setting) -> Inception:
    """Builds `load_clean` from weights found by `harness.weights`. Raises InputError without them."""
    return load_clean(find("inception-2015-12-05", setting.weights).path, setting.device)


def build_tensorflow(setting: Setting) -> Inception:
    """As `build_clean`, for `load_tensorflow`."""
    return load_tensorflow(find("inception-2015-12-05", setting.weights).path, setting.device)


def build_pytorch(setting: Setting) -> Inception:
    """As `build_clean`, for `load_pytorch`."""
    return load_pytorch(find("pt-inception-2015-12-05", setting.weights).path, setting.device)


def build_fidelity(setting: Setting) -> Inception:
    """As `build_clean`, for `load_fidelity`."""
    return load_fidelity(find("pt-inception-2015-12-05", setting.weights).path, setting.device)


def _from_bytes(pixels: Vectors) -> Vectors:
    """0..255 to -1..1 as TensorFlow's graph does it."""
    pixels -= 128
    pixels /= 128
    return pixels


def _of_script(weights: Path, device: str, engine: EngineName) -> Callable[[], Engine]:
    """A start for the layers of a TorchScript archive, whatever they are called in it.

    torch runs them frozen, which folds the batch norms, where they can be frozen.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch announces the end of TorchScript
            archive: Any = torch.jit.load(str(weights), map_location=device)  # type: ignore[no-untyped-call]
            layers = archive.eval().layers
            try:
                fast = torch.jit.freeze(layers)
            except RuntimeError:
                fast = layers
    except Exception as error:  # what a file that is something else makes torch raise has no bounds
        raise InputError(f"{weights} is no TorchScript Inception: {_first_line(error)}") from None
    return lambda: make_engine(layers, fast, (SIDE, SIDE, 3), device, engine)


def _of_state(weights: Path, logits: bool, device: str, engine: EngineName) -> Callable[[], Engine]:
    """A start for our own network with the weights of a state dict."""
    import torch

    from harness.extractors.inception_network import InceptionNetwork

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        network = InceptionNetwork(state, logits=logits).eval().to(device)
    except Exception as error:  # as above
        raise InputError(f"{weights} is no state dict of Inception: {_first_line(error)}") from None
    return lambda: make_engine(network, network, (SIDE, SIDE, 3), device, engine)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
