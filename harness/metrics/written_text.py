"""Is what a prompt quotes written in the picture? Read by OCR, for prompts that quote text.

DrawBench's category "Text" asks for such writing (Saharia et al. 2022, appendix C, table A.1), and people
judged it there by eye.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawbench.types import Prompt
from harness.metrics.base import Inputs
from harness.quoted_text import Found, look_for, quoted
from harness.types import Direction

_OBSERVER = "ocr"
_SHOWN = 8
RULES = "rules1"
"""Raised with every change of how quotes are found and readings compared: part of the identity."""


@dataclass(frozen=True)
class WrittenText:
    """Base of both metrics: which prompts they judge, and what was found in each picture."""

    name: str
    summary: str
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ()
    text_extractors: tuple[str, ...] = ()
    image_observers: tuple[str, ...] = (_OBSERVER,)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`name[reader|weights|threshold|no-case|no-punctuation|rules|file type]`."""
        parts = (inputs.identities[_OBSERVER], "no-case", "no-punctuation", RULES, inputs.file_type)
        return f"{self.name}[{'|'.join(parts)}]"

    def unsuited(self, prompts: Sequence[Prompt]) -> str | None:
        """Why the prompts cannot be judged, or None."""
        if not any(quoted(prompt.text) for prompt in prompts):
            return "no prompt asks for a text in quotation marks"
        return None

    def applies(self, prompt: Prompt) -> bool:
        """Whether the prompt quotes any text."""
        return bool(quoted(prompt.text))

    def findings(self, inputs: Inputs) -> list[tuple[list[Found], list[str]]]:
        """For each picture how the quoted texts fare, none where none is quoted, and the lines read."""
        results = []
        for caption, seen in zip(inputs.captions, inputs.observations[_OBSERVER], strict=True):
            lines = [str(line[0]) for line in seen]
            results.append(([look_for(text, lines) for text in quoted(caption)], lines))
        return results


@dataclass(frozen=True)
class WrittenTextAccuracy(WrittenText):
    """1 where every quoted text is read in the picture, else 0."""

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """1 or 0 for each picture, (n,); NaN where the prompt quotes nothing."""
        found = [texts for texts, _ in self.findings(inputs)]
        values = [float(all(text.exact for text in texts)) if texts else math.nan for texts in found]
        return np.array(values, dtype=np.float64)

    def reasons(self, inputs: Inputs) -> list[str | None]:
        """For each picture what was asked and what was read; None where the prompt quotes nothing."""
        return [_reason(texts, lines) if texts else None for texts, lines in self.findings(inputs)]


@dataclass(frozen=True)
class WrittenTextSimilarity(WrittenText):
    """1 - edit distance over length, of the likest part of what was read; mean over the quoted texts."""

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """The similarity for each picture, (n,), in 0..1; NaN where the prompt quotes nothing."""
        found = [texts for texts, _ in self.findings(inputs)]
        values = [sum(t.similarity for t in texts) / len(texts) if texts else math.nan for texts in found]
        return np.array(values, dtype=np.float64)


WRITTEN_TEXT_METRICS: tuple[WrittenTextAccuracy, WrittenTextSimilarity] = (
    WrittenTextAccuracy(
        "written_text_accuracy",
        "Share of the pictures whose prompt quotes a text in which an OCR reads all of it, whatever its "
        "case, punctuation and spaces.",
    ),
    WrittenTextSimilarity(
        "written_text_similarity",
        "How like the quoted text the likest part of what an OCR reads is: 1 - edit distance / length.",
    ),
)


def _reason(texts: Sequence[Found], lines: Sequence[str]) -> str:
    verdict = "right" if all(text.exact for text in texts) else "wrong"
    asked = ", ".join(repr(text.asked) for text in texts)
    shown = ", ".join(map(repr, lines[:_SHOWN])) or "nothing"
    more = f" and {len(lines) - _SHOWN} lines more" if len(lines) > _SHOWN else ""
    return f"{verdict}: asked for {asked}; read {shown}{more}"
