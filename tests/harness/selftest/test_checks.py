"""The self-test passes on this stack, and an injected fault is pinned to the stage that it sits in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.extractors.base import Setting
from harness.selftest.checks import all_checks
from harness.selftest.report import Outcome, first_moved, run_checks
from harness.weights import WeightsPolicy

torch = pytest.importorskip("torch")
import open_clip  # noqa: E402
import open_clip.transformer  # noqa: E402
from torch.nn import functional  # noqa: E402

MonkeyPatch = pytest.MonkeyPatch


def _outcomes(without: str = "against committed vectors", setting: Setting | None = None) -> list[Outcome]:
    checks = all_checks(setting or Setting())
    return run_checks(check for check in checks if not without or without not in check.name)


def _drifts(outcomes: list[Outcome]) -> dict[str, set[str]]:
    moved: dict[str, set[str]] = {}
    for outcome in outcomes:
        if outcome.status == "drift":
            moved.setdefault(outcome.stage, set()).add(outcome.check)
    return moved


def _ten_bits(values: Any) -> Any:
    """Rounded to TF32's 10 bits of mantissa."""
    mantissa, exponent = torch.frexp(values)
    return torch.ldexp(torch.round(mantissa * 2**11) / 2**11, exponent)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    for variable in ("HOME", "DRAWBENCH_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("DRAWBENCH_WEIGHTS", raising=False)


def test_this_stack_has_not_moved_and_what_cannot_run_is_skipped_by_name() -> None:
    outcomes = _outcomes(without="")
    assert _drifts(outcomes) == {}
    assert first_moved(outcomes) is None
    skipped = {outcome.check: str(outcome.why) for outcome in outcomes if outcome.status == "skipped"}
    assert any("dinov2_b14" in name and "DINOv2 ViT-B/14" in why for name, why in skipped.items())
    assert sum("clip ViT-B/16" in name for name in skipped) == 3
    assert {o.stage for o in outcomes if o.status == "ok"} == {
        "decode",
        "resize",
        "tokenise",
        "features",
        "metric",
    }


def _no_turning(patch: MonkeyPatch) -> None:
    patch.setattr("harness.decode.ImageOps.exif_transpose", lambda picture: picture)


def _black_behind(patch: MonkeyPatch) -> None:
    new = Image.new
    patch.setattr(Image, "new", lambda mode, size, colour=0: new(mode, size, "black"))


def _bilinear_pillow(patch: MonkeyPatch) -> None:
    resize = Image.Image.resize
    patch.setattr(
        Image.Image,
        "resize",
        lambda self, size, *_, **__: resize(self, size, Image.Resampling.BILINEAR),
    )


def _antialiased_torch(patch: MonkeyPatch) -> None:
    interpolate = functional.interpolate

    def antialiased(*arguments: Any, **options: Any) -> Any:
        return interpolate(*arguments, **(options | {"antialias": True}))

    patch.setattr(functional, "interpolate", antialiased)


def _aligned_corners(patch: MonkeyPatch) -> None:
    grid_sample = functional.grid_sample
    patch.setattr(
        functional,
        "grid_sample",
        lambda *arguments, **options: grid_sample(*arguments, **(options | {"align_corners": True})),
    )


def _no_end_mark(patch: MonkeyPatch) -> None:
    """torchmetrics' way until its pull request 2883: tokenise without a limit, cut at 77."""
    get_tokenizer = open_clip.get_tokenizer

    def cut(name: str) -> Any:
        tokenizer = get_tokenizer(name)
        return lambda texts: tokenizer(texts, context_length=500)[:, :77]

    patch.setattr(open_clip, "get_tokenizer", cut)


def _approximate_gelu(patch: MonkeyPatch) -> None:
    gelu = functional.gelu
    patch.setattr(functional, "gelu", lambda x: gelu(x, approximate="tanh"))


def _gelu_for_quickgelu(patch: MonkeyPatch) -> None:
    patch.setattr(open_clip.transformer, "QuickGELU", torch.nn.GELU)


def _rounded_convolution(patch: MonkeyPatch) -> None:
    conv2d = functional.conv2d
    patch.setattr(functional, "conv2d", lambda x, w, *a, **k: conv2d(_ten_bits(x), _ten_bits(w), *a, **k))


def _rounded_product(patch: MonkeyPatch) -> None:
    matmul = torch.matmul
    patch.setattr(torch, "matmul", lambda a, b: matmul(_ten_bits(a), _ten_bits(b)))


def _divided_by_n(patch: MonkeyPatch) -> None:
    from harness.moments import Moments

    own = Moments.covariance.fget  # type: ignore[attr-defined]
    patch.setattr(Moments, "covariance", property(lambda self: own(self) * (self.n - 1) / self.n))


def _complex_root(patch: MonkeyPatch) -> None:
    patch.setattr("harness.metrics.frechet.root_trace", lambda matrix: float("nan"))


def _normal_quantile(patch: MonkeyPatch) -> None:
    patch.setattr("harness.stats.means.t_quantile", lambda level, freedom: 1.959964)


def _biased_kernel_mean(patch: MonkeyPatch) -> None:
    """Each picture's kernel with itself counted as well."""
    from harness.metrics.mmd import mmd

    def biased(*sides: Any, **options: Any) -> Any:
        return mmd(*sides, **(options | {"unbiased": False}))

    patch.setattr("harness.metrics.kid.mmd", biased)


def _single_precision_distances(patch: MonkeyPatch) -> None:
    from harness.metrics.neighbours import squared_distances

    def single(x: Any, y: Any) -> Any:
        return squared_distances(x.astype(np.float32), y.astype(np.float32))

    for place in ("neighbours", "manifold"):
        patch.setattr(f"harness.metrics.{place}.squared_distances", single)


def _logarithm_to_base_two(patch: MonkeyPatch) -> None:
    from harness.metrics.inception_score import _probabilities

    def bits(outputs: Any, kind: Any) -> Any:
        p, log_p = _probabilities(outputs, kind)
        return p, log_p / np.log(2)

    patch.setattr("harness.metrics.inception_score._probabilities", bits)


def _swapped_sides(patch: MonkeyPatch) -> None:
    from harness.metrics.manifold import manifolds

    def swapped(x: Any, y: Any, k: int, clusters: Any, **options: Any) -> Any:
        return manifolds(y, x, k, np.arange(len(y)), **options)

    patch.setattr("harness.metrics.manifold.manifolds", swapped)


Inject = Callable[[MonkeyPatch], None]


@pytest.mark.parametrize(
    ("inject", "stage", "check"),
    [
        (_no_turning, "decode", "png-exif-rotated"),
        (_black_behind, "decode", "png-alpha"),
        (_bilinear_pillow, "resize", "Pillow bicubic in float (clean-fid's clean), shrink"),
        (_antialiased_torch, "resize", "torch bilinear, no antialias (legacy_pytorch), shrink"),
        (_aligned_corners, "resize", "TensorFlow 1 bilinear by torch's grid_sample, enlarge"),
        (_no_end_mark, "tokenise", "CLIP: the end mark of a long text is kept"),
        (_approximate_gelu, "features", "layers: GELU"),
        (_gelu_for_quickgelu, "features", "layers: QuickGELU of OpenAI's CLIP"),
        (_rounded_convolution, "features", "layers: convolution 3 x 3, channels last"),
        (_rounded_product, "features", "layers: matrix product, 256 terms"),
        (_divided_by_n, "metric", "sums over shards are the sums of the whole"),
        (_complex_root, "metric", "Fréchet distance below full rank, closed form"),
        (_normal_quantile, "metric", "Student's interval of 1..5"),
        (_biased_kernel_mean, "metric", "KID, closed form"),
        (_single_precision_distances, "metric", "precision, recall, density, coverage far from the origin"),
        (_logarithm_to_base_two, "metric", "Inception Score of sure, mixed and equal classes"),
        (_swapped_sides, "metric", "precision, recall, density, coverage of points on a line"),
    ],
)
def test_a_fault_is_pinned_to_its_stage_and_to_no_other(
    monkeypatch: MonkeyPatch, inject: Inject, stage: str, check: str
) -> None:
    with monkeypatch.context() as patch:
        inject(patch)
        outcomes = _outcomes()
    moved = _drifts(outcomes)
    assert set(moved) == {stage}
    assert check in moved[stage]
    assert first_moved(outcomes) == stage


def test_of_two_faults_the_earlier_stage_is_named(monkeypatch: MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _divided_by_n(patch)
        _bilinear_pillow(patch)
        outcomes = _outcomes()
    assert set(_drifts(outcomes)) == {"resize", "metric"}
    assert first_moved(outcomes) == "resize"


def test_a_shipped_network_in_lower_precision_is_seen(monkeypatch: MonkeyPatch) -> None:
    checks = [c for c in all_checks(Setting()) if c.name.startswith("effnet_lite0")]
    assert run_checks(checks)[0].status == "ok"
    with monkeypatch.context() as patch:
        _rounded_convolution(patch)
        (outcome,) = run_checks(checks)
    assert outcome.status == "drift"
    assert outcome.drift is not None
    assert outcome.drift > 3 * outcome.tolerance


def test_weights_that_are_there_are_held_to_published_values(tmp_path: Path) -> None:
    """A random DINOv2 under the real one's name runs, and has another checksum."""
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14
    )
    Dinov2Model(config).save_pretrained(tmp_path / "dinov2-base")
    setting = Setting(WeightsPolicy(tmp_path))
    (outcome,) = run_checks(c for c in all_checks(setting) if c.name.startswith("dinov2_b14"))
    assert outcome.status == "drift"
    assert outcome.expected == pytest.approx(-34.6249580383)
    assert outcome.got is not None
    assert np.isfinite(outcome.got)
