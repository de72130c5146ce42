"""The set metrics there are by name: which distance on which extractor's columns."""

from __future__ import annotations

from harness.extractors.effnet import POOLED
from harness.metrics.base import SetMetric
from harness.metrics.distance import FrechetMetric

_EFFNET = (POOLED.start, POOLED.stop)
_FIDELITY_POOL = (0, 2048)

SET_METRICS: tuple[SetMetric, ...] = (
    FrechetMetric(name="fid", extractor="inception"),
    FrechetMetric(name="fid_legacy_pytorch", extractor="inception_pytorch"),
    FrechetMetric(name="fid_legacy_tensorflow", extractor="inception_tensorflow"),
    FrechetMetric(name="fid_torch_fidelity", extractor="inception_fidelity", part=_FIDELITY_POOL),
    FrechetMetric(name="fd_dinov2", extractor="dinov2"),
    FrechetMetric(name="fd_effnet_lite0", extractor="effnet_lite0", part=_EFFNET),
)
