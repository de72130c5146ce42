"""Known bugs of other codes: distances between sets, their numerics and their reference pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import linalg

from drawbench.errors import InputError
from harness.extractors import find_spec
from harness.extractors.base import ImageExtractor, Setting
from harness.framing import Framing
from harness.metrics import find_metric
from harness.metrics.base import Estimate, SetMetric
from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import KidSubsetsMetric
from harness.metrics.sides import OnFeatures
from harness.moments import Moments
from harness.reference import ReferenceSource, load_reference, reference_files
from harness.reference_build import ReferencePlan, build_reference
from harness.reference_stats import StatsHead, read_head
from harness.rows import as_rows
from harness.score import score_samples
from harness.score_plan import ScorePlan

from .conftest import FidOf, MakeSamples, inputs_of_rows, noise


def _extractor() -> ImageExtractor:
    built = find_spec("effnet_lite0").build(Setting())
    assert isinstance(built, ImageExtractor)
    return built


@pytest.fixture
def reference_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    for i, picture in enumerate(noise(9, *[(32, 32)] * 9)):
        Image.fromarray(picture).save(folder / f"{i}.png")
    return folder


def _scored(made: tuple, folder: Path, n: int | None = None):  # type: ignore[type-arg,no-untyped-def]
    root, samples, prompts = made
    plan = ScorePlan(("fd_effnet_lite0",), ReferenceSource("folder", str(folder), n=n))
    (score,) = score_samples(samples, prompts, root, plan).scores
    return score


def test_3a_2_a_distance_says_against_what_and_how_many(
    make_samples: MakeSamples, reference_folder: Path
) -> None:
    """COCO FID of 134, 40, 33 and 19 for one model: set and number of the reference were unstated."""
    score = _scored(make_samples(noise(0, *[(32, 32)] * 5)), reference_folder)
    assert "|pictures:" in score.identity
    assert "|ref_n=9|" in score.identity
    assert score.n == 5


def test_3a_3_two_numbers_of_reference_pictures_are_two_identities(
    make_samples: MakeSamples, reference_folder: Path
) -> None:
    """Two protocols are called "30k"."""
    made = make_samples(noise(0, *[(32, 32)] * 5))
    whole, part = _scored(made, reference_folder), _scored(made, reference_folder, n=6)
    assert "|ref_n=6|" in part.identity
    assert part.identity != whole.identity
    assert part.value != whole.value


def test_3a_5_another_choice_of_reference_pictures_is_another_identity(
    make_samples: MakeSamples, reference_folder: Path
) -> None:
    """ "Highly dependent on which 30k images are selected": the same number, other pictures."""
    made = make_samples(noise(0, *[(32, 32)] * 5))
    before = _scored(made, reference_folder)
    Image.fromarray(noise(10, (32, 32))[0]).save(reference_folder / "3.png")
    after = _scored(made, reference_folder)
    assert after.identity != before.identity
    assert after.value != before.value


@pytest.mark.parametrize("smallest", [1e-3, 1e-9, 1e-16, 0.0])
def test_3a_9_nearly_singular_covariances_give_a_real_number(smallest: float) -> None:
    """A general matrix square root gave `Imaginary component 4e125`."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    a = np.r_[np.full(20, smallest), np.geomspace(1e-6, 1e4, 40)]
    b = np.r_[np.geomspace(1e4, 1e-8, 40), np.full(20, smallest)]
    value = frechet_distance(
        np.zeros(60), (rotation * a) @ rotation.T, np.zeros(60), (rotation * b) @ rotation.T
    )
    assert value == pytest.approx(float(((np.sqrt(a) - np.sqrt(b)) ** 2).sum()), rel=1e-6)


