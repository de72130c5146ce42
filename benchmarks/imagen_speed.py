"""Seconds per picture of imagen-mini to 1024 px, by stage, beside the same networks sampled naively.

    python benchmarks/imagen_speed.py --naive-steps 50 6 4

Naive means: conditional and unconditional halves in two passes, at every stage as the paper guides all three;
the text's layers run anew in each pass; attention as two matrix products with a softmax between; DDIM. How
many steps DDIM needs for the scores of the defaults is on the curve of samplers and steps, with numbers in
results/reference/pareto/README.md. A third row guides the base stage alone, as the defaults do. The three
take turns, so that a change of the machine's speed meets all of them.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from drawbench.benches.scenes import load
from imagen.cascade import Cascade, default_settings, load_cascade
from imagen.guidance import classifier_free
from imagen.lowres import aug_log_snr, condition, to_uint8
from imagen.samplers import make_sampler
from imagen.schedule import SCHEDULES, time_grid, to_x0
from imagen.stage import Stage, StageSettings, fixed_threads, stage_noise
from imagen.text import TokenStates
from imagen.thresholding import threshold


def plain_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **_: Any
) -> Tensor:
    """What F.scaled_dot_product_attention computes, as written in textbooks."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    return scores.softmax(-1) @ value


@contextmanager
def textbook_attention() -> Iterator[None]:
    """Puts `plain_attention` in the place of torch's fused kernel."""
    fused = F.scaled_dot_product_attention
    F.scaled_dot_product_attention = plain_attention
    try:
        yield
    finally:
        F.scaled_dot_product_attention = fused


@torch.inference_mode()
def naive(
    stage: Stage, text: TokenStates, seed: int, settings: StageSettings, small: Tensor | None
) -> Tensor:
    """As `Stage.sample`, with nothing shared between passes."""
    size, states = stage.config.size, text.states[None]
    texts = {"given": states, "null": torch.zeros_like(states[:, :1])}
    lowres: dict[str, Tensor] = {}
    if small is not None:
        sigma = torch.full((1,), settings.aug_sigma)
        noise = stage_noise(seed, size, "augmentation", tuple(small.shape))
        lowres = {"lowres": condition(small, noise, sigma, size), "aug_log_snr": aug_log_snr(sigma)}

    def one_pass(z: Tensor, log_snr: float, which: str) -> Tensor:
        mask = torch.ones(texts[which].shape[:2], dtype=torch.bool)
        level = torch.full((1,), log_snr)
        tokens, pooled = stage.unet.encode_text(texts[which], mask)
        return to_x0(stage.unet(z, level, tokens, pooled, mask, **lowres), z, level, stage.config.prediction)

    def denoise(z: Tensor, log_snr: float) -> Tensor:
        x0 = one_pass(z, log_snr, "given")
        if settings.guidance_scale != 1:
            x0 = classifier_free(x0, one_pass(z, log_snr, "null"), settings.guidance_scale)
        return threshold(x0, settings.thresholding, settings.percentile)

    start = stage_noise(seed, size, "start", (1, 3, size, size))
    grid = time_grid(SCHEDULES[stage.config.schedule], settings.steps)
    return make_sampler("ddim")(denoise, start, grid, lambda step: torch.zeros_like(start))


Draw = Callable[[Stage, TokenStates, int, StageSettings, Tensor | None], Tensor]


def ours(stage: Stage, text: TokenStates, seed: int, settings: StageSettings, small: Tensor | None) -> Tensor:
    """The way the suite does it."""
    return stage.sample(text, seed, settings, small)


def time_picture(
    cascade: Cascade, prompt: str, seed: int, settings: dict[int, StageSettings], draw: Draw
) -> dict[str, float]:
    """Seconds of the text encoder and of each stage for one picture."""
    with fixed_threads():
        begun = time.perf_counter()
        text = cascade.encoder.encode([prompt])[0]
        seconds = {"text": time.perf_counter() - begun}
        picture: Tensor | None = None
        for stage in cascade.stages:
            begun = time.perf_counter()
            picture = to_uint8(draw(stage, text, seed, settings[stage.config.size], picture))
            seconds[str(stage.config.size)] = time.perf_counter() - begun
    return seconds


def measure(cascade: Cascade, steps: Sequence[int], n: int) -> dict[str, list[dict[str, float]]]:
    """Timings of n pictures each way, taking turns, after one of each to warm up."""
    settings = default_settings("mini")
    slow = {
        size: replace(one, steps=count, sampler="ddim", guidance_interval=None)
        for (size, one), count in zip(settings.items(), steps, strict=True)
    }
    weight = settings[min(settings)].guidance_scale
    guided = {size: replace(one, guidance_scale=weight) for size, one in slow.items()}
    ways = {
        "ours": (settings, ours),
        "naive, every stage guided": (guided, naive),
        "naive, base stage guided": (slow, naive),
    }
    timings: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number, prompt in enumerate(load(n=n + 1).prompts):
        for name, (chosen, draw) in ways.items():
            if draw is naive:
                with textbook_attention():
                    timings[name].append(time_picture(cascade, prompt.text, number, chosen, draw))
            else:
                timings[name].append(time_picture(cascade, prompt.text, number, chosen, draw))
    return {name: rows[1:] for name, rows in timings.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--naive-steps", type=int, nargs=3, required=True, metavar=("64", "256", "1024"))
    parser.add_argument("--n", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    begun = time.perf_counter()
    cascade = load_cascade("mini", 1024)
    cascade.encoder.encode(["a first text, so that the encoder is there"])
    loading = time.perf_counter() - begun
    timings = measure(cascade, args.naive_steps, args.n)
    totals = {name: np.median([sum(row.values()) for row in rows]) for name, rows in timings.items()}
    if args.json:
        print(json.dumps({"loading": loading, "timings": timings}, indent=1))
        return
    print(f"loading, MiniLM included: {loading:.1f} s")
    for name, rows in timings.items():
        medians = {part: float(np.median([row[part] for row in rows])) for part in rows[0]}
        shares = ", ".join(f"{part} {value:.2f} s" for part, value in medians.items())
        ratio = totals[name] / totals["ours"]
        print(
            f"{name}: median {totals[name]:.2f} s a picture ({shares}), {ratio:.1f} x ours, n = {len(rows)}"
        )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
