import torch

from imagen.guidance import classifier_free
from imagen.schedule import alpha_sigma, to_x0


def test_weight_one_is_off_and_zero_is_unconditional() -> None:
    """The paper's weight, not Ho and Salimans' (theirs is one less)."""
    c, u = torch.randn(2, 1, 3, 4, 4)
    assert torch.allclose(classifier_free(c, u, 1.0), c)
    assert torch.equal(classifier_free(c, u, 0.0), u)
    assert torch.allclose(classifier_free(c, u, 3.0), 3 * c - 2 * u, atol=1e-5)


def test_guiding_v_or_x0_is_the_same() -> None:
    z, c, u = torch.randn(3, 1, 3, 4, 4, dtype=torch.float64)
    level = torch.tensor([0.7], dtype=torch.float64)
    guided_v = to_x0(classifier_free(c, u, 5.0), z, level, "v")
    guided_x0 = classifier_free(to_x0(c, z, level, "v"), to_x0(u, z, level, "v"), 5.0)
    assert torch.allclose(guided_v, guided_x0)
    assert float(alpha_sigma(level)[0]) > 0


def test_every_channel_is_guided() -> None:
    """The bug of guiding only the first three of four channels."""
    c, u = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    assert torch.equal(classifier_free(c, u, 4.0), 4 * c)
