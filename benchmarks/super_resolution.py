"""Does super-resolution respect its input, and does it sharpen? imagen-mini on true `scenes` pictures.

    python benchmarks/super_resolution.py --out sr.png

Each stage gets true pictures shrunk by 4. Prints for each augmentation level PSNR of the output shrunk by 4
against the input, PSNR against the true picture beside that of bicubic upsampling, and sharpness: the mean
absolute gradient as a share of the true picture's. Writes them as JSON, with 95% intervals over the pictures,
beside the picture, which shows input, bicubic, output and truth side by side.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from drawbench.benches.scenes import load, true_picture
from drawbench.types import Prompt
from harness.stats import cluster_mean_interval
from imagen.cascade import default_settings, load_cascade
from imagen.lowres import shrink, to_uint8
from imagen.stage import fixed_threads

SHOWN = 4
SHOWN_SIZE = 256


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures, in dB."""
    error = (a.double() - b.double()).square().mean().item()
    return float(10 * np.log10(255**2 / max(error, 1e-12)))


def sharpness(picture: Tensor) -> float:
    """Mean absolute difference of neighbouring pixels."""
    x = picture.double()
    across, down = (x[..., 1:] - x[..., :-1]).abs().mean(), (x[..., 1:, :] - x[..., :-1, :]).abs().mean()
    return float(across + down)


def truth(prompt: Prompt, size: int) -> Tensor:
    """The true picture, uint8 (1, 3, size, size)."""
    return torch.from_numpy(true_picture(prompt, size)).permute(2, 0, 1)[None]


def bicubic(small: Tensor, size: int) -> Tensor:
    """uint8 upsampled to size, uint8."""
    up = F.interpolate(small.float(), size=size, mode="bicubic", align_corners=False)
    return up.round().clamp(0, 255).to(torch.uint8)


def mean_interval(values: list[float]) -> dict[str, float]:
    """Mean with its 95% interval, least value and n."""
    mean, interval = cluster_mean_interval(values, range(len(values)))
    found = {"mean": mean, "low": interval.low, "high": interval.high, "least": min(values)}
    return {**{name: round(value, 3) for name, value in found.items()}, "n": len(values)}


def row(small: Tensor, up: Tensor, out: Tensor, true: Tensor) -> Tensor:
    """Input, bicubic, output and truth side by side, each cut to its middle SHOWN_SIZE pixels."""
    size = true.shape[-1]
    first = (size - SHOWN_SIZE) // 2
    window = slice(first, first + SHOWN_SIZE)
    blocks = F.interpolate(small.float(), size=size, mode="nearest").to(torch.uint8)
    return torch.cat([x[..., window, window] for x in (blocks, up, out, true)], dim=3)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a .png file")
    parser.add_argument("--n", type=int, default=40, help="pictures at 256 px; a fifth of them at 1024 px")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2, 0.3])
    parser.add_argument("--shown-level", type=float, default=0.1)
    args = parser.parse_args()
    cascade, settings = load_cascade("mini", 1024), default_settings("mini")
    prompts = load(n=args.n).prompts
    results, rows = [], []
    for stage in cascade.stages[1:]:
        size = stage.config.size
        chosen = prompts[: args.n if size == 256 else max(SHOWN, args.n // 5)]
        texts = cascade.encoder.encode([prompt.text for prompt in chosen])
        for level in args.levels:
            measures: dict[str, list[float]] = {}
            for number, (prompt, text) in enumerate(zip(chosen, texts, strict=True)):
                true = truth(prompt, size)
                small = shrink(true, 4)
                with fixed_threads():
                    out = to_uint8(
                        stage.sample(text, number, replace(settings[size], aug_sigma=level), small)
                    )
                up, sharp = bicubic(small, size), sharpness(true)
                for name, value in (
                    ("psnr_to_input", psnr(shrink(out, 4), small)),
                    ("psnr_to_truth", psnr(out, true)),
                    ("psnr_to_truth_bicubic", psnr(up, true)),
                    ("sharpness", sharpness(out) / sharp),
                    ("sharpness_bicubic", sharpness(up) / sharp),
                ):
                    measures.setdefault(name, []).append(value)
                if level == args.shown_level and number < SHOWN:
                    rows.append(row(small, up, out, true))
            result = {"stage": size, "aug_sigma": level}
            result |= {name: mean_interval(values) for name, values in measures.items()}
            results.append(result)
            shown = ", ".join(f"{name} {result[name]['mean']:.2f}" for name in measures)
            print(f"{size} px, aug_sigma {level}, n = {len(chosen)}: {shown}", flush=True)
    sheet = torch.cat(rows, dim=2)[0].permute(1, 2, 0).numpy()
    Image.fromarray(sheet).save(args.out)
    args.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
