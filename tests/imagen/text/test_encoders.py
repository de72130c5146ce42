"""The encoders through the real loading path, against transformers' own classes called by hand."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from imagen.text import TextEncoder, collate, find_encoder, load_encoder

TEXTS = ["a red car", "two blue birds above a green boat, in the snow", "", "x"]
FAMILIES = ("t5", "bert", "clip")


@pytest.fixture(scope="module")
def encoders(encoder_folders: dict[str, Path]) -> dict[str, TextEncoder]:
    return {
        family: load_encoder(find_encoder(f"{family}:{folder}")) for family, folder in encoder_folders.items()
    }


def by_hand(family: str, folder: Path, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """States (T, D) and pooled vector as a user of transformers would get them."""
    from transformers import AutoTokenizer, BertModel, CLIPTextModel, T5EncoderModel

    classes: dict[str, Any] = {"t5": T5EncoderModel, "bert": BertModel, "clip": CLIPTextModel}
    model = classes[family].from_pretrained(folder).eval()
    batch = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        out = model(**batch, output_hidden_states=True)
    if family == "clip":  # embeddings and three layers: the one before the last
        return out.hidden_states[2][0], out.pooler_output[0]
    return out.last_hidden_state[0], out.last_hidden_state[0].mean(0)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_transformers_own(
    encoders: dict[str, TextEncoder], encoder_folders: dict[str, Path], family: str
) -> None:
    (text,) = encoders[family].encode(TEXTS[1:2])
    states, pooled = by_hand(family, encoder_folders[family], TEXTS[1])
    assert text.states.shape == states.shape
    torch.testing.assert_close(text.states, states, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(text.pooled, pooled, rtol=1e-5, atol=1e-5)
    assert text.states.std() > 0.01
    assert encoders[family].dim == states.shape[1]


def test_clip_states_are_not_the_last_layers(
    encoders: dict[str, TextEncoder], encoder_folders: dict[str, Path]
) -> None:
    from transformers import AutoTokenizer, CLIPTextModel

    batch = AutoTokenizer.from_pretrained(encoder_folders["clip"])(TEXTS[1], return_tensors="pt")
    model = CLIPTextModel.from_pretrained(encoder_folders["clip"]).eval()
    with torch.no_grad():
        last = model(**batch).last_hidden_state[0]
    (text,) = encoders["clip"].encode(TEXTS[1:2])
    assert not torch.allclose(text.states, last, atol=1e-2)
    torch.testing.assert_close(text.pooled, last[-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_do_not_depend_on_what_stands_beside_a_text(
    encoders: dict[str, TextEncoder], family: str
) -> None:
    together = encoders[family].encode(TEXTS)
    for text, beside in zip(TEXTS, together, strict=True):
        assert torch.equal(encoders[family].encode([text])[0].states, beside.states)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_does_not_change_states(encoders: dict[str, TextEncoder], family: str) -> None:
    alone, padded = encoders[family].encode(TEXTS), encoders[family].encode_padded(TEXTS)
    for one, many in zip(alone, padded, strict=True):
        assert one.states.shape == many.states.shape
        torch.testing.assert_close(one.states, many.states, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.pooled, many.pooled, rtol=1e-4, atol=1e-4)
    states, mask = collate(padded)
    assert mask.sum(1).tolist() == [len(text.states) for text in alone]
    assert not states[~mask].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_long_texts_are_cut_as_the_tokenizer_cuts_them_and_counted(
    encoders: dict[str, TextEncoder], encoder_folders: dict[str, Path], family: str
) -> None:
    encoder = load_encoder(find_encoder(f"{family}:{encoder_folders[family]}", max_tokens=9))
    whole = encoder.tokenizer(TEXTS[1])["input_ids"]
    cut = encoder.tokenizer(TEXTS[1], truncation=True, max_length=9)["input_ids"]
    assert cut[-1] == whole[-1] != whole[8]
    expected = encoder.model(torch.tensor([cut]), output_hidden_states=True)
    (text,) = encoder.encode(TEXTS[1:2])
    (padded,) = encoder.encode_padded(TEXTS[1:2])
    layer = expected.hidden_states[-2] if family == "clip" else expected.last_hidden_state
    torch.testing.assert_close(text.states, layer[0], rtol=1e-5, atol=1e-5)
    assert text.truncated == padded.truncated == len(whole) - 9 > 0
    assert encoders[family].encode(["red " * 500])[0].states.shape[0] == encoders[family].max_tokens


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_gives_nearly_the_same(
    encoders: dict[str, TextEncoder], encoder_folders: dict[str, Path], family: str
) -> None:
    halves = load_encoder(find_encoder(f"{family}:{encoder_folders[family]}"), dtype="bfloat16")
    assert {parameter.dtype for parameter in halves.model.parameters()} == {torch.bfloat16}
    (exact,), (near,) = encoders[family].encode(TEXTS[:1]), halves.encode(TEXTS[:1])
    assert near.states.dtype == torch.float32
    assert 0 < (near.states - exact.states).norm() < 0.05 * exact.states.norm()


def test_t5_is_never_run_in_float16(encoder_folders: dict[str, Path]) -> None:
    files = find_encoder(f"t5:{encoder_folders['t5']}")
    with pytest.raises(ValueError, match="T5 overflows in float16: use bfloat16 or float32"):
        load_encoder(files, dtype="float16")
    with pytest.raises(ValueError, match="T5 overflows in float16"):
        files.identity("float16")


def test_why_t5_is_never_run_in_float16(encoder_folders: dict[str, Path], tmp_path: Path) -> None:
    """Large T5's hidden states pass 65504, float16's largest number: made so here by larger weights."""
    folder = Path(shutil.copytree(encoder_folders["t5"], tmp_path / "loud"))
    weights = load_file(folder / "model.safetensors")
    loud = {name: tensor * 1e5 if name.endswith("wo.weight") else tensor for name, tensor in weights.items()}
    assert max(float(tensor.abs().max()) for tensor in loud.values()) < 65504  # the weights themselves fit
    save_file(loud, folder / "model.safetensors", {"format": "pt"})
    exact = load_encoder(find_encoder(f"t5:{folder}"))
    near = load_encoder(find_encoder(f"t5:{folder}"), dtype="bfloat16").encode(TEXTS[:1])[0].states
    ids = torch.tensor([exact.tokenizer(TEXTS[0])["input_ids"]])
    out = exact.model(ids, output_hidden_states=True)
    states = out.last_hidden_state[0]
    assert max(float(layer.abs().max()) for layer in out.hidden_states) > 65504
    assert (near - states).norm() < 0.05 * states.norm()
    half = exact.model.half()(ids).last_hidden_state[0].float()
    assert not (half - states).norm() < 0.2 * states.norm()  # NaN, or clamped into something else


def test_weights_in_the_old_format_or_in_parts_give_the_same(
    encoders: dict[str, TextEncoder], encoder_folders: dict[str, Path], tmp_path: Path
) -> None:
    from transformers import T5ForConditionalGeneration

    whole = T5ForConditionalGeneration.from_pretrained(encoder_folders["t5"])
    for name in ("old", "parts"):
        folder = tmp_path / name
        folder.mkdir()
        for file in encoder_folders["t5"].glob("*.json"):
            shutil.copy(file, folder)
        if name == "old":
            torch.save(whole.state_dict(), folder / "pytorch_model.bin")
        else:
            whole.save_pretrained(folder, max_shard_size="20KB")
            assert (folder / "model.safetensors.index.json").is_file()
        loaded = load_encoder(find_encoder(f"t5:{folder}"))
        assert torch.equal(loaded.encode(TEXTS[:1])[0].states, encoders["t5"].encode(TEXTS[:1])[0].states)


def test_t5s_sentencepiece_model_is_a_tokenizer(encoder_folders: dict[str, Path], tmp_path: Path) -> None:
    """T5 v1.1 comes with nothing else."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = Path(shutil.copytree(encoder_folders["t5"], tmp_path / "t5"))
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"extra_ids": 0, "additional_special_tokens": []}')
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a red car", "two blue birds above a green boat in the snow"] * 30),
        model_prefix=str(folder / "spiece"),
        vocab_size=26,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    encoder = load_encoder(find_encoder(f"t5:{folder}"))
    for text in TEXTS:
        assert encoder.tokenizer(text)["input_ids"] == [*own.encode(text), 1]


def test_without_sentencepiece_the_line_says_so(
    encoder_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(encoder_folders["t5"], tmp_path / "t5"))
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    monkeypatch.setattr("imagen.text.encoders.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"is a spiece\.model: pip install sentencepiece"):
        load_encoder(find_encoder(f"t5:{folder}"))


def test_weights_that_lack_a_part_are_refused(encoder_folders: dict[str, Path], tmp_path: Path) -> None:
    """Transformers would fill it with random numbers."""
    folder = Path(shutil.copytree(encoder_folders["t5"], tmp_path / "t5"))
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.block.1.layer.0.SelfAttention.q.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"lack 1 tensors, such as encoder\.block\.1\.layer\.0"):
        load_encoder(find_encoder(f"t5:{folder}"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("model.safetensors", "the weights in .* cannot be"), ("tokenizer.json", "tokenizer")],
)
def test_broken_files_are_one_clear_line(
    encoder_folders: dict[str, Path], tmp_path: Path, name: str, message: str
) -> None:
    folder = Path(shutil.copytree(encoder_folders["bert"], tmp_path / "bert"))
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=message) as raised:
        load_encoder(find_encoder(f"bert:{folder}"))
    assert "\n" not in str(raised.value)
