import shutil
from pathlib import Path

import torch

from imagen.text import MAX_TOKENS, MiniLM


def test_states_do_not_depend_on_what_stands_beside_a_text(minilm: MiniLM) -> None:
    alone = minilm.encode(["a red car"])[0]
    beside = minilm.encode(["a red car", "three blue birds on top of a very long fence in the snow"])[0]
    assert torch.equal(alone.states, beside.states)
    assert alone.states.shape[1] == minilm.dim == 768


def test_a_padded_batch_agrees_with_one_by_one(minilm: MiniLM) -> None:
    texts = ["a red car", "three blue birds on top of a fence in the snow"]
    for one, many in zip(minilm.encode(texts), minilm.encode_padded(texts), strict=True):
        assert one.states.shape == many.states.shape
        assert torch.allclose(one.states, many.states, atol=1e-4)


def test_word_order_is_visible(minilm: MiniLM) -> None:
    """Who is red must be readable from the states, where a sentence vector hardly tells."""
    one, two = minilm.encode(["a red car and a white sheep", "a white car and a red sheep"])
    assert one.states.shape == two.states.shape
    assert float((one.states[2] - two.states[2]).norm() / one.states[2].norm()) > 0.3


def test_long_text_keeps_its_end_token_and_says_what_was_cut(minilm: MiniLM) -> None:
    text = minilm.encode(["word " * 500])[0]
    assert text.states.shape[0] == MAX_TOKENS
    assert text.truncated == 502 - MAX_TOKENS
    assert torch.allclose(
        text.states[-1, :384].norm(), minilm.encode(["word"])[0].states[-1, :384].norm(), rtol=0.2
    )


def test_states_are_the_embedding_layer_beside_the_last(minilm: MiniLM) -> None:
    from transformers import AutoModel, AutoTokenizer

    batch = AutoTokenizer.from_pretrained(minilm.folder)("a red car", return_tensors="pt")
    with torch.no_grad():
        out = AutoModel.from_pretrained(minilm.folder).float().eval()(**batch, output_hidden_states=True)
    expected = torch.cat([out.hidden_states[0], out.last_hidden_state], dim=-1)[0]
    torch.testing.assert_close(minilm.encode(["a red car"])[0].states, expected, rtol=1e-6, atol=1e-6)


def test_a_copy_elsewhere_is_the_same_encoder(minilm: MiniLM, tmp_path: Path) -> None:
    copy = MiniLM(Path(shutil.copytree(minilm.folder, tmp_path / "copy")))
    assert copy.folder == tmp_path / "copy"
    assert copy.identity() == minilm.identity()
    assert torch.equal(copy.encode(["a red car"])[0].states, minilm.encode(["a red car"])[0].states)
