"""A small study of each kind that needs no run: true pictures of the scenes world and distorted ones.

Two made-up models answer the prompts. One bends and blurs its pictures a little, the other a lot, and both
sometimes draw another scene than was asked for, so that raters, real or simulated, find something to prefer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from drawbench.benches.scenes import load
from drawbench.types import Prompt
from harness.decode import RgbImage
from harness.progress import Progress
from human_eval_app.pictures.framing import Frame, Size
from human_eval_app.pictures.model_folders import Models
from human_eval_app.pictures.sources import REFERENCE, SceneSource, SourceKind
from human_eval_app.studies.create import CreateOptions, create_study, plan_from
from human_eval_app.studies.questions import Kind
from human_eval_app.studies.writing import Written

PROMPTS, SPARE = 8, 8
SAMPLES = 4
SIDE = 256
MODELS: Mapping[str, tuple[float, float]] = {"demo-steady": (0.25, 0.1), "demo-shaky": (1.0, 0.35)}
"""Model -> strength of its distortion, and how often it draws another scene than was asked for."""

_WARP_CELLS = 5
_WARP_SHARE = 0.05
_BLUR_SHARE = 0.006


def distort(image: RgbImage, strength: float, seed: int) -> RgbImage:
    """Bends a picture by a smooth random field and blurs it; uint8 (h, w, 3) to the same shape.

    `strength` 0 changes nothing; 1 moves parts by a twentieth of the picture's side. Equal for equal
    arguments.
    """
    height, width = image.shape[:2]
    drawn = np.random.default_rng(seed)
    shift = _WARP_SHARE * strength * max(height, width)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    rows += shift * _smooth_field(drawn, (width, height))
    columns += shift * _smooth_field(drawn, (width, height))
    bent = image[
        np.rint(rows).clip(0, height - 1).astype(np.intp), np.rint(columns).clip(0, width - 1).astype(np.intp)
    ]
    radius = _BLUR_SHARE * strength * max(height, width)
    return np.asarray(Image.fromarray(bent).filter(ImageFilter.GaussianBlur(radius)))


@dataclass(frozen=True)
class DemoModel:
    """True pictures, distorted; a share `astray` of them of the next prompt's scene."""

    name: str
    true: SceneSource
    strength: float
    astray: float
    kind: SourceKind = "made"

    @property
    def identity(self) -> Mapping[str, str]:
        """See `PictureSource`."""
        return {"pictures": "distorted pictures of the scenes world", "strength": f"{self.strength:g}"}

    def indices(self, prompt_id: str) -> tuple[int, ...]:
        """See `PictureSource`."""
        return self.true.indices(prompt_id)

    def size(self, prompt_id: str, index: int) -> Size | None:
        """None: drawn at any size."""
        return None

    def pixels(self, prompt_id: str, index: int, frame: Frame) -> RgbImage:
        """See `PictureSource`."""
        drawn = np.random.default_rng(_stream(self.name, prompt_id, index))
        names = list(self.true.prompts)
        place = names.index(prompt_id) + (1 if drawn.random() < self.astray else 0)
        picture = self.true.pixels(names[place % len(names)], index, frame)
        return distort(picture, self.strength * float(drawn.uniform(0.5, 1.5)), int(drawn.integers(2**62)))


def make_demo(folder: Path, kind: Kind, *, seed: int = 0, progress: Progress | None = None) -> str:
    """Writes a study of `kind` with controls and practice to `folder`; returns its admin token.

    Raises InputError where the folder exists or cannot be written.
    """
    return write_demo(folder, kind, seed=seed, progress=progress).admin_token


def write_demo(folder: Path, kind: Kind, *, seed: int = 0, progress: Progress | None = None) -> Written:
    """As `make_demo`, with the opened study."""
    prompts, true = _world()
    models = tuple(DemoModel(name, true, *how) for name, how in MODELS.items())
    loaded = Models(
        sources=models,
        prompts={model.name: prompts for model in models},
        manifest=None,
        bench="scenes",
        notices=("A demonstration: the models are made up, and the pictures are drawings.",),
    )
    options = CreateOptions(
        kind=kind,
        models=(),
        settings={
            "prompts": PROMPTS,
            "samples": SAMPLES if kind == "side_by_side" else 1,
            "items_per_rater": 12,
            "control_every": 5,
            "practice": 2,
            "quota": 3,
            "break_every": 8,
        },
        size=SIDE,
        seed=seed,
    )
    reference = None if kind == "side_by_side" else SceneSource(REFERENCE, REFERENCE, true.prompts)
    return create_study(plan_from(options, loaded, reference), folder, progress=progress)


@lru_cache(maxsize=1)
def _world() -> tuple[tuple[Prompt, ...], SceneSource]:
    prompts = load(PROMPTS + SPARE).prompts
    return prompts, SceneSource("true", "made", {prompt.id: prompt for prompt in prompts}, SAMPLES)


def _smooth_field(drawn: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """A smooth field of about unit range, shape (height, width)."""
    cells = drawn.normal(0.0, 0.5, (_WARP_CELLS, _WARP_CELLS)).astype(np.float32)
    return np.asarray(Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC), np.float64)


def _stream(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("|".join(map(str, ("demo", *parts))).encode()).digest()[:8], "big")
