"""Files of statistics: what is written is read, other tools' are understood, anything else is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.framing import Framing
from harness.metrics.base import Inputs
from harness.metrics.distance import FrechetMetric
from harness.moments import Moments
from harness.reference import ReferenceSource, check_reference, load_reference, reference_lacks
from harness.reference_build import ReferencePlan, build_reference
from harness.reference_stats import ExtractorStats, read_extractor, read_foreign, read_head, write_stats
from harness.rows import as_rows
from harness.score_plan import ScorePlan, choose_metrics


class Means:
    """A real, small extractor: the mean colour, and that of the upper left quarter."""

    dim = 6

    def __init__(self, name: str = "means", identity: str = "means-1") -> None:
        self.name = name
        self.identity = identity
        self.seen = 0

    def extract_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(images)
        rows = [
            np.r_[im.mean((0, 1)), im[: (im.shape[0] + 1) // 2, : (im.shape[1] + 1) // 2].mean((0, 1))]
            for im in images
        ]
        return np.array(rows, np.float32).reshape(-1, 6)


@dataclass(frozen=True, kw_only=True)
class Neighbours(FrechetMetric):
    """A metric that says that it needs single reference pictures."""

    needs_reference_rows: bool = True


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty pictures of mixed shapes, some grey, some JPEG, and one that is broken."""
    folder, rng = tmp_path / "photos", np.random.default_rng(1)
    (folder / "more").mkdir(parents=True)
    for number in range(20):
        height, width = rng.integers(20, 60, 2)
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        picture = picture.convert("L") if number % 5 == 0 else picture
        where = folder / ("more" if number % 2 else "") / f"{number:03d}"
        picture.save(where.with_suffix(".jpg" if number % 3 else ".png"))
    (folder / "broken.png").write_bytes(b"rotten")
    return folder


def _inputs(reference: Any) -> Inputs:
    features = np.random.default_rng(2).normal(120, 9, (30, 6)).astype(np.float32)
    return Inputs(
        {"means": as_rows(features)},
        [""] * 30,
        np.arange(30),
        {"means": "means-1"},
        lambda *_: features,
        reference,
    )


@pytest.mark.parametrize("framing", [Framing(), Framing(16, "center"), Framing(16, "none", "lanczos")])
def test_statistics_give_the_folders_own_number_and_identity(
    photos: Path, tmp_path: Path, framing: Framing
) -> None:
    out = tmp_path / "stats.npz"
    built = build_reference(ReferencePlan(photos, out, framing), [Means()])
    options = f",size={framing.size}" if framing.size else ""
    source = f"folder:{photos}{options},crop={framing.crop},resize={framing.resize}"
    folder, _ = load_reference(ReferenceSource.parse(source), [Means()])
    stats, remarks = load_reference(ReferenceSource.parse(str(out)), [Means()])
    assert (stats.identity, stats.n, remarks) == (folder.identity, folder.n, ())
    assert stats.n == 20
    metric = FrechetMetric(name="fd", extractor="means")
    one, two = metric.whole_set(_inputs(stats)), metric.whole_set(_inputs(folder))
    assert one.value == pytest.approx(two.value, rel=1e-9)
    assert metric.identity(_inputs(stats)) == metric.identity(_inputs(folder))
    assert built.provenance["unreadable"] == 1
    assert built.remarks[0].startswith("1 of 21 pictures could not be read")
    assert "4 from grey" in built.remarks[1]


