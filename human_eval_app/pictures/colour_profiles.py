"""Colours as they are meant: an embedded profile is applied before it is stripped with the other metadata.

Without this a photograph of a camera or phone with a wide gamut would look dull beside a model's picture.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from harness.decode import RgbImage


def to_srgb(pixels: RgbImage, data: bytes) -> RgbImage:
    """`pixels` (h, w, 3), decoded from the picture file `data`, in sRGB.

    They come back unchanged where the file has no profile, sRGB's own, one that is not for RGB, or one that
    cannot be read.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            profile = opened.info.get("icc_profile")
        if not profile:
            return pixels
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return pixels
        if "srgb" in (ImageCms.getProfileDescription(source) or "").lower():
            return pixels
        converted = ImageCms.profileToProfile(
            Image.fromarray(np.ascontiguousarray(pixels)), source, ImageCms.createProfile("sRGB")
        )
    except (ImageCms.PyCMSError, OSError, SyntaxError, ValueError):
        return pixels
    return pixels if converted is None else np.asarray(converted)
