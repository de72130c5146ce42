import torch
from hypothesis import given
from hypothesis import strategies as st

from imagen.lowres import aug_log_snr, augment, condition, shrink, to_signed, to_uint8


def test_eight_bits_survive_the_round_trip() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_signed(levels)), levels)


def test_values_are_rounded_not_truncated() -> None:
    assert to_uint8(torch.tensor([0.999 / 127.5 - 1, 1.7, -4.0])).tolist() == [1, 255, 0]


def test_augmentation_at_level_zero_changes_nothing() -> None:
    x, noise = torch.randn(2, 2, 3, 8, 8)
    assert torch.equal(augment(x, noise, torch.zeros(2)), x)


@given(st.floats(0.01, 2.0))
def test_augmentation_has_the_noise_to_signal_ratio_it_says(sigma: float) -> None:
    ones, zeros = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    level = torch.tensor([sigma])
    signal, noise = augment(ones, zeros, level), augment(zeros, ones, level)
    assert torch.allclose(noise / signal, ones * sigma)
    assert torch.allclose(signal.square() + noise.square(), ones)
    assert torch.allclose(aug_log_snr(level), -2 * level.log())


def test_pictures_are_mapped_to_signed_before_noise_is_added() -> None:
    """MinImagen noised in [0, 1] and mapped afterwards, which doubles the noise."""
    grey = torch.full((1, 3, 8, 8), 128, dtype=torch.uint8)
    noise = torch.randn(1, 3, 8, 8)
    got = condition(grey, noise, torch.tensor([0.5]), 8)
    assert torch.allclose(got, (to_signed(grey) + 0.5 * noise) / 1.25**0.5)


def test_a_centred_dot_stays_centred_when_upsampled() -> None:
    small = torch.zeros((1, 3, 8, 8), dtype=torch.uint8)
    small[..., 3:5, 3:5] = 255
    big = condition(small, torch.zeros(1, 3, 8, 8), torch.zeros(1), 32)
    assert torch.allclose(big, big.flip(-1))
    assert torch.allclose(big, big.flip(-2))


def test_shrinking_averages_areas() -> None:
    picture = torch.zeros((1, 3, 8, 8), dtype=torch.uint8)
    picture[..., :2] = 255
    assert shrink(picture, 4)[0, 0].tolist() == [[128, 0], [128, 0]]
