"""Inception v3 of 2015-12-05, the network of FID, run by clean-fid's own code on weights given as a file."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import Setting, inference, micro_batch
from harness.rows import Vectors
from harness.weights import find

_PATCH_LOCK = threading.Lock()


class Inception:
    """An Inception network with clean-fid's resizing, 2048 numbers a picture.

    `network` maps a float batch (n, 3, 299, 299) in 0..255 to (n, 2048).
    """

    dim = 2048

    def __init__(
        self, name: str, identity: str, mode: str, network: Callable[[Any], Any], device: str
    ) -> None:
        from cleanfid.resize import build_resizer

        self.name = name
        self.identity = identity
        with warnings.catch_warnings():  # clean-fid silences all warnings of the process in one mode
            self._resize = build_resizer(mode)
        self._network = network
        self._device = device

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, 2048)."""
        import torch

        size = micro_batch(self._device)
        rows = [np.empty((0, self.dim), np.float32)]
        with inference(self._device):
            for start in range(0, len(images), size):
                pixels = np.stack([self._resize(image) for image in images[start : start + size]])
                batch = torch.from_numpy(pixels.astype(np.float32, copy=False)).permute(0, 3, 1, 2)
                rows.append(self._network(batch.to(self._device)).float().cpu().numpy())
        return np.concatenate(rows)


def load_clean(weights: Path, device: str = "cpu") -> Inception:
    """clean-fid's mode "clean" (Parmar et al. 2022): its TorchScript network on Pillow's float bicubic.

    `weights` is a file called inception-2015-12-05.pt. Raises InputError where it cannot be loaded.
    """
    from cleanfid.inception_torchscript import InceptionV3W

    try:
        network = InceptionV3W(str(weights.parent), download=False, resize_inside=False).to(device).eval()
    except Exception as error:  # what a file that is something else makes torch raise has no bounds
        raise InputError(f"{weights} is no TorchScript Inception: {_first_line(error)}") from None
    return Inception("inception", "inception-2015-12-05|clean", "clean", network, device)


def load_pytorch(weights: Path, device: str = "cpu") -> Inception:
    """clean-fid's mode "legacy_pytorch": pytorch-fid's network and its bilinear resizing without antialias.

    `weights` is pytorch-fid's state dict. Raises InputError where it cannot be loaded.
    """
    import torch
    from cleanfid import inception_pytorch

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        # clean-fid's constructor fetches the weights itself; this hands it the file instead.
        with _PATCH_LOCK:
            fetch = inception_pytorch.load_state_dict_from_url
            inception_pytorch.load_state_dict_from_url = lambda *_, **__: state
            try:
                blocks = inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False)
            finally:
                inception_pytorch.load_state_dict_from_url = fetch
    except Exception as error:  # as above
        raise InputError(f"{weights} is no state dict of Inception: {_first_line(error)}") from None
    network = blocks.to(device).eval()

    def pooled(batch: Any) -> Any:
        return network(batch / 255)[0].squeeze(-1).squeeze(-1)

    identity = "pt_inception-2015-12-05-6726825d|legacy_pytorch"
    return Inception("inception_pytorch", identity, "legacy_pytorch", pooled, device)


def build_clean(setting: Setting) -> Inception:
    """Builds `load_clean` from weights found by `harness.weights`. Raises InputError without them."""
    return load_clean(find("inception-2015-12-05", setting.weights).path, setting.device)


def build_pytorch(setting: Setting) -> Inception:
    """Builds `load_pytorch` from weights found by `harness.weights`. Raises InputError without them."""
    return load_pytorch(find("pt-inception-2015-12-05", setting.weights).path, setting.device)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
