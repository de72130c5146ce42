"""Resizing from the definitions of the filters, in fp64 NumPy: what the installed libraries should give.

A resize here is separable: a matrix of weights for the rows and one for the columns. Output pixel i looks at
the place (i + 1/2) * scale - 1/2 of the input, scale = old / new, unless the convention says otherwise.

- Pillow (Pillow's Resample.c; Parmar et al. 2022 show why it matters): the filter is stretched by the scale
  when shrinking, its weights are cut to the picture and divided by their sum.
- torch without antialias: two (linear) or four (cubic, a = -3/4) taps whatever the scale; taps outside repeat
  the edge. With antialias it follows Pillow, with a = -1/2.
- TensorFlow 1: output pixel i looks at i * scale, without the half pixels, two taps.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Kernel = Literal["linear", "cubic"]


def antialiased_matrix(old: int, new: int, kernel: Kernel) -> Matrix:
    """Weights (new, old) of a filter that is stretched when shrinking; cubic has a = -1/2."""
    scale = old / new
    stretch = max(scale, 1.0)
    support = (2.0 if kernel == "cubic" else 1.0) * stretch
    matrix = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), old)
        taps = np.arange(first, last)
        weights = _kernel((taps + 0.5 - centre) / stretch, kernel, -0.5)
        matrix[i, taps] = weights / weights.sum()
    return matrix


def interpolation_matrix(
    old: int, new: int, *, scale: float | None = None, kernel: Kernel = "linear", a: float = -0.75
) -> Matrix:
    """Weights (new, old) of torch's interpolation without antialias; `scale` is old / new unless given."""
    step = old / new if scale is None else scale
    places = (np.arange(new) + 0.5) * step - 0.5
    if kernel == "linear":
        places = places.clip(0)
    return _taps(places, old, kernel, a)


def tensorflow1_matrix(old: int, new: int) -> Matrix:
    """Weights (new, old) of TensorFlow 1's resize_bilinear with align_corners=False."""
    return _taps(np.arange(new) * (old / new), old, "linear", 0.0)


def resize(image: NDArray[np.generic], rows: Matrix, columns: Matrix) -> Matrix:
    """An image (height, width, channels) with weights applied to its rows and columns, fp64, not rounded."""
    resized: Matrix = np.einsum("ih,hwc,jw->ijc", rows, image.astype(np.float64), columns, optimize=True)
    return resized


def resize_8bit(image: NDArray[np.uint8], rows: Matrix, columns: Matrix) -> Matrix:
    """As Pillow on 8-bit pictures: columns first, then rows, each rounded (halves up) and clipped."""
    half = _levels(np.einsum("hwc,jw->hjc", image.astype(np.float64), columns, optimize=True))
    return _levels(np.einsum("ih,hjc->ijc", rows, half, optimize=True))


def _levels(values: NDArray[Any]) -> Matrix:
    levels: Matrix = np.floor(np.round(values, 9) + 0.5).clip(0, 255)  # fp64 misses a half by 1e-14
    return levels


def _taps(places: NDArray[Any], old: int, kernel: Kernel, a: float) -> Matrix:
    matrix = np.zeros((places.size, old))
    floor = np.floor(places).astype(int)
    for offset in (0, 1) if kernel == "linear" else (-1, 0, 1, 2):
        weights = _kernel(places - (floor + offset), kernel, a)
        np.add.at(matrix, (np.arange(places.size), (floor + offset).clip(0, old - 1)), weights)
    return matrix


def _kernel(distance: NDArray[Any], kernel: Kernel, a: float) -> Matrix:
    """The triangle, or Keys' cubic (1981) with parameter a, at distances in pixels."""
    x = np.abs(distance)
    if kernel == "linear":
        triangle: Matrix = np.maximum(1 - x, 0)
        return triangle
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0)).astype(np.float64)
