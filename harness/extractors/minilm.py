"""all-MiniLM-L6-v2: a sentence to a unit vector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.extractors.base import Setting, inference
from harness.rows import Vectors
from harness.weights import find

MAX_TOKENS = 256
_BATCH = 32


class MiniLM:
    """all-MiniLM-L6-v2 as sentence-transformers runs it: mean over token states, unit length, 384 numbers.

    Longer texts are cut after 256 tokens, the model's own limit. Texts of equal length in tokens run side
    by side and none is padded, so neighbours can change a text's vector by rounding alone (about 1e-7).
    """

    name = "minilm"
    text_identity = "all-MiniLM-L6-v2-53aa5117|mean|unit|256tok"
    text_dim = 384

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # the caller shows progress
        self._device = device
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        self._network: Any = AutoModel.from_pretrained(str(folder), local_files_only=True).eval().to(device)

    def extract_texts(self, texts: Sequence[str]) -> Vectors:
        """See TextExtractor. float32 (n, 384), each row of length 1."""
        import torch

        tokens = [self._tokens(text)[: MAX_TOKENS - 1] for text in texts]
        end = self._tokenizer.sep_token_id
        ids = [row if row[-1] == end else [*row, end] for row in tokens]
        by_length: dict[int, list[int]] = defaultdict(list)
        for i, row in enumerate(ids):
            by_length[len(row)].append(i)
        vectors = np.empty((len(texts), self.text_dim), np.float32)
        with inference(self._device):
            for members in by_length.values():
                for start in range(0, len(members), _BATCH):
                    chosen = members[start : start + _BATCH]
                    batch = torch.tensor([ids[i] for i in chosen], device=self._device)
                    states = self._network(input_ids=batch, attention_mask=torch.ones_like(batch))
                    mean = states.last_hidden_state.mean(1)
                    vectors[chosen] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        return vectors

    def is_truncated(self, text: str) -> bool:
        """Whether the text has more than 256 tokens, the two marks at its ends included."""
        return len(self._tokens(text)) > MAX_TOKENS

    def _tokens(self, text: str) -> list[int]:
        """Token ids with the marks at both ends, uncut."""
        return list(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])


def build(setting: Setting) -> MiniLM:
    """Builds the extractor from weights found by `harness.weights`. Raises InputError without them."""
    return MiniLM(find("all-MiniLM-L6-v2", setting.weights).path, setting.device)
