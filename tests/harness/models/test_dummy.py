"""The model without a network: its pictures are fixed to the byte, on every machine."""

import hashlib

import numpy as np
import pytest

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.dummy import DummyModel
from harness.types import Request


def draw(text: str, seed: int, **given: object) -> np.ndarray:
    model = DummyModel()
    (picture,) = model.generate([Request(Prompt("p", text), 0, seed, model.resolve_settings(given))])
    return picture


def test_pictures_are_known_to_the_byte() -> None:
    picture = draw("a cat", 7)
    assert (picture.dtype, picture.shape) == (np.uint8, (64, 64, 3))
    assert hashlib.sha256(picture.tobytes()).hexdigest()[:16] == "c9ec1e63d598acdc"


def test_prompt_seed_size_and_guidance_each_change_the_picture() -> None:
    pictures = [draw("a cat", 7), draw("a dog", 7), draw("a cat", 8), draw("a cat", 7, guidance_scale=9.0)]
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert draw("a cat", 7, size=5).shape == draw("a cat", 7, stages=5).shape == (5, 5, 3)
    assert pictures[3].std() > pictures[0].std()
    assert min(draw(f"prompt {i}", i).max() for i in range(300)) > 2, "none counts as black"


def test_settings_that_make_no_sense() -> None:
    for given, message in (
        ({"size": 0}, "size must be a whole number"),
        ({"delay": -1}, "delay must be at least 0"),
        ({"guidance_scale": "x"}, "guidance_scale must be a finite number"),
        ({"colour": 1}, "no setting 'colour'"),
    ):
        with pytest.raises(InputError, match=message):
            DummyModel().resolve_settings(given)
