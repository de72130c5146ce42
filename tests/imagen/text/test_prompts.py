import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import imagen.text.prompts
from imagen.text import EncoderFiles, PromptEncoder, TextEncoder, TextPlaces, TokenStates, find_encoder
from imagen.text import load_encoder as real_load

TEXTS = ["a red car", "two blue birds", "a red car", "red " * 200]


class Watch:
    """Which texts were really encoded, and the encoders that were loaded, without holding on to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.encoders: list[weakref.ref[object]] = []
        real_encode = TextEncoder.encode

        def encode(encoder: TextEncoder, texts: Sequence[str]) -> list[TokenStates]:
            self.texts += texts
            return real_encode(encoder, texts)

        def load(files: EncoderFiles, device: str, dtype: str) -> TextEncoder:
            encoder = real_load(files, device, dtype)
            self.encoders += [weakref.ref(encoder), weakref.ref(encoder.model)]
            return encoder

        monkeypatch.setattr(TextEncoder, "encode", encode)
        monkeypatch.setattr(imagen.text.prompts, "load_encoder", load)

    def alive(self) -> int:
        return sum(reference() is not None for reference in self.encoders)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.fixture(params=["t5", "clip"])
def files(request: pytest.FixtureRequest, encoder_folders: dict[str, Path]) -> EncoderFiles:
    return find_encoder(f"{request.param}:{encoder_folders[request.param]}")


def identical(one: Sequence[TokenStates], two: Sequence[TokenStates]) -> bool:
    return len(one) == len(two) and all(
        torch.equal(a.states, b.states) and torch.equal(a.pooled, b.pooled) and a.truncated == b.truncated
        for a, b in zip(one, two, strict=True)
    )


def test_the_cache_changes_nothing(files: EncoderFiles, tmp_path: Path) -> None:
    places = TextPlaces(cache=tmp_path)
    without = PromptEncoder(files).encode(TEXTS)
    cold = PromptEncoder(files, places=places).encode(TEXTS)
    warm = PromptEncoder(files, places=places).encode(TEXTS)
    prepared = PromptEncoder(files)
    prepared.prepare(TEXTS)
    for other in (cold, warm, prepared.encode(TEXTS)):
        assert identical(without, other)
    for text, exact in zip(without, real_load(files).encode(TEXTS), strict=True):
        assert torch.equal(text.states, exact.states.to(torch.bfloat16).float())
        assert text.states.dtype == torch.float32
        assert text.truncated == exact.truncated
    assert without[3].truncated > 0


@pytest.mark.parametrize("cached", [False, True])
def test_each_prompt_is_encoded_once_and_the_encoder_is_gone(
    files: EncoderFiles, tmp_path: Path, watch: Watch, cached: bool
) -> None:
    prompts = PromptEncoder(files, places=TextPlaces(cache=tmp_path if cached else None))
    prompts.prepare(TEXTS)
    assert watch.texts == [TEXTS[0], TEXTS[1], TEXTS[3]]
    assert len(watch.encoders) == 2
    assert watch.alive() == 0
    prompts.encode(TEXTS)
    prompts.prepare(TEXTS)
    assert len(watch.texts) == 3
    assert len(watch.encoders) == 2
    if cached:
        PromptEncoder(files, places=TextPlaces(cache=tmp_path)).prepare(TEXTS)
        assert len(watch.encoders) == 2


@pytest.mark.parametrize("cached", [False, True])
def test_an_unannounced_prompt_works_and_leaves_no_encoder_either(
    files: EncoderFiles, tmp_path: Path, watch: Watch, cached: bool
) -> None:
    prompts = PromptEncoder(files, places=TextPlaces(cache=tmp_path if cached else None))
    prompts.prepare(TEXTS[:1])
    both = prompts.encode(["a green boat", TEXTS[0]])
    assert watch.texts == [TEXTS[0], "a green boat"]
    assert watch.alive() == 0
    assert identical(both, PromptEncoder(files).encode(["a green boat", TEXTS[0]]))
    before = len(watch.texts)
    prompts.encode(["a green boat"])
    assert len(watch.texts) == before


def test_prompts_that_come_one_by_one_find_the_encoder_loaded(files: EncoderFiles, watch: Watch) -> None:
    prompts = PromptEncoder(files, keep=True)
    for text in TEXTS:
        prompts.encode([text])
    assert len(watch.encoders) == watch.alive() == 2


def test_without_a_cache_only_the_latest_unannounced_prompts_are_remembered(
    files: EncoderFiles, watch: Watch
) -> None:
    prompts = PromptEncoder(files, keep=True)
    prompts.encode(["first"])
    prompts.encode([f"text {i}" for i in range(256)])
    watch.texts.clear()
    prompts.encode(["text 255", "first"])
    assert watch.texts == ["first"]


def test_a_spoilt_entry_is_made_again(files: EncoderFiles, tmp_path: Path, watch: Watch) -> None:
    places = TextPlaces(cache=tmp_path)
    before = PromptEncoder(files, places=places).encode(TEXTS)
    (pack,) = tmp_path.rglob("states.pack")
    data = bytearray(pack.read_bytes())
    data[0] ^= 1
    pack.write_bytes(data)
    watch.texts.clear()
    assert identical(PromptEncoder(files, places=places).encode(TEXTS), before)
    assert watch.texts == [TEXTS[0]]
    watch.texts.clear()
    assert identical(PromptEncoder(files, places=places).encode(TEXTS), before)
    assert watch.texts == []


def test_a_cache_that_cannot_be_written_to_only_costs_time(files: EncoderFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    prompts = PromptEncoder(files, places=TextPlaces(cache=tmp_path / "file"))
    prompts.prepare(TEXTS)
    assert identical(prompts.encode(TEXTS), PromptEncoder(files).encode(TEXTS))


def test_other_weights_or_another_number_type_do_not_share_entries(
    files: EncoderFiles, tmp_path: Path, watch: Watch
) -> None:
    places = TextPlaces(cache=tmp_path)
    exact = PromptEncoder(files, places=places).encode(TEXTS[:1])
    halves = PromptEncoder(files, places=places, dtype="bfloat16").encode(TEXTS[:1])
    assert watch.texts == TEXTS[:1] * 2
    assert not identical(exact, halves)


def test_t5_in_float16_is_refused_before_anything_is_loaded(
    encoder_folders: dict[str, Path], watch: Watch
) -> None:
    with pytest.raises(ValueError, match="T5 overflows in float16"):
        PromptEncoder(find_encoder(f"t5:{encoder_folders['t5']}"), dtype="float16")
    assert not watch.encoders
