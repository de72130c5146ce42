"""Networks: shipped ones against committed vectors, others against published values where their weights are.

The pictures have each network's own size, so that no resize takes part, and come from no file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from harness.extractors import Extractors
from harness.extractors.base import Setting
from harness.rows import Vectors
from harness.selftest.pictures import chart
from harness.selftest.reference_file import reference_values
from harness.selftest.report import Check, Skip

SENTENCES = ("a red cube on top of a blue sphere", "One cat and two dogs.", "x")
# Network -> side of its pictures and tolerance, relative to the greatest value of its vectors.
SHIPPED = {"effnet_lite0": (224, 1e-4), "scenes_judge": (128, 1e-3)}


def feature_checks(setting: Setting) -> list[Check]:
    """Shipped networks first, then those with published values."""
    extractors = cache(lambda clip_model: Extractors(_with_clip(setting, clip_model)))
    own = extractors(setting.clip_model)
    shipped = [(name, tolerance, partial(_shipped, name, own)) for name, (_, tolerance) in SHIPPED.items()]
    shipped.append(("minilm", 1e-4, partial(_minilm, own)))
    checks = [
        Check("features", f"{name} against committed vectors", tolerance, compute, "relative")
        for name, tolerance, compute in shipped
    ]
    clip = partial(extractors, "ViT-B/16")
    published: list[tuple[str, float, Callable[[], tuple[ArrayLike, ArrayLike]]]] = [
        ("clip ViT-B/16: 24.4260 of torchmetrics' example", 0.02, partial(_clip_pair, clip)),
        ("clip ViT-B/16: two pictures, 99.4860", 0.02, partial(_clip_pictures, clip)),
        ("clip ViT-B/16: 75 words, end mark kept, 26.1583", 0.02, partial(_clip_long, clip)),
        ("dinov2_b14: -34.62496, torch-fidelity's checksum", 1e-2, partial(_dinov2_checksum, own)),
        ("inception: FID 10.3233 of CIFAR-10", 1e-4, _inception),
    ]
    return checks + [Check("features", *rest) for rest in published]


def pictures_of(name: str) -> list[Any]:
    """The pictures that a shipped network's committed vectors belong to."""
    side, _ = SHIPPED[name]
    return [chart(side, side, kind) for kind in range(2)]


def _with_clip(setting: Setting, clip_model: str) -> Setting:
    return Setting(setting.weights, setting.device, clip_model)


def _ready(extractors: Extractors, name: str) -> Extractors:
    """Raises Skip where the network's weights are not on this machine."""
    missing = extractors.missing(name)
    if missing is not None:
        lacking = missing.partition(" (looked in")[0]
        raise Skip(lacking)
    return extractors


def _shipped(name: str, extractors: Extractors) -> tuple[ArrayLike, ArrayLike]:
    network = _ready(extractors, name).image(name)
    return reference_values()[f"features/{name}"], network.extract_images(pictures_of(name))


def _minilm(extractors: Extractors) -> tuple[ArrayLike, ArrayLike]:
    network = _ready(extractors, "minilm").text("minilm")
    return reference_values()["features/minilm"], network.extract_texts(SENTENCES)


def _random_picture(seed: int) -> Any:
    """What torchmetrics' examples draw: torch.randint(255, (3, 224, 224)) with this seed."""
    import torch

    drawn = torch.randint(255, (3, 224, 224), generator=torch.Generator().manual_seed(seed))
    return drawn.permute(1, 2, 0).numpy().astype(np.uint8)


def _score(a: Vectors, b: Vectors) -> float:
    return 100 * float(a[0].astype(np.float64) @ b[0].astype(np.float64))


def _clip_pair(extractors: Callable[[], Extractors]) -> tuple[ArrayLike, ArrayLike]:
    built = _ready(extractors(), "clip")
    picture = built.image("clip").extract_images([_random_picture(42)])
    return 24.4260, _score(picture, built.text("clip").extract_texts(["a photo of a cat"]))


def _clip_pictures(extractors: Callable[[], Extractors]) -> tuple[ArrayLike, ArrayLike]:
    network = _ready(extractors(), "clip").image("clip")
    one, other = (network.extract_images([_random_picture(seed)]) for seed in (42, 43))
    return 99.4860, _score(one, other)


def _clip_long(extractors: Callable[[], Extractors]) -> tuple[ArrayLike, ArrayLike]:
    built = _ready(extractors(), "clip")
    picture = built.image("clip").extract_images([_random_picture(0)])
    return 26.1583, _score(picture, built.text("clip").extract_texts(["x " * 75]))


def _dinov2_checksum(extractors: Extractors) -> tuple[ArrayLike, ArrayLike]:
    """The sum of the features of 32 x 32 noise, enlarged as TensorFlow 1 does, in torch-fidelity's tests."""
    import torch

    from harness.extractors.dinov2 import DinoV2, normalise
    from harness.selftest.resize_reference import resize, tensorflow1_matrix

    network = _ready(extractors, "dinov2_b14").image("dinov2_b14")
    if not isinstance(network, DinoV2):
        raise Skip("dinov2_b14 is not this suite's own")
    generator = torch.Generator().manual_seed(2023)
    noise = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8, generator=generator)
    matrix = tensorflow1_matrix(32, 224)
    enlarged = resize(noise[0].permute(1, 2, 0).numpy(), matrix, matrix).astype(np.float32)
    return -34.6249580383, float(network.extract_prepared([normalise(enlarged)]).sum(dtype=np.float64))


def _inception() -> tuple[ArrayLike, ArrayLike]:
    raise Skip("published values need 5,000 pictures of CIFAR-10 and as many passes through the network")
