"""How well a picture fits its caption without CLIP: a stand-in for the CLIP score."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Inputs
from harness.rows import Vectors
from harness.types import Direction

TOP_CLASSES = 10
TEMPLATE = "a photo of a {}"


@dataclass(frozen=True)
class AlignConse:
    """Stand-in for a CLIP score from EfficientNet-Lite0 and MiniLM, without training (ConSE).

    Norouzi et al. 2013, "Zero-shot learning by convex combination of semantic embeddings": a picture's
    vector is the mean of the sentence vectors of its 10 likeliest ImageNet classes, weighted by their
    probabilities, which are averaged over the whole picture and its four halves; picture and caption are
    taken relative to the mean over all 1000 classes. The score is 100 * cosine. It sees which objects are
    there, hardly colour, number or place, and is not comparable with a CLIP score.
    """

    name: str = "align_conse"
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ("effnet_lite0", "effnet_lite0_halves")
    text_extractors: tuple[str, ...] = ("minilm",)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (-100.0, 100.0)

    def identity(self, inputs: Inputs) -> str:
        """`align_conse[image extractor|views|text extractor|top10|classes:hash|x100|file type]`."""
        names = hashlib.sha256("\n".join(_class_sentences()).encode()).hexdigest()[:8]
        parts = (
            inputs.identities["effnet_lite0"],
            "whole+4-halves",
            inputs.identities["text:minilm"],
            f"top{TOP_CLASSES}",
            f"classes:{names}",
            "x100",
            inputs.file_type,
        )
        return f"{self.name}[{'|'.join(parts)}]"

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """100 * cosine for each picture, (n,), in -100..100."""
        from harness.extractors.effnet import PROBABILITIES

        classes = inputs.embed("minilm", _class_sentences())
        captions = inputs.embed("minilm", inputs.captions)
        whole = inputs.features["effnet_lite0"][:, PROBABILITIES]
        parts = np.asarray(inputs.features["effnet_lite0_halves"])
        return 100.0 * conse(((whole + 4 * parts) / 5).astype(np.float32), classes, captions)


def conse(
    probabilities: Vectors, classes: Vectors, captions: Vectors, top: int = TOP_CLASSES
) -> NDArray[np.float64]:
    """Cosine of each picture with its caption in ConSE's space, (n,), in -1..1.

    `probabilities` (n, K) over classes, `classes` (K, d) their sentence vectors, `captions` (n, d). Equal
    probabilities at the edge of the `top` are broken by the lower index.
    """
    p = probabilities.astype(np.float64)
    centre = classes.mean(0, dtype=np.float64)
    dropped = np.argsort(-p, axis=1, kind="stable")[:, top:]
    np.put_along_axis(p, dropped, 0.0, axis=1)
    p /= p.sum(1, keepdims=True)
    return cosines(p @ (classes - centre), captions - centre)


def cosines(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Cosine between the rows of a and b, both (n, d); (n,) in fp64. A row of zeros gives 0."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    dots = np.einsum("nd,nd->n", x, y)
    cosine: NDArray[np.float64] = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    return cosine.clip(-1.0, 1.0)


def _class_sentences() -> list[str]:
    from harness.extractors.effnet import class_names

    return [TEMPLATE.format(name) for name in class_names()]
