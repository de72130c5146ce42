"""Reads a picture file into plain RGB, whatever it is, or says why it cannot be read."""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

RgbImage = NDArray[np.uint8]
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, zlib.error, MemoryError)
_ORIENTATION = 0x0112
_UNTURNED = 1
_PNG_DEPTH = 24  # where in a PNG file the number of bits a channel stands


class PictureError(Exception):
    """A picture that cannot be read; the message is the reason. A fault of one sample, not of the run."""


def decode_rgb(data: bytes) -> RgbImage:
    """Decodes the bytes of a picture file to RGB, uint8, shape (height, width, 3), values 0..255.

    The EXIF orientation is applied, transparency is laid over white, 16-bit grey is scaled to 8 bits
    (257 -> 1) and of 16-bit colour the upper 8 bits are kept, palettes, 1-bit, CMYK and grey become RGB, and
    of an animation the first frame is taken.
    Raises PictureError for anything that cannot be decoded whole.
    """
    if not data:
        raise PictureError("the file is empty")
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return np.array(_rgb(ImageOps.exif_transpose(opened)), dtype=np.uint8)
    except UnidentifiedImageError:
        raise PictureError("not a picture in a known format") from None
    except Image.DecompressionBombError:
        raise PictureError("more pixels than can safely be decoded") from None
    except _BROKEN as error:
        raise PictureError(f"cannot be decoded: {error}") from None


def conversions(path: Path) -> tuple[str, ...]:
    """What `decode_rgb` does to a picture that changes more than its format, read from the file's header.

    Phrases that follow a count, such as "from CMYK"; none for plain RGB and palettes, and for a file that is
    no picture. Costs a twentieth of a millisecond, as no pixel is decoded.
    """
    try:
        with Image.open(path) as opened:
            return tuple(_conversions(opened, path))
    except (Image.DecompressionBombError, struct.error, *_BROKEN):
        return ()


def conversion_remark(paths: Iterable[Path], what: str) -> tuple[str, ...]:
    """One line that counts the conversions of these pictures, called `what`; none where there are none."""
    counts = Counter(phrase for path in paths for phrase in conversions(path))
    if not counts:
        return ()
    return (f"{what} were converted: " + ", ".join(f"{n} {phrase}" for phrase, n in sorted(counts.items())),)


def _conversions(opened: Image.Image, path: Path) -> Iterable[str]:
    mode = opened.mode
    if mode in ("1", "L", "LA", "La", "F", "I") or mode.startswith("I;16"):
        yield "from grey"
    elif mode not in ("RGB", "RGBA", "RGBX", "P", "PA"):
        yield f"from {mode}"
    if mode == "I" or mode.startswith("I;16") or _png_depth(opened, path) == 16:
        yield "from 16 bits a channel"
    if opened.has_transparency_data:
        yield "with transparency laid over white"
    if getattr(opened, "is_animated", False):
        yield "from the first frame of an animation"
    # A PNG without EXIF data in its header would be decoded to its end in search of some.
    has_exif = opened.format != "PNG" or "exif" in opened.info
    if has_exif and opened.getexif().get(_ORIENTATION, _UNTURNED) != _UNTURNED:
        yield "by turning as EXIF says"


def _png_depth(opened: Image.Image, path: Path) -> int | None:
    """Pillow gives 16-bit colour of PNG files as 8-bit modes, so the file itself is asked."""
    if opened.format != "PNG":
        return None
    with path.open("rb") as file:
        return file.read(_PNG_DEPTH + 1)[_PNG_DEPTH]


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        wide = np.asarray(picture).astype(np.float64)
        narrow = np.rint(wide / 257.0).clip(0, 255).astype(np.uint8)
        return Image.fromarray(narrow).convert("RGB")
    if picture.mode == "F":
        raise ValueError("floating-point pictures have no agreed range")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")
