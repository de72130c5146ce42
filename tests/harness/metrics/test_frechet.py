"""The Fréchet distance: closed forms, laws, and agreement with a general matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from harness import moments
from harness.metrics import frechet
from harness.metrics.frechet import (
    Generated,
    Reference,
    factor,
    frechet_distance,
    frechet_from_features,
    jackknife_interval,
)
from harness.moments import Moments
from harness.rows import LazyRows, chunks

_SEEDS = st.integers(0, 2**32 - 1)


def _features(seed: int, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d)) / np.sqrt(d)
    return (rng.normal(size=(n, d)) @ mix + rng.normal(size=d)).astype(np.float32)


def _by_general_square_root(x: np.ndarray, y: np.ndarray) -> float:
    c1, c2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(0, dtype=np.float64) - y.mean(0, dtype=np.float64)
    root = linalg.sqrtm(c1 @ c2)
    return float(gap @ gap + np.trace(c1) + np.trace(c2) - 2 * np.trace(root).real)


def test_diagonal_closed_form() -> None:
    # sum of squared mean differences 12, plus (1-2)^2 + (2-2)^2 + (3-1)^2
    value = frechet_distance(np.zeros(3), np.diag([1.0, 4.0, 9.0]), np.full(3, 2.0), np.diag([4.0, 4.0, 1.0]))
    assert value == pytest.approx(17.0, abs=1e-12)


def test_rank_one_covariances_closed_form() -> None:
    # C1 = aa', C2 = bb': the trace of (C1 C2)^(1/2) is |a.b|
    a, b = np.array([3.0, 4.0, 0.0]), np.array([1.0, 0.0, 2.0])
    value = frechet_distance(np.zeros(3), np.outer(a, a), np.zeros(3), np.outer(b, b))
    assert value == pytest.approx(25 + 5 - 2 * 3, abs=1e-6)


@given(_SEEDS, st.integers(2, 40), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_a_set_is_at_no_distance_from_itself(seed: int, n: int, d: int) -> None:
    x = _features(seed, n, d)
    scale = float(np.trace(Moments.of(x).covariance))
    assert 0 <= frechet_from_features(x, x) <= 1e-6 * (scale + 1)


@given(_SEEDS, st.integers(2, 40), st.integers(2, 40), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_symmetry(seed: int, n: int, m: int, d: int) -> None:
    x, y = _features(seed, n, d), _features(seed + 1, m, d)
    assert frechet_from_features(x, y) == pytest.approx(frechet_from_features(y, x), rel=1e-6, abs=1e-5)


@given(_SEEDS, st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_order_of_pictures_and_of_features_does_not_matter(seed: int, random) -> None:  # type: ignore[no-untyped-def]
    x, y = _features(seed, 20, 6), _features(seed + 1, 9, 6)
    rows, columns = list(range(20)), list(range(6))
    random.shuffle(rows)
    random.shuffle(columns)
    mixed = frechet_from_features(x[rows][:, columns], y[:, columns])
    assert mixed == pytest.approx(frechet_from_features(x, y), rel=1e-6, abs=1e-6)


@given(_SEEDS, st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=30, deadline=None)
def test_sums_of_shards_merge_to_the_sums_of_the_whole(seed: int, cuts: list[int]) -> None:
    x = _features(seed, 30, 5)
    whole = Moments.of(x)
    merged = Moments(0, np.zeros(5), np.zeros((5, 5)))
    for shard in np.split(x, sorted(cuts)):
        merged = merged + Moments.of(shard)
    assert merged.n == whole.n
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-10, atol=1e-10)
    rest = whole - Moments.of(x[:7])
    np.testing.assert_allclose(rest.covariance, np.cov(x[7:].astype(float), rowvar=False), atol=1e-9)


@pytest.mark.parametrize(("n", "m"), [(60, 50), (200, 400)])
def test_agrees_with_the_general_square_root_where_that_is_well_conditioned(n: int, m: int) -> None:
    x, y = _features(1, n, 16), _features(2, m, 16)
    expected = _by_general_square_root(x, y)
    assert frechet_from_features(x, y) == pytest.approx(expected, rel=1e-6)
    a, b = Moments.of(x), Moments.of(y)
    assert frechet_distance(a.mean, a.covariance, b.mean, b.covariance) == pytest.approx(expected, rel=1e-6)


def test_agrees_with_clean_fids_own_distance() -> None:
    fid = pytest.importorskip("cleanfid.fid")
    x, y = _features(3, 80, 12), _features(4, 70, 12)
    try:
        expected = fid.fid_from_feats(x, y)
    except TypeError:
        pytest.skip("this SciPy has no sqrtm(disp=), which clean-fid calls")
    assert frechet_from_features(x, y) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n", [2, 5, 31, 32, 33])
def test_fewer_pictures_than_dimensions_is_finite_and_right(n: int) -> None:
    """The small matrix (n, n) and the large one (d, d) must give one number, whichever is used."""
    x, y = _features(5, n, 32), _features(6, 100, 32)
    a, b = Moments.of(x), Moments.of(y)
    plain = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert np.isfinite(plain)
    assert Generated(x, Reference.of(y)).dual == (n < 32)
    assert frechet_from_features(x, y) == pytest.approx(plain, rel=1e-6, abs=1e-5)
    assert frechet_from_features(y, x) == pytest.approx(plain, rel=1e-6, abs=1e-5)


def test_both_sides_rank_deficient() -> None:
    x, y = _features(7, 6, 40), _features(8, 9, 40)
    exact = np.linalg.svd(
        (x - x.mean(0)) @ (y - y.mean(0)).T / np.sqrt(5 * 8), compute_uv=False
    ).sum()  # the trace of the root is the nuclear norm of the centred cross product
    a, b = Moments.of(x), Moments.of(y)
    gap = a.mean - b.mean
    expected = gap @ gap + np.trace(a.covariance) + np.trace(b.covariance) - 2 * exact
    assert frechet_from_features(x, y) == pytest.approx(expected, rel=1e-5)


def test_bias_at_small_numbers_is_the_known_one() -> None:
    """Two samples of one N(0, I64): 9.21 at n = 128 and 2.24 at 512 against 30,000 (known figures)."""
    rng = np.random.RandomState(0)  # the figures were made with this generator
    reference = Reference(30_000, np.zeros(64), np.eye(64))
    for n, expected in ((128, 9.2), (512, 2.2)):
        assert Generated(rng.randn(n, 64), reference).distance() == pytest.approx(expected, abs=0.4)


@given(_SEEDS, st.sampled_from([(12, 30), (40, 8)]))
@settings(max_examples=20, deadline=None)
def test_leaving_rows_out_is_the_distance_of_the_rest(seed: int, shape: tuple[int, int]) -> None:
    x, y = _features(seed, *shape), _features(seed + 1, 50, shape[1])
    out = np.random.default_rng(seed).choice(shape[0], size=4, replace=False)
    left = Generated(x, Reference.of(y)).distance(out)
    assert left == pytest.approx(frechet_from_features(np.delete(x, out, 0), y), rel=1e-6, abs=1e-6)


def test_interval_covers_the_mean_of_repeated_draws() -> None:
    d, n, runs = 10, 60, 150
    spread = 1 / np.sqrt(np.arange(1, d + 1))
    reference = Reference(1000, np.zeros(d), np.diag(spread**2))
    rng = np.random.default_rng(0)
    clusters = np.arange(n) // 2
    values, intervals = [], []
    for _ in range(runs):
        shared = rng.normal(size=(n // 2, d)).repeat(2, 0)
        x = (0.7 * shared + 0.7 * rng.normal(size=(n, d))) * spread * 1.4 + 0.1
        value, interval = jackknife_interval(Generated(x, reference), clusters)
        values.append(value)
        intervals.append(interval)
    expected = float(np.mean(values))
    covered = np.mean([i.low <= expected <= i.high for i in intervals])
    assert 0.89 <= covered <= 0.99


def test_interval_is_seeded_and_says_so_when_it_cannot_be_made() -> None:
    generated = Generated(_features(1, 30, 4), Reference.of(_features(2, 30, 4)))
    first = jackknife_interval(generated, np.arange(30), max_groups=5, seed=1)
    assert first == jackknife_interval(generated, np.arange(30), max_groups=5, seed=1)
    assert first != jackknife_interval(generated, np.arange(30), max_groups=5, seed=2)
    _, single = jackknife_interval(generated, np.zeros(30, dtype=int))
    assert np.isnan(single.low)
    assert "no interval" in single.method


def test_bad_features_are_refused() -> None:
    reference = Reference.of(_features(1, 10, 4))
    with pytest.raises(ValueError, match="at least 2"):
        Generated(_features(1, 1, 4), reference)
    with pytest.raises(ValueError, match="do not fit"):
        Generated(_features(1, 9, 5), reference)
    with pytest.raises(ValueError, match="NaN"):
        Moments.of(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="NaN"):
        Generated(np.full((3, 4), np.inf), reference)
    with pytest.raises(ValueError, match="NaN"):
        frechet_distance(np.full(2, np.nan), np.eye(2), np.zeros(2), np.eye(2))
    with pytest.raises(ValueError, match="at least 2"):
        Moments.of(_features(1, 1, 4)).covariance  # noqa: B018 - the property itself must refuse


def test_diagonal_covariances_to_eight_digits() -> None:
    rng = np.random.default_rng(0)
    a, b, gap = rng.random(50), rng.random(50), rng.normal(size=50)
    expected = float(gap @ gap + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum())
    assert frechet_distance(np.zeros(50), np.diag(a), gap, np.diag(b)) == pytest.approx(expected, rel=1e-8)


def test_agrees_with_pytorch_fids_own_distance() -> None:
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    a, b = Moments.of(_features(3, 80, 12)), Moments.of(_features(4, 70, 12))
    try:
        expected = fid_score.calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    except TypeError:
        pytest.skip("this SciPy has no sqrtm(disp=), which pytorch-fid calls")
    found = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    assert found == pytest.approx(float(expected), rel=1e-8)


def test_agrees_with_torch_fidelitys_own_distance() -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_fid")
    x, y = _features(3, 80, 12).astype(np.float64), _features(4, 70, 12).astype(np.float64)
    stats = [{"mu": z.mean(0), "sigma": np.cov(z, rowvar=False)} for z in (x, y)]
    expected = theirs.fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
    assert frechet_from_features(x, y) == pytest.approx(expected, rel=1e-8)


def test_agrees_with_torchmetrics_distance_from_its_sums() -> None:
    torch = pytest.importorskip("torch")
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Passed(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A network of theirs to be: pictures (n, 3, 4, 4) are their own 48 features."""

        num_features = 48

        def forward(self, x: object) -> object:
            return x.flatten(1).double()  # type: ignore[attr-defined]

    x, y = _features(3, 120, 48), _features(4, 110, 48)
    metric = fid.FrechetInceptionDistance(
        Passed(), normalize=False, input_img_size=(3, 4, 4), antialias=False
    )
    metric.set_dtype(torch.float64)
    for rows, real in ((y, True), (x, False)):
        for part in np.array_split(rows, 3):  # its sums go by batches, ours by pieces
            metric.update(torch.tensor(part).reshape(-1, 3, 4, 4), real=real)
    assert frechet_from_features(x, y) == pytest.approx(float(metric.compute()), rel=1e-8)


