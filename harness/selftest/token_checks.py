"""Tokenisers: the ids that CLIP and MiniLM were trained with, and what happens to texts that are too long."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from harness.selftest.report import Check
from harness.weights import WeightsPolicy, find

_START, _END = 49406, 49407
_CLIP = {
    "a photo of a cat": [320, 1125, 539, 320, 2368],
    "A Photo  of a cat!": [320, 1125, 539, 320, 2368, 256],
    "a diagram": [320, 22697],
}
_MINILM = {
    "a photo of a cat": [101, 1037, 6302, 1997, 1037, 4937, 102],
    "A Photo of a CAT!": [101, 1037, 6302, 1997, 1037, 4937, 999, 102],
}
_CONTEXT = 77


def token_checks(policy: WeightsPolicy) -> list[Check]:
    """Counts of ids that differ; none may."""
    checks = [Check("tokenise", f"CLIP: {text!r}", 0, partial(_clip, text)) for text in _CLIP]
    checks.append(Check("tokenise", "CLIP: the end mark of a long text is kept", 0, _clip_long))
    checks += [Check("tokenise", f"MiniLM: {text!r}", 0, partial(_minilm, text, policy)) for text in _MINILM]
    return checks


def _clip(text: str) -> tuple[ArrayLike, ArrayLike]:
    expected = np.zeros(_CONTEXT)
    ids = [_START, *_CLIP[text], _END]
    expected[: len(ids)] = ids
    return expected, _clip_tokens(text)


def _clip_long() -> tuple[ArrayLike, ArrayLike]:
    """Cutting at 77 without it costs a caption nine points of CLIP score."""
    x = 343  # "x"
    return [_START, *[x] * (_CONTEXT - 2), _END], _clip_tokens("x " * 100)


def _clip_tokens(text: str) -> ArrayLike:
    import open_clip

    tokens: ArrayLike = open_clip.get_tokenizer("ViT-L-14")([text])[0].numpy()
    return tokens


def _minilm(text: str, policy: WeightsPolicy) -> tuple[ArrayLike, ArrayLike]:
    from transformers import AutoTokenizer

    folder = find("all-MiniLM-L6-v2", policy).path
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return _MINILM[text], tokenizer(text)["input_ids"]
