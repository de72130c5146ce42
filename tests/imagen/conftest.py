from pathlib import Path

import pytest

from imagen.text import MiniLM

TINY_CASCADE = """
[stage.16]
size = 16
schedule = "cosine"
prediction = "v"
guidance_scale = 2.0
steps = 2
[stage.16.unet]
patch = 2
channels = [16]
blocks = [1]
attention = ["cross"]
embed_dim = 16
text_width = 32
text_layers = 1

[stage.64]
size = 64
schedule = "linear"
prediction = "x0"
guidance_scale = 1.0
steps = 2
aug_sigma = 0.1
[stage.64.unet]
patch = 4
channels = [16]
blocks = [1]
attention = ["cross"]
lowres = true
embed_dim = 16
text_width = 32
text_layers = 1

[stage.256]
size = 256
schedule = "linear"
prediction = "x0"
guidance_scale = 1.0
steps = 2
aug_sigma = 0.1
[stage.256.unet]
patch = 4
channels = [16]
blocks = [1]
attention = ["cross"]
lowres = true
embed_dim = 16
text_width = 32
text_layers = 1
"""


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """The real encoder, loaded once for all tests."""
    return MiniLM()


@pytest.fixture
def tiny_cascade(tmp_path: Path) -> Path:
    """A preset file of one's own, with stages of 16, 64 and 256 pixels."""
    path = tmp_path / "own.toml"
    path.write_text(TINY_CASCADE)
    return path
