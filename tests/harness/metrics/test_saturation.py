"""Saturated values counted by hand, and scored from picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawbench.types import Prompt
from harness.extractors.base import ImageExtractor, Prepares
from harness.extractors.saturation import Saturation
from harness.metrics import find_metric
from harness.score import score_samples
from harness.score_plan import ScorePlan, choose_metrics
from harness.types import Sample


def _picture(black: int, white: int, of: int = 100) -> np.ndarray:
    """10 x 10 pixels, `black` of whose 300 values are 0 and `white` 255."""
    values = np.full(3 * of, 128, dtype=np.uint8)
    values[:black], values[black : black + white] = 0, 255
    return values.reshape(10, 10, 3)


def test_the_extractor_counts_both_ends_over_all_channels() -> None:
    extractor = Saturation()
    assert isinstance(extractor, ImageExtractor)
    assert isinstance(extractor, Prepares)
    shares = extractor.extract_images([_picture(0, 0), _picture(30, 60), _picture(0, 300)])
    np.testing.assert_allclose(shares, [[0, 0], [0.1, 0.2], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("values", [1, 254])
def test_values_beside_the_ends_are_not_saturated(values: int) -> None:
    np.testing.assert_array_equal(Saturation().extract_images([np.full((2, 3, 3), values, np.uint8)]), 0)


def test_the_score_is_the_mean_share(tmp_path: Path) -> None:
    samples = []
    for number, (black, white) in enumerate([(0, 0), (30, 60), (0, 90)]):
        Image.fromarray(_picture(black, white)).save(tmp_path / f"{number}.png")
        samples.append(Sample(f"k{number}", f"p{number}", 0, number, "ok", f"{number}.png"))
    prompts = {f"p{number}": Prompt(f"p{number}", "a red car") for number in range(3)}
    plan = ScorePlan(metrics=("saturated_values",), features_root=tmp_path / "cache")
    scored = score_samples(samples, prompts, tmp_path, plan)
    score = next(score for score in scored.scores if score.category is None)
    assert (score.n, score.direction) == (3, "lower")
    assert score.value == pytest.approx(0.2)
    assert score.identity == "saturated_values[8-bit-0-and-255|png]"


def test_it_is_there_by_name_and_never_chosen_unasked() -> None:
    assert find_metric("saturated_values").bounds == (0.0, 1.0)
    assert "saturated_values" not in choose_metrics(ScorePlan()).names
