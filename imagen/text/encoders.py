"""T5, BERT and CLIP as frozen text encoders: token states of texts, through transformers.

Texts go to the tokenizer as they are: nothing is cleaned, a prompt's digits, hashes and addresses stay.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from imagen.text.files import EncoderFiles, checked_dtype
from imagen.text.states import TokenStates


class TextEncoder(ABC):
    """A frozen encoder: texts to token states, in evaluation mode, without gradients.

    `dim`: numbers a state has; `max_tokens`: longest text, its end token included. Raises ValueError for a
    number type that the family is never run in, and for files that do not hold the whole encoder.
    """

    def __init__(self, files: EncoderFiles, device: str = "cpu", dtype: str = "float32") -> None:
        self.files, self.device = files, torch.device(device)
        self.dim, self.max_tokens = files.dim, files.max_tokens
        self.dtype = checked_dtype(files.family, dtype)
        with _quiet():
            self.tokenizer = self._load_tokenizer()
            self.model = self._load_model().eval().requires_grad_(False).to(self.device)

    def identity(self) -> str:
        """Name, hash of the files, longest text and number type; `EncoderFiles.identity` without loading."""
        return self.files.identity(self.dtype)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[TokenStates]:
        """Token states of each text, special tokens included, float32 on the CPU.

        Texts are encoded one by one, so no padding enters anywhere and a text's states are the same to the
        last bit whatever stands beside it.
        """
        encoded = []
        for text in texts:
            kept, truncated = self._ids(text)
            out = self.model(torch.tensor([kept], device=self.device), output_hidden_states=True)
            encoded.append(self._trimmed(out, 0, len(kept), truncated))
        return encoded

    @torch.inference_mode()
    def encode_padded(self, texts: Sequence[str]) -> list[TokenStates]:
        """As `encode`, in one padded batch: many times faster, equal to rounding (about 1e-6)."""
        cut = [self._ids(text) for text in texts]
        ids = torch.zeros(len(cut), max(len(kept) for kept, _ in cut), dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, (kept, _) in enumerate(cut):
            ids[row, : len(kept)] = torch.tensor(kept)
            mask[row, : len(kept)] = 1
        out = self.model(ids.to(self.device), mask.to(self.device), output_hidden_states=True)
        return [self._trimmed(out, row, len(kept), truncated) for row, (kept, truncated) in enumerate(cut)]

    def _ids(self, text: str) -> tuple[list[int], int]:
        """Token numbers with the end token kept, and how many were cut off before it."""
        ids: list[int] = self.tokenizer(text, verbose=False)["input_ids"]
        kept = ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]]
        return kept, len(ids) - len(kept)

    def _trimmed(self, out: Any, row: int, length: int, truncated: int) -> TokenStates:
        pooled = self._own_pooled(out, row, length)
        return TokenStates(
            self._states(out, row, length).float().cpu().clone(),
            truncated,
            None if pooled is None else pooled.float().cpu().clone(),
        )

    @abstractmethod
    def _network(self) -> Any:
        """The transformers class that holds this encoder and nothing more."""

    def _states(self, out: Any, row: int, length: int) -> Tensor:
        """(T, D) of one text."""
        states: Tensor = out.last_hidden_state[row, :length]
        return states

    def _own_pooled(self, out: Any, row: int, length: int) -> Tensor | None:
        """(P,) of one text, where the encoder has a summary of its own."""
        return None

    def _load_tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        folder = self.files.folder
        spiece = not (folder / "tokenizer.json").is_file() and (folder / "spiece.model").is_file()
        if spiece and find_spec("sentencepiece") is None:
            raise ValueError(f"the tokenizer in {folder} is a spiece.model: pip install sentencepiece")
        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise ValueError(f"the tokenizer in {folder} cannot be loaded: {_first_line(error)}") from error

    def _load_model(self) -> Any:
        folder = self.files.folder
        try:
            model, info = self._network().from_pretrained(
                folder, local_files_only=True, dtype=getattr(torch, self.dtype), output_loading_info=True
            )
        except Exception as error:
            raise ValueError(f"the weights in {folder} cannot be loaded: {_first_line(error)}") from error
        missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
        if missing:  # transformers would go on with random numbers in their place
            raise ValueError(f"the weights in {folder} lack {len(missing)} tensors, such as {missing[0]}")
        return model


class T5(TextEncoder):
    """T5's and T5 v1.1's encoder half: its last layer, after the final norm. Never in float16."""

    def _network(self) -> Any:
        from transformers import T5EncoderModel

        return T5EncoderModel


class BERT(TextEncoder):
    """BERT: its last hidden states."""

    def _network(self) -> Any:
        from transformers import BertModel

        return BertModel


class CLIP(TextEncoder):
    """CLIP's text half: the layer before the last, as the paper uses it (appendix D.1), without a norm.

    The pooled vector is CLIP's own: the end token in the last layer, after the final norm, before projection.
    """

    def _network(self) -> Any:
        from transformers import CLIPTextModel

        return CLIPTextModel

    def _states(self, out: Any, row: int, length: int) -> Tensor:
        states: Tensor = out.hidden_states[-2][row, :length]
        return states

    def _own_pooled(self, out: Any, row: int, length: int) -> Tensor:
        end: Tensor = out.last_hidden_state[row, length - 1]
        return end


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, and no list of the weights that belong to a model's other half."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
