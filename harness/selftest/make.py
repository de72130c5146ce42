"""Makes the self-test's reference file again: `python -m harness.selftest.make`.

Pixels of lossless files are those they are made from; pixels of lossy ones and the vectors of networks are
what the stack that runs this gives, so run it with the pinned versions and look at what changes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from harness.atomic import write_atomic
from harness.decode import RgbImage, decode_rgb
from harness.exits import FINE, run_app
from harness.selftest.pictures import chart
from harness.selftest.reference_file import reference_path

HEIGHT, WIDTH = 20, 28


def picture_files() -> dict[str, tuple[bytes, RgbImage]]:
    """Kind -> (a file, the pixels that it must be decoded to)."""
    colours = chart(HEIGHT, WIDTH)
    files = {"png": (_saved(Image.fromarray(colours), "PNG"), colours)}
    for make in (_grey16, _alpha, _palette, _rotated, _animated, _cmyk):
        files |= make(colours)
    for kind, picture, options in (
        ("jpeg-420", Image.fromarray(colours), {"quality": 90, "subsampling": "4:2:0"}),
        ("jpeg-cmyk", Image.fromarray(colours).convert("CMYK"), {"quality": 95}),
    ):
        data = _saved(picture, "JPEG", **options)
        files[kind] = (data, decode_rgb(data))
    return files


def reference_arrays() -> dict[str, NDArray[Any]]:
    """Everything that the reference file holds."""
    from harness.extractors import Extractors
    from harness.extractors.base import Setting
    from harness.selftest.feature_checks import SENTENCES, SHIPPED, pictures_of

    arrays: dict[str, NDArray[Any]] = {}
    for kind, (data, pixels) in picture_files().items():
        arrays[f"decode/{kind}/file"] = np.frombuffer(data, np.uint8)
        arrays[f"decode/{kind}/pixels"] = pixels
    extractors = Extractors(Setting())
    for name in SHIPPED:
        arrays[f"features/{name}"] = extractors.image(name).extract_images(pictures_of(name))
    arrays["features/minilm"] = extractors.text("minilm").extract_texts(SENTENCES)
    return arrays


def make(
    out: Annotated[Path | None, typer.Option(help="Where to write; default: into this package.")] = None,
) -> int:
    """Writes the reference file."""
    path = out or reference_path()
    arrays = reference_arrays()
    body = io.BytesIO()
    savez: Callable[..., None] = np.savez_compressed
    savez(body, **arrays)
    write_atomic(path, body.getvalue())
    print(f"{path}: {len(arrays)} arrays, {len(body.getvalue())} bytes")
    return FINE


def _grey16(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    wide = (colours[..., 0].astype(np.uint16) * 257 + colours[..., 1] // 2).astype(np.uint16)
    narrow = np.rint(wide / 257.0).clip(0, 255).astype(np.uint8)
    return {"png-16bit-grey": (_saved(Image.fromarray(wide), "PNG"), np.stack([narrow] * 3, -1))}


def _alpha(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    alpha = chart(HEIGHT, WIDTH, 1)[..., 1]
    share = alpha[..., None] / 255.0
    over_white = np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)
    return {"png-alpha": (_saved(Image.fromarray(np.dstack([colours, alpha])), "PNG"), over_white)}


def _palette(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    entries = np.array([[255, 0, 0], [0, 128, 255], [10, 20, 30], [200, 200, 0]], np.uint8)
    places = (colours[..., 0] // 64).astype(np.uint8)
    picture = Image.fromarray(places, "P")
    picture.putpalette(entries.tobytes())
    pixels = entries[places]
    pixels[places == 2] = 255
    return {"png-palette-transparent": (_saved(picture, "PNG", transparency=2), pixels)}


def _rotated(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise for people
    turned = np.ascontiguousarray(np.rot90(colours, -1))
    return {"png-exif-rotated": (_saved(Image.fromarray(colours), "PNG", exif=exif), turned)}


def _animated(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    first = (colours[..., :1] // 128 * 255).repeat(3, axis=-1).astype(np.uint8)
    frames = [Image.fromarray(frame).convert("P") for frame in (first, 255 - first)]
    return {"gif-animated": (_saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), first)}


def _cmyk(colours: RgbImage) -> dict[str, tuple[bytes, RgbImage]]:
    ink = np.dstack([255 - colours, np.full((HEIGHT, WIDTH), 40, np.uint8)])
    light = (255.0 - ink[..., :3]) * (255 - 40) / 255
    return {"tiff-cmyk": (_saved(Image.fromarray(ink, "CMYK"), "TIFF"), np.rint(light).astype(np.uint8))}


def _saved(picture: Image.Image, file_type: str, **options: Any) -> bytes:
    body = io.BytesIO()
    picture.save(body, file_type, **options)
    return body.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(make)
    return run_app(app, arguments, "python -m harness.selftest.make")


if __name__ == "__main__":
    sys.exit(main())
