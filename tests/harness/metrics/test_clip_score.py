"""CLIP score: conventions by hand, and beside transformers, open_clip and torchmetrics on equal weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.extractors.base import Setting
from harness.extractors.clip import Clip, build
from harness.metrics import find_metric
from harness.metrics.base import Inputs, PerImageMetric, Prefixes
from harness.metrics.clip_score import CLIP_SCORES, ClipScore

SCORE, COSINE, HESSEL = CLIP_SCORES
CAPTIONS = ["a photo of a cat", "Two red cars, side by side.", "an astronaut's horse!"]


def _inputs(
    features: np.ndarray, captions: Sequence[str], embed: Callable[[str, Sequence[str]], Any]
) -> Inputs:
    return Inputs(
        features={"clip": features},  # type: ignore[dict-item]
        captions=captions,
        clusters=np.arange(len(captions)),
        identities={"clip": "ViT-L-14-quickgelu/openai"},
        embed=embed,
    )


def _pictures(count: int = 3, side: int = 32) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture(scope="module")
def clip(tiny_clip: Any) -> Clip:
    return build(Setting(clip_model=f"local-dir:{tiny_clip.open_clip}"))


def _scores(metric: ClipScore, clip: Clip, pictures: Sequence[np.ndarray], captions: Sequence[str]) -> Any:
    inputs = _inputs(clip.extract_images(pictures), captions, lambda _, texts: clip.extract_texts(texts))
    return metric.per_image(inputs)


def test_each_convention_is_the_same_cosine_and_says_which_it_is() -> None:
    vectors = {"a": [1.0, 0.0], "b": [0.6, 0.8], "c": [-0.8, 0.6]}
    sent: list[str] = []

    def embed(_: str, texts: Sequence[str]) -> np.ndarray:
        sent.extend(texts)
        return np.array([vectors[text[-1]] for text in texts])

    inputs = _inputs(np.array([[1.0, 0.0]] * 3, np.float32), ["a", "b", "c"], embed)
    np.testing.assert_allclose(SCORE.per_image(inputs), [100.0, 60.0, 0.0])
    np.testing.assert_allclose(COSINE.per_image(inputs), [1.0, 0.6, -0.8])
    np.testing.assert_allclose(HESSEL.per_image(inputs), [2.5, 1.5, 0.0])
    assert sent == ["a", "b", "c"] * 2 + [f"A photo depicts {text}" for text in "abc"]
    network = "ViT-L-14-quickgelu/openai"
    assert [metric.identity(inputs) for metric in CLIP_SCORES] == [
        f"clip_score[{network}|x100|floor0|no-prefix|eos-kept|png]",
        f"clip_cosine[{network}|cosine|no-floor|no-prefix|eos-kept|png]",
        f"clip_score_hessel[{network}|x2.5|floor0|prefix:A photo depicts|eos-kept|png]",
    ]
    assert [metric.bounds for metric in CLIP_SCORES] == [(0.0, 100.0), (-1.0, 1.0), (0.0, 2.5)]


def test_they_are_registered_per_image_metrics_with_a_prefix() -> None:
    for metric in CLIP_SCORES:
        assert find_metric(metric.name) is metric
        assert isinstance(metric, PerImageMetric)
        assert isinstance(metric, Prefixes)


def test_features_and_scores_are_transformers_own_on_the_same_weights(clip: Clip, tiny_clip: Any) -> None:
    import torch
    from transformers import CLIPModel, CLIPProcessor

    network = CLIPModel.from_pretrained(tiny_clip.transformers).eval()
    processor = CLIPProcessor.from_pretrained(tiny_clip.transformers)
    inputs = processor(text=CAPTIONS, images=_pictures(), return_tensors="pt", padding=True)
    with torch.inference_mode():
        outputs = network(**inputs)
    np.testing.assert_allclose(clip.extract_images(_pictures()), outputs.image_embeds.numpy(), atol=2e-6)
    np.testing.assert_allclose(clip.extract_texts(CAPTIONS), outputs.text_embeds.numpy(), atol=2e-6)
    cosines = (outputs.image_embeds * outputs.text_embeds).sum(1).numpy()
    np.testing.assert_allclose(_scores(COSINE, clip, _pictures(), CAPTIONS), cosines, atol=2e-6)


def test_scores_are_open_clips_own_with_its_preprocessing(clip: Clip, tiny_clip: Any) -> None:
    import open_clip
    import torch

    name = f"local-dir:{tiny_clip.open_clip}"
    network, transform = open_clip.create_model_from_pretrained(name)
    tokens = open_clip.get_tokenizer(name)(CAPTIONS)
    pictures = _pictures(side=50)
    with torch.inference_mode():
        texts = network.encode_text(tokens, normalize=True)
        seen = [
            network.encode_image(transform(Image.fromarray(p))[None], normalize=True)[0] for p in pictures
        ]
    expected = [float(picture @ text) for picture, text in zip(seen, texts, strict=True)]
    np.testing.assert_allclose(_scores(COSINE, clip, pictures, CAPTIONS), expected, atol=2e-6)


def _torchmetrics(folder: Path, pictures: Sequence[Any], captions: Sequence[str]) -> float:
    """What torchmetrics' CLIPScore gives: it takes uint8 (3, height, width) tensors and averages.

    torchmetrics 1.9 was written for transformers 4, where the features are tensors; on transformers 5 it
    stops with an error unless it is given them so.
    """
    import torch

    multimodal = pytest.importorskip("torchmetrics.multimodal")
    from transformers import CLIPModel, CLIPProcessor

    class AsInTransformers4(CLIPModel):
        def get_image_features(self, *args: Any, **kwargs: Any) -> Any:
            features = super().get_image_features(*args, **kwargs)
            return getattr(features, "pooler_output", features)

        def get_text_features(self, *args: Any, **kwargs: Any) -> Any:
            features = super().get_text_features(*args, **kwargs)
            return getattr(features, "pooler_output", features)

    metric = multimodal.CLIPScore(
        lambda: (AsInTransformers4.from_pretrained(folder).eval(), CLIPProcessor.from_pretrained(folder))
    )
    with torch.inference_mode():
        metric.update([torch.as_tensor(picture) for picture in pictures], list(captions))
        return float(metric.compute())


def _channels_first(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [picture.transpose(2, 0, 1).copy() for picture in pictures]


def _positive(clip: Clip) -> tuple[list[np.ndarray], list[str]]:
    """Pictures and captions with a cosine above 0, where the floor makes no difference."""
    cosines = _scores(COSINE, clip, _pictures(40), CAPTIONS * 13 + CAPTIONS[:1])
    chosen = [i for i in range(40) if cosines[i] > 0.05][:6]
    assert len(chosen) == 6
    return [_pictures(40)[i] for i in chosen], [(CAPTIONS * 13 + CAPTIONS[:1])[i] for i in chosen]


def test_torchmetrics_is_right_on_bytes_and_captions_that_fit(clip: Clip, tiny_clip: Any) -> None:
    pictures, captions = _positive(clip)
    theirs = _torchmetrics(tiny_clip.transformers, _channels_first(pictures), captions)
    assert _scores(SCORE, clip, pictures, captions).mean() == pytest.approx(theirs, abs=1e-3)


def test_torchmetrics_2883_long_captions_keep_their_end_mark_here_and_lose_it_there(
    clip: Clip, tiny_clip: Any
) -> None:
    """With 75 words a caption just fits; of one of 76 torchmetrics cuts off the end mark.

    CLIP's text vector is read at the end mark. Without one, transformers reads it at the first token, whose
    state is the same for all captions: every long caption then gets one and the same score.
    """
    words = {n: " ".join(["x"] * n) for n in (75, 76, 120)}
    other = " ".join(["y"] * 90)
    ours = {n: _scores(COSINE, clip, _pictures(1), [text])[0] for n, text in words.items()}
    assert ours[76] == pytest.approx(ours[75], abs=1e-6)  # equal once cut: the same 75 words and end mark
    assert ours[120] == pytest.approx(ours[75], abs=1e-6)
    assert not clip.is_truncated(words[75])
    assert clip.is_truncated(words[76])
    picture = _channels_first(_pictures(1))
    theirs = {n: _torchmetrics(tiny_clip.transformers, picture, [text]) for n, text in words.items()}
    assert theirs[75] == pytest.approx(max(100 * ours[75], 0.0), abs=1e-3)
    assert theirs[76] != pytest.approx(theirs[75], abs=0.1)
    assert theirs[76] == pytest.approx(_torchmetrics(tiny_clip.transformers, picture, [other]), abs=1e-4)
    assert ours[120] != pytest.approx(_scores(COSINE, clip, _pictures(1), [other])[0], abs=1e-3)


def test_pictures_in_0_to_1_are_rescaled_twice_by_torchmetrics(clip: Clip, tiny_clip: Any) -> None:
    """What HELM feeds it (ToTensor); this suite's pictures are bytes from the file to the extractor."""
    pictures, captions = _positive(clip)
    floats = [(picture / 255).astype(np.float32) for picture in _channels_first(pictures)]
    right = _scores(SCORE, clip, pictures, captions).mean()
    assert _torchmetrics(tiny_clip.transformers, floats, captions) != pytest.approx(right, abs=0.5)


def test_the_floor_is_a_pictures_here_and_the_means_in_torchmetrics(clip: Clip, tiny_clip: Any) -> None:
    """Hessel et al. floor each picture's score; torchmetrics floors the mean alone, so its mean is lower."""
    captions = (CAPTIONS * 7)[:20]
    cosines = _scores(COSINE, clip, _pictures(20), captions)
    assert cosines.min() < -0.01 < 0.01 < cosines.max()
    theirs = _torchmetrics(tiny_clip.transformers, _channels_first(_pictures(20)), captions)
    assert theirs == pytest.approx(max(100 * cosines.mean(), 0.0), abs=1e-3)
    ours = _scores(SCORE, clip, _pictures(20), captions)
    np.testing.assert_allclose(ours, np.maximum(100 * cosines, 0.0))
    assert ours.mean() > theirs