def test_features_are_read_in_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the whole table at once where there are more pictures than dimensions."""
    x, y = _features(1, 90, 6), _features(2, 80, 6)
    asked: list[int] = []

    def fetch(places: np.ndarray) -> np.ndarray:
        asked.append(places.size)
        return x[places]

    rows = LazyRows((90, 6), fetch)
    whole = jackknife_interval(Generated(x, Reference.of(y)), np.arange(90))
    for module in (frechet, moments):
        monkeypatch.setattr(module, "chunks", lambda rows: chunks(rows, 7))
    value, interval = jackknife_interval(Generated(rows, Reference.of(y)), np.arange(90))
    assert max(asked) == 7
    assert (value, interval.low, interval.high) == pytest.approx((whole[0], whole[1].low, whole[1].high))


def test_reference_from_sums_is_that_from_features() -> None:
    x, y = _features(1, 40, 6), _features(2, 30, 6)
    merged = Reference.from_moments(Moments.of(y[:11]) + Moments.of(y[11:]))
    assert Generated(x, merged).distance() == pytest.approx(frechet_from_features(x, y), rel=1e-9)


def test_constant_features() -> None:
    ones, zeros = np.ones((5, 3), np.float32), np.zeros((4, 3), np.float32)
    assert frechet_from_features(ones, ones) == 0
    assert frechet_from_features(ones, zeros) == pytest.approx(3, abs=1e-12)
    spread = _features(1, 50, 3)
    expected = Moments.of(spread)
    assert frechet_from_features(spread, zeros) == pytest.approx(
        expected.mean @ expected.mean + np.trace(expected.covariance), rel=1e-9
    )
    value, interval = jackknife_interval(Generated(ones, Reference.of(zeros)), np.arange(5))
    assert value == interval.low == interval.high == pytest.approx(3)


@pytest.mark.parametrize("n", [2, 3])
def test_two_pictures(n: int) -> None:
    x, y = _features(1, n, 40), _features(2, 2, 40)
    assert frechet_from_features(x, x) == pytest.approx(0, abs=1e-9)
    value, interval = jackknife_interval(Generated(x, Reference.of(y)), np.arange(n))
    assert value > 0
    assert np.isnan(interval.low)


def test_a_factor_times_itself_is_the_covariance() -> None:
    full, short = Moments.of(_features(1, 90, 20)).covariance, Moments.of(_features(1, 9, 20)).covariance
    for covariance in (full, short, np.zeros((3, 3))):
        root = factor(covariance)
        np.testing.assert_allclose(root @ root.T, covariance, atol=1e-10)
    assert factor(full).shape == (20, 20)
    assert factor(short).shape[1] <= 9 or np.linalg.matrix_rank(factor(short)) == 8
