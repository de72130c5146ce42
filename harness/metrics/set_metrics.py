"""The set metrics there are by name: which number on which extractor's columns.

Names end in the extractor where it is not Inception, as numbers on other features compare with nothing
published as FID, KID, Inception Score or the like.
"""

from __future__ import annotations

from harness.extractors.effnet import POOLED, PROBABILITIES
from harness.metrics.base import SetMetric
from harness.metrics.cmmd import Cmmd
from harness.metrics.distance import FrechetMetric
from harness.metrics.fid_infinity import FidInfinity
from harness.metrics.inception_score import InceptionScore
from harness.metrics.kid import KidMetric, KidSubsetsMetric
from harness.metrics.manifold import ManifoldMetric, Quantity

_EFFNET = (POOLED.start, POOLED.stop)
_FIDELITY_POOL, _FIDELITY_LOGITS = (0, 2048), (2048, 3056)
_SUMMARIES: dict[Quantity, str] = {
    "precision": "share of pictures among the reference pictures' {k} nearest neighbours",
    "recall": "share of reference pictures among the pictures' {k} nearest neighbours",
    "density": "how many reference neighbourhoods ({k} nearest) hold a picture, over {k}",
    "coverage": "share of reference neighbourhoods ({k} nearest) that hold a picture",
}


def _manifold(
    quantity: Quantity, k: int, suffix: str, extractor: str, part: tuple[int, int] | None = None
) -> ManifoldMetric:
    bounds = None if quantity == "density" else (0.0, 1.0)
    summary = _SUMMARIES[quantity].format(k=k)
    return ManifoldMetric(
        name=f"{quantity}{suffix}",
        extractor=extractor,
        part=part,
        summary=f"{quantity.capitalize()}: {summary}.",
        quantity=quantity,
        k=k,
        bounds=bounds,
    )


SET_METRICS: tuple[SetMetric, ...] = (
    FrechetMetric(name="fid", extractor="inception"),
    FrechetMetric(name="fid_legacy_pytorch", extractor="inception_pytorch"),
    FrechetMetric(name="fid_legacy_tensorflow", extractor="inception_tensorflow"),
    FrechetMetric(name="fid_torch_fidelity", extractor="inception_fidelity", part=_FIDELITY_POOL),
    FrechetMetric(name="fd_dinov2", extractor="dinov2"),
    FrechetMetric(name="fd_effnet_lite0", extractor="effnet_lite0", part=_EFFNET),
    FidInfinity(name="fid_infinity", extractor="inception"),
    FidInfinity(name="fd_infinity_effnet_lite0", extractor="effnet_lite0", part=_EFFNET),
    KidMetric(name="kid", extractor="inception"),
    KidMetric(name="kid_effnet_lite0", extractor="effnet_lite0", part=_EFFNET),
    KidSubsetsMetric(name="kid_torch_fidelity", extractor="inception_fidelity", part=_FIDELITY_POOL),
    Cmmd(bounds=(0.0, 2000.0)),
    InceptionScore(
        name="inception_score", extractor="inception_fidelity", part=_FIDELITY_LOGITS, bounds=(1.0, 1008.0)
    ),
    InceptionScore(
        name="class_score_effnet_lite0",
        extractor="effnet_lite0",
        part=(PROBABILITIES.start, PROBABILITIES.stop),
        outputs="probabilities",
        bounds=(1.0, 1000.0),
        summary="Inception Score's formula on EfficientNet-Lite0's class probabilities, 10 splits.",
    ),
    _manifold("precision", 3, "", "inception"),
    _manifold("recall", 3, "", "inception"),
    _manifold("precision", 5, "_k5", "inception"),
    _manifold("recall", 5, "_k5", "inception"),
    _manifold("density", 5, "", "inception"),
    _manifold("coverage", 5, "", "inception"),
    _manifold("precision", 3, "_effnet_lite0", "effnet_lite0", _EFFNET),
    _manifold("recall", 3, "_effnet_lite0", "effnet_lite0", _EFFNET),
    _manifold("density", 5, "_effnet_lite0", "effnet_lite0", _EFFNET),
    _manifold("coverage", 5, "_effnet_lite0", "effnet_lite0", _EFFNET),
)