def test_blocks_do_not_change_the_sums(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    build_reference(ReferencePlan(photos, whole, keep=7), [Means()])
    monkeypatch.setattr("harness.reference_build._BLOCK", 3)
    told: list[tuple[int, int]] = []
    build_reference(ReferencePlan(photos, parts, keep=7), [Means()], progress=lambda *step: told.append(step))
    assert told[-1] == (21, 21)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    heads = [read_head(path) for path in (whole, parts)]
    assert heads[0] == heads[1]
    one, two = (read_extractor(path, "means", heads[0]) for path in (whole, parts))
    np.testing.assert_allclose(one.moments.outer, two.moments.outer, rtol=1e-13)
    assert one.features is not None
    assert two.features is not None
    np.testing.assert_array_equal(one.features, two.features)


def test_the_same_command_writes_the_same_bytes_and_looks_only_once(photos: Path, tmp_path: Path) -> None:
    first, again = Means(), Means()
    build_reference(ReferencePlan(photos, tmp_path / "a.npz", keep=5), [first])
    build_reference(ReferencePlan(photos, tmp_path / "b.npz", keep=5), [again])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (first.seen, again.seen) == (20, 0)


def test_provenance_tells_what_made_it(photos: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("002.jpg\nmore/001.jpg\n004.jpg\n")
    plan = ReferencePlan(photos, tmp_path / "s.npz", Framing(16, "center", "box"), names_file=names)
    build_reference(plan, [Means()])
    head = read_head(tmp_path / "s.npz")
    told = head.provenance
    assert (head.n, head.kept, head.extractors) == (3, 0, {"means": "means-1"})
    assert (told["size"], told["crop"], told["resize"]) == (16, "center", "box")
    assert "torch=" in told["environment"]
    assert len(told["list_sha256"]) == len(told["names_and_sha256"]) == 64
    (photos / "004.jpg").rename(photos / "renamed.jpg")
    names.write_text("002.jpg\nmore/001.jpg\nrenamed.jpg\n")
    build_reference(ReferencePlan(photos, tmp_path / "r.npz", plan.framing, names_file=names), [Means()])
    renamed = read_head(tmp_path / "r.npz")
    assert renamed.identity == head.identity
    assert renamed.provenance["names_and_sha256"] != told["names_and_sha256"]


def test_what_cannot_be_written_is_refused_before_anything_is_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "there.npz").write_bytes(b"mine")
    for out, message in (
        (tmp_path / "there.npz", "exists already"),
        (tmp_path / "none" / "x.npz", "is no folder that can be written to"),
        (tmp_path / "x.npy", "must end in .npz"),
    ):
        with pytest.raises(InputError, match=message):
            ReferencePlan(photos, out)
    assert (tmp_path / "there.npz").read_bytes() == b"mine"
    for name in photos.rglob("*.*"):
        name.write_bytes(b"rotten")
    with pytest.raises(InputError, match="fewer than 2 pictures that can be read"):
        build_reference(ReferencePlan(photos, tmp_path / "x.npz"), [Means()])
    assert not (tmp_path / "x.npz").exists()


def test_features_are_there_only_where_they_were_kept(photos: Path, tmp_path: Path) -> None:
    build_reference(ReferencePlan(photos, tmp_path / "sums.npz"), [Means()])
    build_reference(ReferencePlan(photos, tmp_path / "kept.npz", keep=8, seed=4), [Means()])
    sums, kept = (ReferenceSource.parse(str(tmp_path / f"{name}.npz")) for name in ("sums", "kept"))
    needy, frugal = Neighbours(name="near", extractor="means"), FrechetMetric(name="fd", extractor="means")
    assert reference_lacks(sums, frugal) is None
    assert reference_lacks(kept, needy) is None
    assert "--keep-features" in (reference_lacks(sums, needy) or "")
    found, _ = load_reference(sums, [Means()])
    assert "means" not in found.features
    with pytest.raises(InputError, match="holds sums only, and this metric needs features of single"):
        found.features["means"]
    some, _ = load_reference(kept, [Means()])
    every, _ = load_reference(ReferenceSource("folder", str(photos)), [Means()])
    rows = {tuple(row) for row in np.asarray(every.features["means"]).tolist()}
    chosen = [tuple(row) for row in np.asarray(some.features["means"]).tolist()]
    assert 7 <= len(chosen) <= 8  # the broken picture may be among those that were drawn
    assert set(chosen) < rows


def test_another_extractor_is_refused_naming_both(photos: Path, tmp_path: Path) -> None:
    build_reference(ReferencePlan(photos, tmp_path / "s.npz"), [Means()])
    source = ReferenceSource.parse(str(tmp_path / "s.npz"))
    with pytest.raises(InputError, match=r"extractor means-1, and this machine's is means-2"):
        load_reference(source, [Means(identity="means-2")])
    with pytest.raises(InputError, match="holds statistics of means only, not of other"):
        load_reference(source, [Means("other")])
    assert "not of other" in (reference_lacks(source, FrechetMetric(name="fd", extractor="other")) or "")


def test_a_plan_takes_the_metrics_that_the_statistics_serve(photos: Path, tmp_path: Path) -> None:
    own = Means("effnet_lite0", "effnet-1")
    build_reference(ReferencePlan(photos, tmp_path / "s.npz"), [own])
    source = ReferenceSource.parse(str(tmp_path / "s.npz"))
    chosen = choose_metrics(ScorePlan(reference=source))
    assert "fd_effnet_lite0" in chosen.names
    assert ("fid", f"{tmp_path / 's.npz'} holds statistics of effnet_lite0 only, not of inception") in (
        chosen.skipped
    )
    with pytest.raises(InputError, match=r"fid cannot be computed: .* not of inception"):
        choose_metrics(ScorePlan(metrics=("fid",), reference=source))
    with pytest.raises(InputError, match="no such file"):
        choose_metrics(ScorePlan(reference=ReferenceSource.parse(str(tmp_path / "none.npz"))))


def test_other_tools_mean_and_covariance(tmp_path: Path) -> None:
    features = np.random.default_rng(3).normal(100, 12, (50, 6))
    moments = Moments.of(features)
    path = tmp_path / "other.npz"
    np.savez(path, mu=moments.mean, sigma=moments.covariance)
    for n in (2, 50, 10**6):
        back = read_foreign(path, n)
        np.testing.assert_allclose(back.mean, moments.mean, rtol=1e-12)
        np.testing.assert_allclose(back.covariance, moments.covariance, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(read_foreign(path, 50).outer, moments.outer, rtol=1e-12)
    metric = FrechetMetric(name="fd", extractor="means")
    with pytest.raises(InputError, match="does not say which extractor made it"):
        load_reference(ReferenceSource.parse(str(path)), [Means()])
    found, remarks = load_reference(ReferenceSource.parse(f"stats:{path},extractor=means"), [Means()])
    assert found.identity.startswith("external:")
    assert found.n == 0
    assert "an unknown number of pictures" in remarks[0]
    assert "ref_n=unknown" in metric.identity(_inputs(found))
    counted, _ = load_reference(ReferenceSource.parse(f"stats:{path},n=50,extractor=means"), [Means()])
    assert "ref_n=50" in metric.identity(_inputs(counted))
    expected = FrechetMetric(name="fd", extractor="means").whole_set(_inputs(counted)).value
    assert metric.whole_set(_inputs(found)).value == pytest.approx(expected, rel=1e-7)
    np.savez(tmp_path / "short.npz", mu=np.zeros(4), sigma=np.eye(4))
    with pytest.raises(InputError, match="4 numbers a picture, and extractor means gives 6"):
        load_reference(ReferenceSource.parse(f"stats:{tmp_path / 'short.npz'},extractor=means"), [Means()])


def test_statistics_of_2048_numbers_are_inceptions(tmp_path: Path) -> None:
    path = tmp_path / "fid_stats.npz"
    np.savez(path, mu=np.zeros(2048), sigma=np.eye(2048))
    source = ReferenceSource.parse(str(path))
    assert reference_lacks(source, FrechetMetric(name="fid", extractor="inception")) is None
    assert "not of effnet" in (
        reference_lacks(source, FrechetMetric(name="fd", extractor="effnet_lite0")) or ""
    )


def _torn(path: Path) -> None:
    write_stats(
        path, {"identity": "x", "n": 5}, {"m": ExtractorStats("m", Moments(5, np.ones(3), np.eye(3)))}
    )
    path.write_bytes(path.read_bytes()[:-90])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), r"is no \.npz file"),
        (lambda path: path.write_bytes(b"PK rotten"), "cannot be read"),
        (lambda path: np.save(path.open("wb"), np.eye(3)), r"is no \.npz file"),
        (lambda path: np.savez(path, arr=np.eye(3)), "is no reference statistics"),
        (lambda path: np.savez(path, mu=np.zeros(3), sigma=np.eye(4)), "do not fit each other"),
        (lambda path: np.savez(path, mu=np.array([None] * 3), sigma=np.eye(3)), "cannot be read"),
        (lambda path: np.savez(path, provenance=np.array("{}")), "made by another version"),
        (_torn, "cannot be read"),
    ],
    ids=["missing", "empty", "rotten", "npy", "other", "shapes", "objects", "version", "torn"],
)
def test_files_that_are_none(tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "stats.npz"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        check_reference(ReferenceSource.parse(str(path)))
    assert "\n" not in str(caught.value)


def test_sums_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "nan.npz", mu=np.full(6, np.nan), sigma=np.eye(6))
    with pytest.raises(InputError, match="not finite"):
        load_reference(ReferenceSource.parse(f"stats:{tmp_path / 'nan.npz'},extractor=means"), [Means()])
