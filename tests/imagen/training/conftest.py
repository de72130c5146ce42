"""A tiny stage, and a world of two captions that it learns in seconds."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from imagen.presets import StageConfig
from imagen.text import MiniLM
from imagen.training.pairs import Pair, PairStore, write_pairs
from imagen.unet import UNetConfig


@pytest.fixture(scope="session")
def tiny() -> StageConfig:
    shape = UNetConfig(2, (16, 32), (1, 1), ("none", "cross"), embed_dim=32, text_width=32, text_layers=1)
    return StageConfig(16, "cosine", "v", 1.0, 4, shape)


def _two_colours(seed: int, size: int = 16) -> Iterator[Pair]:
    rng = np.random.default_rng(seed)
    while True:
        blue = bool(rng.integers(2))
        picture = np.full((size, size, 3), (20, 20, 220) if blue else (220, 20, 20), np.uint8)
        yield picture, "a blue wall" if blue else "a red wall"


@pytest.fixture(scope="session")
def two_colours() -> Callable[..., Iterator[Pair]]:
    return _two_colours


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, minilm: MiniLM) -> PairStore:
    folder = tmp_path_factory.mktemp("pairs") / "16"
    return write_pairs(_two_colours(0), 64, folder, minilm, lambda *_: None)


@pytest.fixture(scope="session")
def noise_store(tmp_path_factory: pytest.TempPathFactory, minilm: MiniLM) -> PairStore:
    """32 px pictures of noise, no two alike."""
    rng = np.random.default_rng(1)
    pairs = [(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8), f"noise number {i % 5}") for i in range(40)]
    return write_pairs(pairs, None, tmp_path_factory.mktemp("pairs") / "32", minilm, lambda *_: None)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The networks here are so small that a second thread only waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
