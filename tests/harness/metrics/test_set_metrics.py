"""The names of set metrics: what each stands for."""

from __future__ import annotations

from harness.metrics import find_metric
from harness.metrics.base import SetMetric, describe
from harness.metrics.set_metrics import SET_METRICS

FEATURES = {
    "fid": ("inception", None),
    "fid_legacy_pytorch": ("inception_pytorch", None),
    "fid_legacy_tensorflow": ("inception_tensorflow", None),
    "fid_torch_fidelity": ("inception_fidelity", (0, 2048)),
    "fid_infinity": ("inception", None),
    "kid": ("inception", None),
    "kid_torch_fidelity": ("inception_fidelity", (0, 2048)),
    "inception_score": ("inception_fidelity", (2048, 3056)),
    "precision": ("inception", None),
    "recall": ("inception", None),
    "precision_k5": ("inception", None),
    "recall_k5": ("inception", None),
    "density": ("inception", None),
    "coverage": ("inception", None),
    "fd_dinov2": ("dinov2", None),
    "cmmd": ("clip_l14_336", None),
    "fd_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "fd_infinity_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "kid_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "class_score_effnet_lite0": ("effnet_lite0", (1280, 2280)),
    "precision_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "recall_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "density_effnet_lite0": ("effnet_lite0", (0, 1280)),
    "coverage_effnet_lite0": ("effnet_lite0", (0, 1280)),
}


def test_each_name_is_found_and_looks_at_its_features() -> None:
    found = {metric.name: metric for metric in SET_METRICS}
    assert set(found) == set(FEATURES)
    for name, (extractor, part) in FEATURES.items():
        metric = find_metric(name)
        assert isinstance(metric, SetMetric)
        assert metric is found[name]
        assert (metric.image_extractors, metric.text_extractors) == ((extractor,), ())
        assert getattr(metric, "part", None) == part


def test_directions_bounds_and_what_they_need() -> None:
    higher = ("inception_score", "class_score", "precision", "recall", "density", "coverage")
    for metric in SET_METRICS:
        assert metric.direction == ("higher" if metric.name.startswith(higher) else "lower")
        assert metric.needs_reference == ("score" not in metric.name)
        share = metric.name.startswith(("precision", "recall", "coverage"))
        assert (metric.bounds == (0.0, 1.0)) == share
        statistics_do = metric.name.startswith(("fid", "fd_")) or "score" in metric.name
        assert getattr(metric, "needs_reference_rows", None) == (not statistics_do)


def test_k_is_in_the_description() -> None:
    assert "3 nearest" in describe(find_metric("precision")).summary
    assert "5 nearest" in describe(find_metric("precision_k5")).summary
    assert "5 nearest" in describe(find_metric("coverage")).summary
