"""How a picture is brought to a common frame before anything looks at it: crop, then size.

Real photographs have many shapes, and published numbers differ in how they were made square. Most codes cut
the largest square out of the middle and scale it to 256 pixels; others squash the whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from harness.decode import RgbImage

Crop = Literal["none", "center"]
Filter = Literal["bicubic", "bilinear", "lanczos", "box"]
CROPS: tuple[Crop, ...] = get_args(Crop)
FILTERS: tuple[Filter, ...] = get_args(Filter)
_SAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
}


@dataclass(frozen=True, slots=True)
class Framing:
    """What is done to each picture. `size` (pixels, None keeps it) is the side of the square that comes out.

    `crop` "center" cuts out the largest square of the middle, "none" keeps all of the picture, which `size`
    then squashes. `resize` is Pillow's antialiased filter of that name, in 8 bits. The default does nothing.
    Raises ValueError for other values.
    """

    size: int | None = None
    crop: Crop = "none"
    resize: Filter = "bicubic"

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, not {self.size}")
        if self.crop not in CROPS:
            raise ValueError(f"crop must be {' or '.join(CROPS)}, not {self.crop!r}")
        if self.resize not in FILTERS:
            raise ValueError(f"resize must be one of {', '.join(FILTERS)}, not {self.resize!r}")

    @property
    def identity(self) -> str:
        """Such as "center256-bicubic", "squash256-lanczos" or "center"; "" where nothing is done."""
        if self.size is None:
            return "center" if self.crop == "center" else ""
        return f"{'center' if self.crop == 'center' else 'squash'}{self.size}-{self.resize}"

    def apply(self, image: RgbImage) -> RgbImage:
        """RGB uint8 (height, width, 3) to (size, size, 3), or to its own size where `size` is None.

        A picture that has the size already comes back unchanged. Of an odd margin the smaller half is cut
        at the top or left.
        """
        if self.crop == "center":
            image = center_square(image)
        if self.size is None or image.shape[:2] == (self.size, self.size):
            return image
        picture = Image.fromarray(np.ascontiguousarray(image))
        return np.asarray(picture.resize((self.size, self.size), _SAMPLING[self.resize]))


def center_square(image: RgbImage) -> RgbImage:
    """The largest square in the middle of (height, width, 3), a view."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
