"""VQAScore's judge through transformers: how probable a vision-language model finds "Yes" (Lin et al. 2024).

The model is asked once for each pair of picture and text, and the score is the probability of the first
token of its answer, over its whole vocabulary: section 3 of "Evaluating text-to-visual generation with
image-to-text generation". Nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from drawbench.errors import InputError
from harness.decode import RgbImage
from harness.extractors.base import Setting, inference
from harness.hub_models import HubModel, get_model, load_network, loading, missing_model
from harness.rows import Vectors

TEMPLATE = 'Does this figure show "{}"? Please answer yes or no.'
ANSWER = "Yes"
_KEY, _WHAT = "vqa", "VQAScore's model"


class Vqa:
    """A model of transformers that reads a picture and a text, in fp32, one pair at a time.

    `processor` is the model's own. Raises InputError where the answer is more than one token to it, or
    where it knows no place for a picture.
    """

    name = "vqa"

    def __init__(self, identity: str, network: Any, processor: Any, device: str) -> None:
        self._network = network.to(device)
        self._processor, self._device = processor, device
        tokens = processor.tokenizer.encode(ANSWER, add_special_tokens=False)
        if len(tokens) != 1:
            raise InputError(
                f"{_WHAT} {identity} writes {ANSWER!r} as {len(tokens)} tokens; it needs a model to which it "
                f"is one"
            )
        self._answer = int(tokens[0])
        self._chat = bool(getattr(processor, "chat_template", None))
        if not self._chat and not getattr(processor, "image_token", None):
            raise InputError(f"{_WHAT} {identity} has neither a chat template nor a token for pictures")
        self._context = _context(network.config)
        form = "chat-template" if self._chat else "image-token-first"
        self.identity = (
            f"{identity}|{type(network).__name__}|{TEMPLATE.replace('{}', '{text}')}|{form}|"
            f"P({ANSWER}=token {self._answer})|fp32"
        )

    def judge_pairs(self, images: Sequence[RgbImage], texts: Sequence[str]) -> Vectors:
        """See PairJudge. The probability of "Yes", float32 (n,), in 0..1."""
        import torch

        values = []
        with inference(self._device):
            for image, text in zip(images, texts, strict=True):
                inputs = self._ask(image, text)
                logits = self._network(**inputs.to(self._device)).logits[0, -1].double()
                values.append(float(torch.softmax(logits, dim=-1)[self._answer]))
        return np.array(values, dtype=np.float32)

    def is_truncated(self, text: str) -> bool:
        """Whether the question alone is longer than the model's context."""
        return self._context is not None and len(self._processor.tokenizer(text)["input_ids"]) > self._context

    def _ask(self, image: RgbImage, text: str) -> Any:
        try:
            return self._processor(
                images=[Image.fromarray(image)], text=[self._question(text)], return_tensors="pt"
            )
        except ValueError as error:  # such as a prompt that holds the model's own mark for a picture
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"{_WHAT} cannot be asked about {text!r}: {reason}") from None

    def _question(self, text: str) -> str:
        question = TEMPLATE.format(text)
        if not self._chat:
            return f"{self._processor.image_token}\n{question}"
        content = [{"type": "image"}, {"type": "text", "text": question}]
        asked = [{"role": "user", "content": content}]
        return str(self._processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False))


def missing(setting: Setting) -> str | None:
    """What the model of `Setting.vqa_model` lacks, as one line, or None."""
    return missing_model(setting.vqa_model, setting.weights, _KEY, _WHAT)


def build(setting: Setting) -> Vqa:
    """Builds the model of `Setting.vqa_model`. Raises InputError where that cannot be done."""
    found = get_model(setting.vqa_model, setting.weights, _KEY, _WHAT)
    network, processor = _load(found)
    return Vqa(found.identity, network, processor, setting.device)


def _load(found: HubModel) -> tuple[Any, Any]:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    network = load_network(AutoModelForImageTextToText, found, _WHAT)
    with loading(found, _WHAT):
        processor = AutoProcessor.from_pretrained(
            found.folder, local_files_only=True, trust_remote_code=False
        )
    if getattr(processor, "tokenizer", None) is None:
        raise InputError(f"{_WHAT} {found.name} cannot be loaded: it has no tokenizer")
    return network, processor


def _context(config: Any) -> int | None:
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return None if found is None else int(found)
