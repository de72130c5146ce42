"""CLIP ViT-L/14 at 336 pixels as CMMD looks at pictures (Jayasumana et al. 2024, "Rethinking FID").

CMMD's own code cuts the middle square out of a picture, resizes it to 336 x 336 with Pillow's antialiased
bicubic filter in 8 bits, scales to 0..1, takes CLIP's mean and deviation off, and compares embeddings of unit
length. open_clip's preprocessing resizes first and cuts then, which is another picture where it is no square.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from harness.extractors.base import NeedsWeights, Setting
from harness.extractors.clip import SHORT_NAMES, Clip, ClipName, clip_asset
from harness.extractors.clip import build as build_clip

NAME = "clip_l14_336"
MODEL = SHORT_NAMES["ViT-L/14@336px"]
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def as_cmmd_sees(clip: Clip) -> Clip:
    """A CLIP network of open_clip behind CMMD's preprocessing, at the network's own side."""
    side = clip.image_side
    return clip.prepared_by(NAME, f"crop-bicubic{side}", partial(preprocess, side=side))


def preprocess(picture: Image.Image, side: int = 336) -> Any:
    """An RGB picture to the network's input: a torch tensor (3, side, side), float32, about -2..2."""
    import torch

    width, height = picture.size
    square = min(width, height)
    left, top = (width - square) // 2, (height - square) // 2
    middle = picture.crop((left, top, left + square, top + square))
    small = np.asarray(middle.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    return torch.from_numpy((small / 255 - _MEAN) / _STD).permute(2, 0, 1)


def build(setting: Setting) -> Clip:
    """Builds the extractor from weights found by `harness.weights`. Raises InputError without them."""
    return as_cmmd_sees(build_clip(replace(setting, clip_model=MODEL)))


missing = NeedsWeights(lambda setting: (clip_asset(ClipName.parse(MODEL)),))
