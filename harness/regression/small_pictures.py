"""Small copies of pictures, for pages and for baselines that are kept without their pictures."""

from __future__ import annotations

import base64
import io

from PIL import Image

SIDE = 160
LOSSLESS_SIDE = 64


def small_picture(picture: Image.Image, side: int = SIDE) -> bytes:
    """WebP of an RGB picture, at most `side` pixels; one of up to 64 pixels is kept without loss."""
    buffer = io.BytesIO()
    if max(picture.size) <= LOSSLESS_SIDE:
        picture.save(buffer, format="WEBP", lossless=True, method=4)
        return buffer.getvalue()
    scale = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.save(buffer, format="WEBP", quality=78, method=4)
    return buffer.getvalue()


def data_uri(webp: bytes) -> str:
    """The picture inside an address, for pages that must open anywhere."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")
