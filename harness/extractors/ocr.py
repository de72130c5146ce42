"""Reads the writing in pictures by PP-OCR through rapidocr-onnxruntime, which brings its weights along."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.decode import RgbImage
from harness.extractors.base import Setting
from harness.weights import file_sha256

PACKAGE = "rapidocr-onnxruntime"
_MODULE = "rapidocr_onnxruntime"
SURE = 0.5
"""Lines that the reader is less sure of are not told."""


class Ocr:
    """What is written in a picture: a list of [text, confidence 0..1, corners], in reading order.

    The four corners are [x, y] in pixels, clockwise from the upper left. Runs on the CPU, one picture at a
    time.
    """

    name = "ocr"

    def __init__(self, reader: Any, identity: str) -> None:
        self._reader = reader
        self.identity = identity

    def observe_images(self, images: Sequence[RgbImage]) -> list[Any]:
        """See ImageObserver."""
        return [self._read(image) for image in images]

    def _read(self, image: RgbImage) -> list[Any]:
        lines, _ = self._reader(image[..., ::-1].copy())  # it takes arrays as blue, green, red
        return [
            [str(text), round(float(sure), 4), [[round(float(v), 1) for v in corner] for corner in box]]
            for box, text, sure in lines or ()
        ]


def missing(setting: Setting) -> str | None:
    """What is lacking: the package, as one line, or None."""
    if importlib.util.find_spec(_MODULE) is None:
        return f"reading text needs the package {PACKAGE}; install it with: pip install {PACKAGE}"
    return None


def build(setting: Setting) -> Ocr:
    """Builds the reader with the weights in its package."""
    module = importlib.import_module(_MODULE)
    folder = Path(str(module.__file__)).parent / "models"
    weights = "+".join(file_sha256(file)[:8] for file in sorted(folder.glob("*.onnx")))
    # One thread: how sums are shared out among several moves the last digits of a confidence.
    reader = module.RapidOCR(text_score=SURE, intra_op_num_threads=1, inter_op_num_threads=1)
    return Ocr(reader, f"{PACKAGE}-{version(PACKAGE)}|{weights}|t{SURE:g}")