def test_3a_10_no_matrix_square_root_of_scipy_is_used(fid_of: FidOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy 1.18 took the argument `disp` away that other codes call it with."""
    x, y = np.random.default_rng(0).normal(size=(2, 40, 8))
    before = fid_of(x, y)

    def removed(*arguments: object, **named: object) -> None:
        raise TypeError("sqrtm() got an unexpected keyword argument 'disp'")

    monkeypatch.setattr(linalg, "sqrtm", removed)
    monkeypatch.setattr("scipy.linalg._matfuncs.sqrtm", removed)
    assert fid_of(x, y) == before


def test_3a_11_few_pictures_give_no_negative_distance(fid_of: FidOf) -> None:
    """At 192 pictures in 2048 dimensions a distance came out below 0."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=2048)
    x, y = (shared + 0.01 * rng.normal(size=(192, 2048)) for _ in range(2))
    value = fid_of(x, y).value
    # The trace of the root is the nuclear norm of the centred cross product, an independent way to it.
    a, b = ((m - m.mean(0)).astype(np.float32).astype(np.float64) for m in (x, y))
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum() / 191
    gap = x.mean(0) - y.mean(0)
    expected = gap @ gap + ((a * a).sum() + (b * b).sum()) / 191 - 2 * root
    assert value == pytest.approx(expected, rel=1e-3)
    assert value > 0
    assert 0 <= fid_of(x, x).value < 1e-4 * value


def test_3a_12_fid_does_not_change_with_batch_size(fid_of: FidOf) -> None:
    """1.9 in batches of 1000, 10 in batches of 2."""
    extractor = _extractor()
    pictures = noise(3, *[(48, 40)] * 11)
    whole = extractor.extract_images(pictures)
    for size in (1, 2, 5):
        parts = [extractor.extract_images(pictures[i : i + size]) for i in range(0, 11, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    reference = np.random.default_rng(0).normal(size=(50, 12))
    generated = np.random.default_rng(1).normal(size=(5000, 12))  # more than one chunk of rows
    merged = Moments(0, np.zeros(12), np.zeros((12, 12)))
    for part in np.array_split(generated.astype(np.float32), 37):
        merged = merged + Moments.of(part)
    real = Moments.of(reference.astype(np.float32))
    in_parts = frechet_distance(merged.mean, merged.covariance, real.mean, real.covariance)
    assert fid_of(generated, reference).value == pytest.approx(in_parts, rel=1e-9)


@pytest.mark.parametrize("shards", [2, 4, 7])
def test_3a_16_no_picture_counts_twice_because_shards_are_uneven(shards: int) -> None:
    """A sampler padded every shard to equal length, with pictures that were there already."""
    x = np.random.default_rng(0).normal(size=(33, 6)).astype(np.float32)
    parts = [Moments.of(x[i::shards]) for i in range(shards)]
    assert len({part.n for part in parts}) == 2 or 33 % shards == 0
    merged = parts[0]
    for part in parts[1:]:
        merged = merged + part
    assert merged.n == 33
    np.testing.assert_allclose(merged.covariance, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-12)


def test_3a_16_the_last_incomplete_batch_is_counted_and_nothing_else(
    make_samples: MakeSamples, reference_folder: Path
) -> None:
    made = make_samples(noise(4, *[(32, 32)] * 19))
    assert _scored(made, reference_folder).n == 19


def test_3a_17_sums_are_in_double_precision_whatever_the_features_are() -> None:
    """Where a device has no float64, sums in float32 lose the spread beside a large mean."""
    rng = np.random.default_rng(0)
    exact = 1000 + 0.05 * rng.normal(size=(3000, 4))
    x = exact.astype(np.float32)
    moments = Moments.of(x)
    assert moments.total.dtype == moments.outer.dtype == np.float64
    np.testing.assert_allclose(
        moments.covariance, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-4, atol=1e-9
    )
    low = np.cov(x - x.mean(0), rowvar=False)
    assert np.abs((x.T @ x - 3000 * np.outer(x.mean(0), x.mean(0))) / 2999 - low).max() > 100 * low.max()


def test_3b_j_reference_files_have_one_order_and_draws_a_generator_of_their_own(
    tmp_path: Path, reference_folder: Path
) -> None:
    """One code took the first n of an unordered set of names, and drew subsets from the global generator."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for i in (7, 2, 8, 0, 5, 1, 6, 3, 4):  # another order of making
        (copy / f"{i}.png").write_bytes((reference_folder / f"{i}.png").read_bytes())
    chosen = []
    for seed, folder in ((0, reference_folder), (1, copy)):
        np.random.seed(seed)  # noqa: NPY002 - the global generator that must not matter
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        chosen.append([path.name for path in reference_files(ReferenceSource("folder", str(folder), n=4))])
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert chosen[0] == chosen[1] == sorted(chosen[0])
    one, _ = load_reference(ReferenceSource("folder", str(reference_folder)), [_extractor()])
    other, _ = load_reference(ReferenceSource("folder", str(copy)), [_extractor()])
    assert one.identity == other.identity
    np.testing.assert_array_equal(
        np.asarray(one.features["effnet_lite0"]), np.asarray(other.features["effnet_lite0"])
    )


def _whole_set(name: str, generated: np.ndarray, reference: np.ndarray | None = None) -> float:
    """A metric's value over features whose columns are those that it reads."""
    metric = find_metric(name)
    assert isinstance(metric, SetMetric)
    assert isinstance(metric, OnFeatures)
    sides = (None if x is None else as_rows(x.astype(np.float32)) for x in (generated, reference))
    inputs = inputs_of_rows(*sides, extractor=metric.extractor)  # type: ignore[arg-type]
    found = replace(metric, part=None).whole_set(inputs)
    assert isinstance(found, Estimate)
    return found.value


@pytest.mark.parametrize("suffix", ["", "_k5"])
def test_3a_13_precision_and_recall_are_not_swapped(suffix: str) -> None:
    """A narrow generated set within a wide real one is precise and recalls little."""
    rng = np.random.RandomState(42)
    generated, real = 0.1 * rng.randn(200, 16), 3 * rng.randn(200, 16)
    assert _whole_set(f"precision{suffix}", generated, real) > 0.8
    assert _whole_set(f"recall{suffix}", generated, real) < 0.3
    assert _whole_set(f"precision{suffix}", real, generated) < 0.3
    assert _whole_set(f"recall{suffix}", real, generated) > 0.8


def test_3b_h_the_inception_score_is_of_the_generated_pictures_whatever_the_reference_is() -> None:
    """One code gave the real pictures' score as the model's."""
    random = np.random.default_rng(0)
    generated, real = (8 * random.normal(size=(60, 12)), 0.1 * random.normal(size=(80, 12)))
    alone = _whole_set("inception_score", generated)
    assert _whole_set("inception_score", generated, real) == alone
    assert _whole_set("inception_score", generated, -5 * real[:40]) == alone
    assert alone > 2 * _whole_set("inception_score", real)
    p = np.exp(generated.astype(np.float32).astype(np.float64))
    p /= p.sum(1, keepdims=True)
    splits = p[np.random.RandomState(2020).permutation(60)].reshape(10, 6, 12)
    expected = np.exp((splits * np.log(splits / splits.mean(1, keepdims=True))).sum(2).mean(1)).mean()
    assert alone == pytest.approx(expected, rel=1e-9)


def test_3b_j_kids_subsets_come_from_a_generator_of_their_own() -> None:
    """Drawn from the global generator, a second call gave another number and moved what came after it."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 300, 6)).astype(np.float32)
    metric = KidSubsetsMetric(name="kid", extractor="inception", summary="", subsets=5, size=100)
    values = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002 - the global generator that must not matter
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        values.append(metric.whole_set(inputs_of_rows(as_rows(x), as_rows(y))).value)
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert values[0] == values[1]
    other = replace(metric, rng_seed=3)
    assert other.whole_set(inputs_of_rows(as_rows(x), as_rows(y))).value != values[0]
    assert "seed=2020" in metric.identity(inputs_of_rows(as_rows(x), as_rows(y)))


def test_3a_6_a_file_of_statistics_has_the_hashes_of_all_that_made_it(
    tmp_path: Path, reference_folder: Path
) -> None:
    """Statistics were handed round of which nobody could tell the pictures, the resizing or the network."""
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i}.png\n" for i in range(8)))
    extractor = _extractor()

    def head(out: str, **changes: Any) -> StatsHead:
        plan = ReferencePlan(reference_folder, tmp_path / out, names_file=names)
        build_reference(replace(plan, **changes), [extractor])
        return read_head(tmp_path / out)

    made = head("a.npz")
    files = [reference_folder / f"{i}.png" for i in range(8)]
    sha256 = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    pairs = json.dumps([[file.name, digest] for file, digest in zip(files, sha256, strict=True)])
    assert made.n == 8
    assert made.provenance["names_and_sha256"] == hashlib.sha256(pairs.encode()).hexdigest()
    assert made.provenance["list_sha256"] == hashlib.sha256(names.read_bytes()).hexdigest()
    assert made.extractors == {"effnet_lite0": extractor.identity}
    assert f"numpy={np.__version__}" in made.provenance["environment"]
    assert head("framed.npz", framing=Framing(16)).identity != made.identity  # other pixels
    assert head("again.npz").provenance == made.provenance
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()
    Image.fromarray(noise(11, (32, 32))[0]).save(files[3])  # another picture by an old name
    other = head("other.npz")
    assert other.identity != made.identity
    assert other.provenance["names_and_sha256"] != made.provenance["names_and_sha256"]
    source = ReferenceSource.parse(str(tmp_path / "a.npz"))
    extractor.identity = "efficientnet-of-another-hash"  # type: ignore[misc]
    with pytest.raises(InputError, match="efficientnet-of-another-hash"):
        load_reference(source, [extractor])
