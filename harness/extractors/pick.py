"""PickScore's network through transformers: a CLIP trained on people's choices (Kirstain et al. 2023).

PickScore is the scale times the cosine (equation 1 of the paper, its softmax left out). The scale is part of
what was trained, so a text's vector carries it as its length, and the product with a picture's vector of
length 1 is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness.decode import RgbImage
from harness.extractors.base import Setting, inference, micro_batch
from harness.hub_models import find_model, get_model, load_network, loading, missing_model
from harness.rows import Vectors

PROCESSOR = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
"""Where the preprocessing of PickScore_v1 lies, if not beside its weights."""

_KEY, _WHAT = "pick", "PickScore's network"


class Pick:
    """A CLIPModel of transformers in fp32. Pictures' vectors have length 1, texts' the logit scale.

    Texts longer than the context are cut by the tokenizer, which keeps the end mark.
    """

    name = "pick"

    def __init__(self, identity: str, network: Any, pictures: Any, tokenizer: Any, device: str) -> None:
        self._network = network.to(device)
        self._pictures, self._tokenizer, self._device = pictures, tokenizer, device
        self._context = int(network.config.text_config.max_position_embeddings)
        self._scale = float(network.logit_scale.detach().exp())
        self.identity = self.text_identity = f"{identity}|scale{self._scale:.6g}|fp32"
        self.dim = self.text_dim = int(network.config.projection_dim)

    def extract_images(self, images: Sequence[RgbImage]) -> Vectors:
        """See ImageExtractor. float32 (n, dim), each row of length 1."""
        rows = []
        with inference(self._device):
            for part in _parts(images, micro_batch(self._device)):
                inputs = self._pictures(
                    images=[Image.fromarray(image) for image in part], return_tensors="pt"
                )
                rows.append(_unit(self._network.get_image_features(**inputs.to(self._device))))
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def extract_texts(self, texts: Sequence[str]) -> Vectors:
        """See TextExtractor. float32 (n, dim), each row as long as the logit scale."""
        rows = []
        with inference(self._device):
            for part in _parts(texts, micro_batch(self._device)):
                tokens = self._tokenizer(
                    list(part),
                    padding="max_length",
                    truncation=True,
                    max_length=self._context,
                    return_tensors="pt",
                )
                features = self._network.get_text_features(**tokens.to(self._device))
                rows.append(np.float32(self._scale) * _unit(features))
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def is_truncated(self, text: str) -> bool:
        """Whether the text with its two marks is longer than the context (77 tokens)."""
        return len(self._tokenizer(text)["input_ids"]) > self._context


def missing(setting: Setting) -> str | None:
    """What the network of `Setting.pick_model` lacks, as one line, or None."""
    problem = missing_model(setting.pick_model, setting.weights, _KEY, _WHAT)
    found = find_model(setting.pick_model, setting.weights)
    if problem or found is None or _has_processor(found.folder):
        return problem
    return missing_model(PROCESSOR, setting.weights, _KEY, "PickScore's preprocessing")


def build(setting: Setting) -> Pick:
    """Builds the network of `Setting.pick_model`. Raises InputError where that cannot be done."""
    found = get_model(setting.pick_model, setting.weights, _KEY, _WHAT)
    beside = found
    if not _has_processor(found.folder):
        beside = get_model(PROCESSOR, setting.weights, _KEY, "PickScore's preprocessing")
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    network = load_network(CLIPModel, found, _WHAT)
    with loading(beside, "PickScore's preprocessing"):
        pictures = CLIPImageProcessor.from_pretrained(beside.folder, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(beside.folder, local_files_only=True)
    identity = found.identity if beside is found else f"{found.identity}|{beside.identity}"
    return Pick(identity, network, pictures, tokenizer, setting.device)


def _has_processor(folder: Path) -> bool:
    pictures = (folder / "preprocessor_config.json").is_file() or (folder / "processor_config.json").is_file()
    return pictures and ((folder / "tokenizer.json").is_file() or (folder / "vocab.json").is_file())


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _unit(features: Any) -> Vectors:
    pooled = getattr(features, "pooler_output", features)  # transformers 5 gives an output, 4 the tensor
    unit = pooled.float() / pooled.float().norm(dim=-1, keepdim=True)
    return np.asarray(unit.cpu().numpy(), dtype=np.float32)
