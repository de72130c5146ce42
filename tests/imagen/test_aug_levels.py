import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagen.aug_levels import (
    CODES,
    aug_sigma_elsewhere,
    aug_sigma_of_level,
    level_of_aug_sigma,
    mixture_sigma,
)
from imagen.schedule import SCHEDULES


@pytest.mark.parametrize(
    ("code", "level", "sigma"),
    [
        ("imagen-pytorch", 0.2, 0.574),
        ("minimagen", 0.2, 0.586),
        ("deepfloyd-if", 0.25, 0.393),
        ("imagen-pytorch-cosine", 0.2, 0.318),
    ],
)
def test_what_other_codes_levels_are_as_noise(code: str, level: float, sigma: float) -> None:
    """Four times nearly the same number, four noises. Their sigma is the mixture's, with alpha beside it."""
    assert mixture_sigma(aug_sigma_elsewhere(code, level)) == pytest.approx(sigma, abs=6e-4)


@pytest.mark.parametrize("code", CODES)
def test_more_level_is_more_noise_in_every_code(code: str) -> None:
    sigmas = [aug_sigma_elsewhere(code, level / 20) for level in range(21)]
    assert sigmas == sorted(set(sigmas))
    assert sigmas[0] < 0.02


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0.02, 0.98))
def test_the_papers_level_and_sigma_are_each_others_inverse(schedule: str, level: float) -> None:
    assert level_of_aug_sigma(aug_sigma_of_level(level, schedule), schedule) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_ends_of_the_scale(schedule: str) -> None:
    assert aug_sigma_of_level(0, schedule) == 0.0
    assert level_of_aug_sigma(0, schedule) == 0.0
    assert level_of_aug_sigma(1e6, schedule) == 1.0
    assert aug_sigma_of_level(1, schedule) == pytest.approx(math.exp(5))


def test_the_papers_recommended_range_on_the_cosine_schedule() -> None:
    """aug_level 0.1 to 0.3 (appendix D.2) is close to tan(pi / 2 * level)."""
    for level in (0.1, 0.2, 0.3):
        assert aug_sigma_of_level(level, "cosine") == pytest.approx(math.tan(math.pi / 2 * level), rel=0.05)


def test_what_is_no_level_is_refused() -> None:
    for call in (lambda: aug_sigma_of_level(1.1, "cosine"), lambda: aug_sigma_elsewhere("minimagen", -0.1)):
        with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
            call()
    for call in (lambda: aug_sigma_of_level(0.1, "sigmoid"), lambda: level_of_aug_sigma(0.1, "sigmoid")):
        with pytest.raises(ValueError, match="unknown schedule 'sigmoid': use one of cosine, linear"):
            call()
    with pytest.raises(ValueError, match="unknown code 'glide'"):
        aug_sigma_elsewhere("glide", 0.1)
    with pytest.raises(ValueError, match="aug_sigma must be a number >= 0"):
        level_of_aug_sigma(-1, "cosine")
