"""One size and one shape for every picture of a study, so that neither side is told by its size.

Nothing is enlarged unless every picture is: an enlarged side would be known by its blur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from drawbench.errors import InputError
from harness.decode import RgbImage

Resampling = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
_FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
MIN_SIDE, MAX_SIDE = 16, 4096

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every picture of the study becomes: `width` x `height` pixels, by Pillow's filter `resampling`."""

    width: int
    height: int
    resampling: Resampling = "lanczos"

    def apply(self, image: RgbImage) -> RgbImage:
        """RGB uint8 (h, w, 3) to (height, width, 3): the largest part of the frame's shape, then resized.

        A picture of the frame's size comes back unchanged.
        """
        height, width = image.shape[:2]
        if (width, height) == (self.width, self.height):
            return image
        cut_width = max(1, min(width, round(height * self.width / self.height)))
        cut_height = max(1, min(height, round(width * self.height / self.width)))
        left, top = (width - cut_width) // 2, (height - cut_height) // 2
        part = np.ascontiguousarray(image[top : top + cut_height, left : left + cut_width])
        if (cut_width, cut_height) == (self.width, self.height):
            return part
        resized = Image.fromarray(part).resize((self.width, self.height), _FILTERS[self.resampling])
        return np.asarray(resized)


def choose_frame(
    sizes: Mapping[str, Sequence[Size]], side: int | None, resampling: Resampling
) -> tuple[Frame, str]:
    """The frame for pictures of these sizes (model -> (width, height) of each), and what it does in words.

    Without `side` it is the smallest picture's, so that nothing is enlarged; `side` is the shorter side of
    the frame, and is needed where no picture has a size of its own. Pictures of one shape keep it, else the
    middle square is cut out of each. Raises InputError where some pictures would be enlarged and others not.
    """
    every = [size for of_model in sizes.values() for size in of_model]
    if side is not None and not MIN_SIDE <= side <= MAX_SIDE:
        raise InputError(f"--size must be {MIN_SIDE} to {MAX_SIDE} pixels, not {side}")
    if not every:
        if side is None:
            raise InputError("no picture has a size of its own; give --size")
        square = Frame(side, side, resampling)
        return square, _in_words(sizes, square, one_shape=True)
    shorter = {name: [min(size) for size in of_model] for name, of_model in sizes.items()}
    smallest = min(min(of_model) for of_model in shorter.values() if of_model)
    chosen = smallest if side is None else side
    if chosen > smallest:
        _check_all_enlarged(shorter, chosen)
    width, height = min(every, key=min)
    one_shape = all(w * height == h * width for w, h in every)
    if not one_shape:
        width = height = 1
    scale = chosen / min(width, height)
    frame = Frame(round(width * scale), round(height * scale), resampling)
    return frame, _in_words(sizes, frame, one_shape)


def _check_all_enlarged(shorter: Mapping[str, Sequence[int]], side: int) -> None:
    enlarged = {name for name, sides in shorter.items() if any(own < side for own in sides)}
    kept = [name for name, sides in shorter.items() if any(own >= side for own in sides)]
    if kept:
        small = min(enlarged, key=lambda name: min(shorter[name]))
        raise InputError(
            f"--size {side} would enlarge pictures of {small} (from {min(shorter[small])} pixels) and not "
            f"all of {kept[0]}, which would give them away; give --size {min(map(min, shorter.values()))} or "
            "less"
        )


def _in_words(sizes: Mapping[str, Sequence[Size]], frame: Frame, one_shape: bool) -> str:
    done = []
    for name, of_model in sizes.items():
        unlike = sorted({size for size in of_model if size != (frame.width, frame.height)})
        if not unlike:
            done.append(f"{name} unchanged")
            continue
        smallest, largest = unlike[0], unlike[-1]
        sides = f"{smallest[0]} x {smallest[1]}"
        if smallest != largest:
            sides += f" to {largest[0]} x {largest[1]}"
        done.append(f"{name} from {sides}")
    cut = "" if one_shape else "the middle square is cut out, then "
    how = "" if all(part.endswith("unchanged") for part in done) else f" ({cut}{frame.resampling})"
    return "; ".join([f"{frame.width} x {frame.height} pixels, PNG without metadata{how}", *done])
