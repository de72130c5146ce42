"""Joint errors of two scores against simulated benches of which the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.metrics.frechet import Generated, Reference
from harness.pareto.errors import (
    confidence_ellipse,
    deal_prompts,
    hypervolume_interval,
    jackknife_covariance,
    without_each,
)
from harness.pareto.front import hypervolume

PROMPTS, GROUPS = 120, 30
DEALT = np.random.default_rng(5).permutation(PROMPTS) % GROUPS


def bench(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, and 3 features, of a picture a prompt; hard prompts are wrong and lie farther out."""
    hard = rng.normal(size=PROMPTS)
    right = (hard + rng.normal(size=PROMPTS) < 0.8).astype(float)
    features = 1.0 + rng.normal(size=(PROMPTS, 3)) + 0.7 * hard[:, None]
    return right, features.astype(np.float32)


REFERENCE = Reference.of(np.random.default_rng(9).normal(size=(4000, 3)).astype(np.float32))


def both(right: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2,) mean and Fréchet distance, and (G, 2) both without each group."""

    def distance(places: np.ndarray) -> float:
        return Generated(features[places], REFERENCE).distance()

    def mean(places: np.ndarray) -> float:
        return float(right[places].mean())

    every = np.arange(PROMPTS)
    left_out = [without_each(value, DEALT.tolist(), GROUPS) for value in (mean, distance)]
    return np.array([mean(every), distance(every)]), np.stack(left_out, axis=1)


@pytest.fixture(scope="module")
def simulated() -> tuple[np.ndarray, np.ndarray]:
    """Values (R, 2) and left-out values (R, G, 2) of R benches."""
    rng = np.random.default_rng(1)
    found = [both(*bench(rng)) for _ in range(300)]
    return np.array([value for value, _ in found]), np.array([left_out for _, left_out in found])


def test_the_covariance_is_that_of_repeated_benches(simulated: tuple[np.ndarray, np.ndarray]) -> None:
    values, left_out = simulated
    truth = np.cov(values.T)
    mean = np.mean([jackknife_covariance(one) for one in left_out], axis=0)
    errors = np.sqrt(np.diag(mean) / np.diag(truth))
    assert errors == pytest.approx([1.0, 1.0], abs=0.12)
    correlations = [m[0, 1] / math.sqrt(m[0, 0] * m[1, 1]) for m in (truth, mean)]
    assert correlations[0] < -0.3  # the benches do tie the two scores to each other
    assert correlations[1] == pytest.approx(correlations[0], abs=0.1)


def test_the_ellipse_holds_the_truth_as_often_as_it_says(simulated: tuple[np.ndarray, np.ndarray]) -> None:
    values, left_out = simulated
    truth = values.mean(0)  # at this number of pictures, bias included
    inside = 0
    for value, without in zip(values, left_out, strict=True):
        ellipse = confidence_ellipse(jackknife_covariance(without), GROUPS)
        assert ellipse is not None
        angle = math.radians(ellipse.angle)
        x, y = truth - value
        along = (x * math.cos(angle) + y * math.sin(angle)) / ellipse.long
        across = (-x * math.sin(angle) + y * math.cos(angle)) / ellipse.short
        inside += along**2 + across**2 <= 1
    assert inside / len(values) == pytest.approx(0.95, abs=0.035)  # 2.8 standard errors of 300 benches


def test_the_hypervolume_s_interval_covers() -> None:
    """Two points on shared prompts, far enough apart that the front's shape is not in question."""
    rng = np.random.default_rng(2)
    true = np.array([[0.3, 0.8], [0.7, 0.5]])
    mixing = np.array([[0.5, 0.2, 0.3, 0.0], [0.1, 0.4, 0.0, 0.3]])  # each score of two points
    covered = 0
    for _ in range(400):
        noise = rng.normal(size=(PROMPTS, 4)) @ np.vstack([mixing, 0.3 * np.eye(4)[:2]])[:4]
        samples = true.reshape(-1) + noise
        left_out = np.stack([samples[g != DEALT].mean(0) for g in range(GROUPS)])
        points = samples.mean(0).reshape(2, 2)
        without = left_out.reshape(GROUPS, 2, 2).transpose(1, 0, 2)
        _, interval = hypervolume_interval(points, without, (0.0, 0.0))
        covered += interval.low <= hypervolume(true, (0.0, 0.0)) <= interval.high
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_prompts_are_dealt_evenly_and_always_alike() -> None:
    prompts = [f"p-{number}" for number in range(103)]
    dealt = deal_prompts(prompts, 40)
    sizes = np.bincount(list(dealt.values()))
    assert len(sizes) == 40
    assert set(sizes) == {2, 3}
    assert dealt == deal_prompts(prompts, 40)
    assert len(set(deal_prompts(prompts[:7], 40).values())) == 7


def test_a_group_without_pictures_changes_nothing() -> None:
    asked: list[int] = []

    def mean(places: np.ndarray) -> float:
        asked.append(places.size)
        return float(places.mean())

    assert without_each(mean, [0, 0, 2, 3], 5).tolist() == [2.5, 1.5, 4 / 3, 1.0, 1.5]
    assert asked == [2, 4, 3, 3]


def test_too_few_groups_give_no_ellipse_and_no_interval() -> None:
    assert confidence_ellipse(np.eye(2), 2) is None
    assert confidence_ellipse(np.full((2, 2), np.nan), 40) is None
    assert np.isnan(jackknife_covariance([[1.0, 2.0]])).all()
    value, interval = hypervolume_interval([(1.0, 1.0)], [[(1.0, 1.0)]], (0.0, 0.0))
    assert value == 1.0
    assert math.isnan(interval.low)
    assert "too few" in interval.method
