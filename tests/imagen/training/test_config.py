from typing import Any

import pytest

from imagen.training.config import TrainConfig, paper_config


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"lr": 0.0}, "lr must be a number above 0"),
        ({"lr": float("nan")}, "lr must be a number above 0"),
        ({"weight_decay": -1.0}, "weight_decay must be a number >= 0"),
        ({"text_drop": 1.5}, r"text_drop must lie in 0\.\.1"),
        ({"ema": 1.0}, "never moves"),
        ({"optimiser": "sgd"}, "unknown optimiser 'sgd': use one of adamw, adafactor"),
        ({"weighting": "p2"}, "unknown weighting 'p2'"),
        ({"decay": "step"}, "unknown decay 'step'"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"crop": -1}, "crop must be at least 0"),
        ({"gamma": float("inf")}, "gamma must be a number above 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainConfig(**{"steps": 10, **bad})


def test_the_paper_drops_a_tenth_of_the_texts_and_has_its_own_batch() -> None:
    for lowres in (False, True):
        config = TrainConfig(**paper_config(lowres))
        assert (config.text_drop, config.batch, config.steps, config.lr) == (0.1, 2048, 2_500_000, 1e-4)
        assert (config.warmup, config.weight_decay, config.weighting) == (10_000, 0.0, "eps")
