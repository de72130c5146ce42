"""Known bugs of other codes: CLIP scores of the wrong pixels, the wrong network and the wrong words."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drawbench.errors import InputError
from harness.extractors.base import Setting
from harness.extractors.clip import Clip, ClipName, build, clip_asset
from harness.reference import ReferenceSource
from harness.score import ScoreResult, score_samples
from harness.score_plan import ScorePlan, choose_metrics

from .conftest import MakeSamples, TinyClip, noise

open_clip = pytest.importorskip("open_clip")
MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])


def _clip(tiny: TinyClip) -> Clip:
    return build(Setting(clip_model=tiny.name))


def _by_hand(tiny: TinyClip, pixels: np.ndarray) -> np.ndarray:
    """The vector of a 32 x 32 picture, values 0..1, with each step of OpenAI's preprocessing written out."""
    batch = torch.from_numpy(((pixels - MEAN) / STD).astype(np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return tiny.network.encode_image(batch, normalize=True).numpy()[0]


def _score(tiny: TinyClip, made: Any) -> ScoreResult:
    folder, samples, prompts = made
    return score_samples(samples, prompts, folder, ScorePlan(("clip_score",), clip_model=tiny.name))


def test_3a_18_nothing_is_fetched_unasked_and_a_metric_without_weights_is_refused_at_once(
    tiny_clip: TinyClip, make_samples: MakeSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codes that download inside the metric fail on machines without a network, after the drawing."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for metric in ("fid", "clip_score"):
        with pytest.raises(InputError, match=r"put .* into a folder and name it with --weights"):
            choose_metrics(ScorePlan((metric,), ReferenceSource("scenes", n=4)))
    assert _score(tiny_clip, make_samples(noise(0, (32, 32)))).scores  # weights in a folder are enough


@pytest.mark.parametrize("words", [74, 75, 76, 77, 200])
def test_3a_19_a_long_prompt_keeps_its_end_mark(tiny_clip: TinyClip, words: int) -> None:
    """Cut to 77 tokens without the end mark, a score fell from 26.2 to 17.0 from one more word."""
    clip = _clip(tiny_clip)
    vectors = clip.extract_texts(["x " * words])
    tokens = torch.full((1, 77), 0)
    kept = min(words, 75)
    (x,) = tiny_clip.tokenizer.encode("x")
    tokens[0, : kept + 2] = torch.tensor([49406, *[x] * kept, 49407])
    with torch.inference_mode():
        expected = tiny_clip.network.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert clip.is_truncated("x " * words) == (words > 75)


def test_3a_20_the_convention_is_a_hundred_cosines_and_is_in_the_identity(
    tiny_clip: TinyClip, make_samples: MakeSamples
) -> None:
    """x100, x2.5 and the cosine itself go by one name."""
    pictures = noise(1, *[(32, 32)] * 6)
    result = _score(tiny_clip, make_samples(pictures))
    texts = tiny_clip.tokenizer([f"a picture of {i} cats" for i in range(6)])
    with torch.inference_mode():
        captions = tiny_clip.network.encode_text(texts, normalize=True).numpy()
    cosines = [float(_by_hand(tiny_clip, p / 255) @ c) for p, c in zip(pictures, captions, strict=True)]
    values = [row.value for row in result.per_sample]
    np.testing.assert_allclose(values, [max(0.0, 100 * c) for c in cosines], atol=2e-4)
    assert min(cosines) > 0.02
    assert "|x100|" in result.scores[0].identity


def test_3a_21_no_words_are_put_before_the_caption_unsaid(
    tiny_clip: TinyClip, make_samples: MakeSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "A photo depicts" before the caption moved a correlation from .279 to .299."""
    read: list[str] = []
    extract = Clip.extract_texts

    def listen(self: Clip, texts: Any) -> Any:
        read.extend(texts)
        return extract(self, texts)

    monkeypatch.setattr(Clip, "extract_texts", listen)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "empty"))
    made = make_samples(noise(2, (32, 32)))
    result = _score(tiny_clip, made)
    assert made[2]["p0"].text in read
    assert not [text for text in read if text.endswith(made[2]["p0"].text) and text != made[2]["p0"].text]
    assert "|no-prefix|" in result.scores[0].identity


def test_3a_20_3a_21_every_convention_has_a_name_an_identity_and_its_own_words(
    tiny_clip: TinyClip, make_samples: MakeSamples
) -> None:
    """2.5 times the cosine with "A photo depicts" before the caption was called CLIP score as well."""
    pictures = noise(1, *[(32, 32)] * 6)
    folder, samples, prompts = make_samples(pictures)
    names = ("clip_score", "clip_cosine", "clip_score_hessel")
    result = score_samples(samples, prompts, folder, ScorePlan(names, clip_model=tiny_clip.name))
    captions = [prompts[sample.prompt_id].text for sample in samples]

    def cosines(prefix: str) -> np.ndarray:
        with torch.inference_mode():
            tokens = tiny_clip.tokenizer([prefix + caption for caption in captions])
            texts = tiny_clip.network.encode_text(tokens, normalize=True).numpy()
        return np.array(
            [_by_hand(tiny_clip, p / 255) @ text for p, text in zip(pictures, texts, strict=True)]
        )

    plain, depicted = cosines(""), cosines("A photo depicts ")
    assert np.abs(plain - depicted).max() > 1e-3
    expected = dict(
        zip(names, (100 * np.maximum(plain, 0), plain, 2.5 * np.maximum(depicted, 0)), strict=True)
    )
    for name in names:
        values = [row.value for row in result.per_sample if row.metric == name]
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5)
    identities = {score.metric: score.identity for score in result.scores}
    parts = {name: identities[name].split("|")[-5:-1] for name in names}
    assert parts == {
        "clip_score": ["x100", "floor0", "no-prefix", "eos-kept"],
        "clip_cosine": ["cosine", "no-floor", "no-prefix", "eos-kept"],
        "clip_score_hessel": ["x2.5", "floor0", "prefix:A photo depicts", "eos-kept"],
    }


def test_3a_22_3b_b_pictures_are_rescaled_once(tiny_clip: TinyClip) -> None:
    """Twice divided by 255, every picture is nearly black to the network."""
    (picture,) = noise(3, (32, 32))
    vector = _clip(tiny_clip).extract_images([picture])[0]
    once, twice = _by_hand(tiny_clip, picture / 255), _by_hand(tiny_clip, picture / 255 / 255)
    np.testing.assert_allclose(vector, once, atol=1e-5)
    assert np.abs(vector - twice).max() > 0.05


def test_3b_a_3a_25_pictures_are_not_scored_as_their_negatives(
    tiny_clip: TinyClip, make_samples: MakeSamples
) -> None:
    """`(x * 255).astype("uint8")` on bytes wraps round to 256 - x."""
    (picture,) = noise(4, (32, 32))
    negative = (np.asarray(picture, np.int64) * 255).astype(np.uint8)
    assert negative[0, 0, 0] == (256 - int(picture[0, 0, 0])) % 256
    vector = _clip(tiny_clip).extract_images([picture])[0]
    np.testing.assert_allclose(vector, _by_hand(tiny_clip, picture / 255), atol=1e-5)
    assert np.abs(vector - _by_hand(tiny_clip, negative / 255)).max() > 0.05
    bright = np.full((32, 32, 3), 250, np.uint8)  # and from the file on disk to the score
    values = [row.value for row in _score(tiny_clip, make_samples([bright, 255 - bright])).per_sample]
    texts = tiny_clip.tokenizer(["a picture of 0 cats", "a picture of 1 cats"])
    with torch.inference_mode():
        captions = tiny_clip.network.encode_text(texts, normalize=True).numpy()
    light, dark = _by_hand(tiny_clip, bright / 255), _by_hand(tiny_clip, (255 - bright) / 255)
    expected = [max(0.0, 100 * float(light @ captions[0])), max(0.0, 100 * float(dark @ captions[1]))]
    np.testing.assert_allclose(values, expected, atol=2e-4)


def test_3a_23_3b_c_weights_of_openai_get_quickgelu_whatever_the_model_is_called() -> None:
    """`create_model("ViT-L-14", pretrained="openai")` takes plain GELU and only warns."""
    for model in ("ViT-L-14", "ViT-L-14-quickgelu"):
        name = ClipName.parse(f"{model}/openai")
        assert open_clip.get_pretrained_cfg(name.base, name.tag)["quick_gelu"] is True
        assert clip_asset(name).id == "clip-ViT-L-14-openai"
    assert Setting().clip_model == "ViT-L-14-quickgelu/openai"


def test_3b_c_quickgelu_is_what_is_computed(tiny_clip: TinyClip) -> None:
    (picture,) = noise(5, (32, 32))
    plain = open_clip.CLIP(
        16,
        {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
        quick_gelu=False,
    ).eval()
    plain.load_state_dict(tiny_clip.network.state_dict())
    vector = _clip(tiny_clip).extract_images([picture])[0]
    np.testing.assert_allclose(vector, _by_hand(tiny_clip, picture / 255), atol=1e-5)
    with torch.inference_mode():
        pixels = torch.from_numpy(((picture / 255 - MEAN) / STD).astype(np.float32)).permute(2, 0, 1)[None]
        other = plain.encode_image(pixels, normalize=True).numpy()[0]
    assert np.abs(vector - other).max() > 1e-3


def test_3b_d_weights_by_file_path_must_say_their_activation(tiny_clip: TinyClip, tmp_path: Path) -> None:
    """Loaded by path, the same weights got plain GELU without even a warning."""
    with pytest.raises(InputError, match=r"name the model ViT-B-32-quickgelu .* or ViT-B-32-gelu"):
        build(Setting(clip_model=f"ViT-B-32={tiny_clip.weights}"))
