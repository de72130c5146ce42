"""Known bugs of other codes: what an upgrade of the stack moves, and memory that grows with the pictures."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.features import BATCH, image_features
from harness.metrics.distance import FrechetMetric
from harness.picture_stream import GROUP, Item
from harness.rows import CHUNK, LazyRows, Places, Rows, Vectors
from harness.selftest.decode_checks import decode_checks
from harness.selftest.metric_checks import metric_checks
from harness.selftest.report import first_moved, run_checks, verdict_line
from harness.selftest.resize_checks import resize_checks

from .conftest import inputs_of_rows


def test_3a_24_what_an_upgrade_moved_is_named_by_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number changed with the versions, and a thread of months looked for the reason."""
    checks = [*decode_checks(), *resize_checks(), *metric_checks()]
    assert first_moved(run_checks(checks)) is None
    resize = Image.Image.resize
    with monkeypatch.context() as patch:  # another library's version has another filter
        patch.setattr(
            Image.Image, "resize", lambda self, size, *_, **__: resize(self, size, Image.Resampling.BOX)
        )
        outcomes = run_checks(checks)
    assert first_moved(outcomes) == "resize"
    assert {outcome.stage for outcome in outcomes if outcome.status == "drift"} == {"resize"}
    assert verdict_line(outcomes).endswith("the first stage that moved is resize")


def _peak(work: Callable[[], object]) -> int:
    """Bytes that `work` had at once, at most, above what was there before."""
    work()  # what is made once is made
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_3a_16_memory_of_a_distance_does_not_grow_with_the_number_of_pictures() -> None:
    """50,000 pictures of 2048 numbers in a list, a concatenation and a copy in double precision."""
    d, asked = 96, []

    def rows(n: int) -> Rows:
        def fetch(places: Places) -> Vectors:
            asked.append(len(places))
            return np.sin(places[:, None] * np.arange(1.0, d + 1)).astype(np.float32)

        return LazyRows((n, d), fetch)

    metric = FrechetMetric(name="fid", extractor="inception")
    few, many = 2 * CHUNK, 16 * CHUNK
    peaks = [
        _peak(lambda n=n: metric.whole_set(inputs_of_rows(rows(n), rows(CHUNK))))  # type: ignore[misc]
        for n in (few, many)
    ]
    assert max(asked) <= CHUNK
    table = 4 * d * (many - few)
    assert peaks[1] - peaks[0] < table / 4  # the pictures' prompts are counted, their features are not kept


class _Corner:
    """A small extractor that counts the pictures that are in memory at once."""

    name, identity, dim = "corner", "corner-1", 4

    def extract_images(self, images: list[np.ndarray]) -> Vectors:
        return np.array([image[:2, :2, 0].ravel() for image in images], np.float32)


def test_3a_16_memory_of_the_pass_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    side, few, many = 96, 2 * BATCH, 8 * BATCH
    items = []
    for number in range(many):
        picture = np.zeros((side, side, 3), np.uint8)
        picture[:2, :2] = number % 251, number // 251, 7
        items.append(Item(tmp_path / f"{number}.png"))
        Image.fromarray(picture).save(items[-1].path)
    roots = iter(range(100))

    def work(n: int) -> None:
        found = image_features(items[:n], [_Corner()], workers=2, root=tmp_path / f"cache-{next(roots)}")
        assert np.asarray(found.features["corner"]).shape == (n, 4)

    peaks = [_peak(lambda n=n: work(n)) for n in (few, many)]  # type: ignore[misc]
    decoded = side * side * 3
    assert peaks[1] - peaks[0] < (many - few) * decoded / 4
    assert peaks[1] < 2 * (BATCH + 3 * GROUP) * decoded
