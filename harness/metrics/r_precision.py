"""CLIP R-precision: is a picture's own prompt the one that fits it best among R of the bench's prompts?

Park et al. 2021, "Benchmark for compositional text-to-image synthesis", put CLIP in the place of the
text-image network with which Xu et al. 2018 (AttnGAN, section 4) introduced the measure, R = 100 and one
prompt that is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drawbench.types import Prompt
from harness.metrics.base import Inputs
from harness.rows import Vectors
from harness.types import Direction

CANDIDATES = 100
TIE = 1e-6
"""Cosines that differ by less are equal: float32 features do not tell them apart."""


@dataclass(frozen=True)
class ClipRPrecision:
    """Share of pictures whose own prompt fits best among 100 of the bench's prompts (CLIP R-precision).

    The other 99 are drawn by the seed, for each prompt its own; a bench with fewer different prompts has
    all of them as candidates. Prompts with the same text are one candidate. Where k texts fit equally well,
    as do long ones that are cut to the same beginning, the own one counts 1/k.
    """

    name: str = "clip_r_precision"
    candidates: int = CANDIDATES
    direction: Direction = "higher"
    image_extractors: tuple[str, ...] = ("clip",)
    text_extractors: tuple[str, ...] = ("clip",)
    needs_reference: bool = False
    bounds: tuple[float, float] | None = (0.0, 1.0)

    def identity(self, inputs: Inputs) -> str:
        """`clip_r_precision[network|R=candidates|pool:n@hash|seed|eos-kept|file type]`."""
        pool = text_pool(inputs.bench_texts, inputs.captions)
        size = min(self.candidates, len(pool))
        digest = hashlib.sha256("\n".join(pool).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        parts = (
            inputs.identities["clip"],
            f"R={size}",
            f"pool:{len(pool)}@{digest}",
            f"seed{inputs.seed}",
            "eos-kept",
            inputs.file_type,
        )
        return f"{self.name}[{'|'.join(parts)}]"

    def unsuited(self, prompts: Sequence[Prompt]) -> str | None:
        """Why the prompts leave nothing to choose from, or None."""
        if len({prompt.text for prompt in prompts}) < 2:
            return "it needs at least two different prompts to choose from"
        return None

    def applies(self, prompt: Prompt) -> bool:
        """Every picture can be judged."""
        return True

    def per_image(self, inputs: Inputs) -> NDArray[np.float64]:
        """1 where the own prompt is first, 1/k where k are, else 0; (n,)."""
        pool = text_pool(inputs.bench_texts, inputs.captions)
        place = {text: i for i, text in enumerate(pool)}
        texts = _unit(inputs.embed("clip", pool))
        pictures = inputs.features["clip"]
        chosen = {
            caption: candidate_places(pool, place[caption], self.candidates, inputs.seed)
            for caption in dict.fromkeys(inputs.captions)
        }
        values = [
            own_rank_score(_unit(pictures.take(np.array([row])))[0], texts, place[caption], chosen[caption])
            for row, caption in enumerate(inputs.captions)
        ]
        return np.array(values, dtype=np.float64)


def text_pool(bench_texts: Sequence[str], captions: Sequence[str]) -> list[str]:
    """The different texts of the bench, sorted, so that neither order nor repetition changes a draw."""
    return sorted({*bench_texts, *captions})


def candidate_places(pool: Sequence[str], own: int, size: int, seed: int) -> NDArray[np.intp]:
    """Places in `pool` of the texts that the one at `own` competes with, at most size - 1, without it.

    Drawn without replacement by the seed and the own text's hash: the same whatever other pictures there are.
    """
    others = np.delete(np.arange(len(pool)), own)
    if others.size <= size - 1:
        return others
    digest = hashlib.sha256(pool[own].encode("utf-8", "surrogatepass")).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    return np.sort(rng.choice(others, size - 1, replace=False))


def own_rank_score(
    picture: NDArray[np.float64], texts: NDArray[np.float64], own: int, others: NDArray[np.intp]
) -> float:
    """1/k where the own text shares the first rank with k - 1 others, 0 where one of them fits better.

    `picture` (d,) and `texts` (m, d) have length 1.
    """
    rivals = texts[others] @ picture
    mine = float(texts[own] @ picture)
    if (rivals > mine + TIE).any():
        return 0.0
    return 1.0 / (1 + int((rivals >= mine - TIE).sum()))


def _unit(vectors: Vectors) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return unit
