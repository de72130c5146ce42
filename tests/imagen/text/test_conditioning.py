"""What goes wrong with text in public codes, one test each: texts through real encoders into a U-Net."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from imagen.text import MiniLM, TokenStates, collate, find_encoder, load_encoder, null_text
from imagen.unet import EfficientUNet, UNetConfig

PAIR = ["a red car and a white sheep", "a white car and a red sheep"]
UGLY = [
    "a sign that says '#42 @home'",
    "a sign that says 42 home",
    "https://example.org/a?b=c&amp;d  a red car",
    "a red car",
    "un été à la plage, 红色的汽车 <person>",
    "un ete a la plage, person",
]
"""Each pair becomes the same text, or nearly, under the cleaning that some codes do."""


@pytest.fixture(scope="module")
def unet() -> EfficientUNet:
    torch.manual_seed(0)
    shape = UNetConfig(
        2, (16, 32), (1, 1), ("none", "self"), False, embed_dim=32, text_width=32, text_layers=1
    )
    network = EfficientUNet(shape)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval().requires_grad_(False)


def answers(unet: EfficientUNet, texts: list[TokenStates]) -> Tensor:
    """The network's raw prediction for the same noise under each text, (B, 3, 16, 16)."""
    states, mask = collate(texts)
    tokens, pooled = unet.encode_text(states, mask)
    z = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)).expand(len(texts), -1, -1, -1)
    prediction: Tensor = unet(z, torch.zeros(len(texts)), tokens, pooled, mask)
    return prediction


def apart(one: Tensor, two: Tensor) -> float:
    """Relative distance: rounding is below 1e-5, another text above 1e-3."""
    return float((one - two).norm() / one.norm())


def test_text_sensitivity_swapping_prompts_changes_states_and_answers(
    minilm: MiniLM, unet: EfficientUNet
) -> None:
    one, two = minilm.encode(PAIR)
    assert one.states.shape == two.states.shape
    assert apart(one.states, two.states) > 0.1
    first, second = answers(unet, [one, two])
    assert apart(first, second) > 1e-3
    swapped = answers(unet, [two, one])
    assert apart(swapped[0], second) < 1e-5


@pytest.mark.parametrize("family", ["t5", "bert", "clip"])
def test_text_sensitivity_of_every_family(encoder_folders: dict[str, Path], family: str) -> None:
    one, two = load_encoder(find_encoder(f"{family}:{encoder_folders[family]}")).encode(PAIR)
    assert one.states.shape == two.states.shape
    assert apart(one.states, two.states) > 0.05


def test_null_text_is_one_zero_token_with_its_own_mask(minilm: MiniLM, unet: EfficientUNet) -> None:
    """Its answer is the same beside any prompt: the prompt's length does not come in through the mask."""
    null = null_text(minilm.dim)
    assert null.states.shape == (1, minilm.dim)
    assert not null.states.any()
    alone = answers(unet, [null])[0]
    for text in minilm.encode(["a car", "three blue birds on top of a very long fence in the snow"]):
        states, mask = collate([text, null])
        assert mask[1].tolist() == [True] + [False] * (len(text.states) - 1)
        assert not states[1].any()
        answer, beside = answers(unet, [text, null])
        assert apart(beside, alone) < 1e-5
        assert apart(answer, alone) > 1e-3


def test_null_text_is_not_the_empty_prompt(minilm: MiniLM) -> None:
    (empty,) = minilm.encode([""])
    assert len(empty.states) == 2  # its start and end tokens
    assert empty.states.any()


def test_no_text_gives_a_fully_masked_row_and_none_gives_nan(minilm: MiniLM, unet: EfficientUNet) -> None:
    texts = [null_text(minilm.dim), *minilm.encode(["", " ", "x", "word " * 500])]
    _, mask = collate(texts)
    assert bool(mask.any(1).all())
    assert torch.isfinite(answers(unet, texts)).all()


def test_padding_is_no_information_to_the_network(minilm: MiniLM, unet: EfficientUNet) -> None:
    short, long = minilm.encode(["a car", "three blue birds on top of a very long fence in the snow"])
    assert apart(answers(unet, [short, long])[0], answers(unet, [short])[0]) < 1e-5


def test_prompts_are_not_cleaned(minilm: MiniLM) -> None:
    """The tokenizer gets the very text: numbers, hashes, addresses, entities and other scripts stay."""
    for text, states in zip(UGLY, minilm.encode(UGLY), strict=True):
        ids = torch.tensor([minilm.tokenizer(text)["input_ids"]])
        embedded = minilm.model(ids, output_hidden_states=True).hidden_states[0][0]
        assert torch.equal(states.states[:, :384], embedded)
    for one, two in zip(UGLY[::2], UGLY[1::2], strict=True):
        assert minilm.tokenizer(one)["input_ids"] != minilm.tokenizer(two)["input_ids"]
    seen = minilm.tokenizer.convert_ids_to_tokens(minilm.tokenizer(UGLY[0])["input_ids"])
    assert {"#", "42", "@"} <= set(seen)
