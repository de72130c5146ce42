"""Decoding: small files in the kinds that go wrong, against the pixels they were made from."""

from __future__ import annotations

from functools import partial

from numpy.typing import ArrayLike

from harness import decode
from harness.selftest.reference_file import reference_values
from harness.selftest.report import Check

# kind -> tolerance in levels. Lossless kinds are exact; decoders of JPEG may round a level apart.
KINDS = {
    "png": 0,
    "png-16bit-grey": 0,
    "png-alpha": 1,
    "png-palette-transparent": 0,
    "png-exif-rotated": 0,
    "gif-animated": 0,
    "tiff-cmyk": 1,
    "jpeg-420": 1,
    "jpeg-cmyk": 1,
}


def decode_checks() -> list[Check]:
    """One check for each kind of file."""
    return [Check("decode", kind, tolerance, partial(_decoded, kind)) for kind, tolerance in KINDS.items()]


def _decoded(kind: str) -> tuple[ArrayLike, ArrayLike]:
    values = reference_values()
    return values[f"decode/{kind}/pixels"], decode.decode_rgb(values[f"decode/{kind}/file"].tobytes())
