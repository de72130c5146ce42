"""PNG files that tell nothing but their pixels: no metadata, one chunk order, and all of one length.

How well a picture compresses differs between models (a smooth picture makes a shorter file), so file lengths
would tell sides apart to anyone who looks at the network traffic. An ancillary chunk of zeros makes up for
the difference; every file has one, so that its presence tells nothing either.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from harness.decode import RgbImage
from harness.pictures import encode_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PADDING = b"paDd"
"""Ancillary, private, safe to copy: readers pass over it."""

_CHUNK_FRAME = 12  # length, type and checksum of a chunk
_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


def encode(image: RgbImage) -> bytes:
    """PNG bytes of RGB uint8 (h, w, 3), one encoder setting for all, not yet padded."""
    return encode_png(Image.fromarray(image))


def padded(png: bytes, length: int) -> bytes:
    """The same picture in exactly `length` bytes. Raises ValueError where that is too few (see `room`)."""
    zeros = length - room(len(png))
    if not png.startswith(SIGNATURE) or not png.endswith(_END) or zeros < 0:
        raise ValueError(f"a PNG of {len(png)} bytes cannot be made {length} bytes long")
    content = PADDING + bytes(zeros)
    chunk = struct.pack(">I", zeros) + content + struct.pack(">I", zlib.crc32(content))
    return png[: -len(_END)] + chunk + _END


def room(length: int) -> int:
    """The least length that a PNG of `length` bytes can be padded to."""
    return length + _CHUNK_FRAME


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, content) of each chunk. Raises ValueError for a file that is no whole PNG."""
    if not png.startswith(SIGNATURE):
        raise ValueError("no PNG")
    at = len(SIGNATURE)
    while at < len(png):
        if at + _CHUNK_FRAME > len(png):
            raise ValueError("a PNG that ends within a chunk")
        (length,) = struct.unpack_from(">I", png, at)
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += _CHUNK_FRAME + length
        if at > len(png) or struct.unpack_from(">I", png, at - 4)[0] != zlib.crc32(kind + content):
            raise ValueError(f"a damaged {kind!r} chunk")
        yield kind, content
