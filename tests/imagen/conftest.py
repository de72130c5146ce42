"""The real MiniLM, small random encoders of the other families, and two small random stages.

The encoders are saved as a hub download would be.
"""

import string
from pathlib import Path

import pytest
import torch

from imagen.presets import StageConfig
from imagen.stage import Stage
from imagen.text import MiniLM
from imagen.unet import EfficientUNet, UNetConfig

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

FAMILIES = ("t5", "bert", "clip")
SYMBOLS = string.ascii_lowercase + string.digits + string.punctuation


def save_t5(folder: Path) -> None:
    """Encoder and decoder, as on the hub; v1.1's gated feed-forward."""
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁red", -2.0)]
    pieces += [(symbol, -4.0) for symbol in SYMBOLS]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(folder)
    config = T5Config(
        vocab_size=len(pieces) + 3,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)


def save_bert(folder: Path) -> None:
    """With the head that BERT was trained with, as on the hub."""
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", *SYMBOLS]
    words += [f"##{symbol}" for symbol in SYMBOLS]
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        initializer_range=0.2,
    )
    BertForMaskedLM(config).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """Both halves, as on the hub."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    words = [*SYMBOLS, *(f"{symbol}</w>" for symbol in SYMBOLS), "re", "red</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: i for i, word in enumerate(words)}
    CLIPTokenizer(vocab=vocab, merges=[("r", "e"), ("re", "d</w>")]).save_pretrained(folder)
    end = len(words) - 1
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    text = {"vocab_size": len(words), "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end}
    image = {"image_size": 16, "patch_size": 8}
    config = CLIPConfig(text_config={**shape, **text}, vision_config={**shape, **image}, projection_dim=16)
    CLIPModel(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def encoder_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """family -> folder."""
    folders = {}
    for family, save in zip(FAMILIES, (save_t5, save_bert, save_clip), strict=True):
        torch.manual_seed(0)
        folders[family] = tmp_path_factory.mktemp(family)
        save(folders[family])
    return folders


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    """The real encoder, loaded once for all tests."""
    return MiniLM()


@pytest.fixture(scope="session")
def tiny_stages() -> dict[int, Stage]:
    """A base stage of 16 px that predicts v and a super-resolution stage of 64 px that predicts x0."""
    torch.manual_seed(0)
    stages = {}
    for size, patch, prediction in ((16, 2, "v"), (64, 4, "x0")):
        shape = UNetConfig(
            patch, (16, 32), (1, 1), ("none", "self"), size > 16, embed_dim=32, text_width=32, text_layers=1
        )
        unet = EfficientUNet(shape)
        for parameter in unet.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        config = StageConfig(size, "cosine", prediction, 1.0, 2, shape)
        stages[size] = Stage(config, unet.eval().requires_grad_(False), "cpu", torch.float32)
    return stages


@pytest.fixture(scope="session")
def tiny_cascade_text() -> str:
    """A preset of one's own, with stages of 16, 64 and 256 pixels."""
    return TINY_CASCADE


@pytest.fixture
def tiny_cascade(tmp_path: Path, tiny_cascade_text: str) -> Path:
    """Its file."""
    path = tmp_path / "own.toml"
    path.write_text(tiny_cascade_text)
    return path
