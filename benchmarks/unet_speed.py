"""Steps per second of the Efficient U-Net and of the plain U-Net with as many parameters (appendix B.1).

python benchmarks/unet_speed.py --divide 8 --size 256

Both take the same inputs. The Efficient U-Net is the twin of the paper's 64 -> 256 stage. The plain one is
the 64 -> 256 U-Net of Dhariwal & Nichol (2021): two blocks a level, channels 1, 1, 2, 2, 4, 4 times the
first level's, attention at 32, 16 and 8 positions a side; its channels are the ones that bring its parameters
closest to the other's. The runs take turns, so that a busy machine slows both; the median step counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from imagen.measure import Measures, measure
from imagen.presets import load_preset
from imagen.twin import twin_unet
from imagen.unet import UNet, UNetConfig, build_unet

_MULTIPLIERS = (1, 1, 2, 2, 4, 4)


def plain_with(config: UNetConfig, parameters: int) -> UNetConfig:
    """The plain super-resolution U-Net whose size is nearest to `parameters`."""

    def candidates() -> Iterator[UNetConfig]:
        for channels in range(16, 1024, 4):
            yield UNetConfig(
                1,
                tuple(multiplier * channels for multiplier in _MULTIPLIERS),
                (2,) * 6,
                ("none", "none", "none", "self", "self", "self"),
                lowres=True,
                kind="plain",
                embed_dim=4 * channels,
                head_dim=64,
                text_dim=config.text_dim,
                text_width=config.text_width,
                text_layers=0,
            )

    best: tuple[int, UNetConfig] | None = None
    for candidate in candidates():
        try:
            with torch.device("meta"):
                found = sum(p.numel() for p in build_unet(candidate).parameters())
        except ValueError:  # channels that do not split into groups or heads
            continue
        if best is None or abs(found - parameters) < best[0]:
            best = abs(found - parameters), candidate
        if found > parameters:
            break
    assert best is not None
    return best[1]


def passes(config: UNetConfig, size: int, device: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """A sampling step's forward pass, and a training step: forward, backward and update."""
    torch.manual_seed(0)
    unet: UNet = build_unet(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(unet.parameters(), 1e-4)
    z, lowres = torch.randn(2, 1, 3, size, size, device=device)
    level, mask = torch.zeros(1, device=device), torch.ones(1, 32, device=device).bool()
    states = torch.randn(1, 32, config.text_dim, device=device)

    def forward() -> Tensor:
        tokens, pooled = unet.encode_text(states, mask)
        out: Tensor = unet(z, level, tokens, pooled, mask, lowres, level)
        return out

    def sample() -> None:
        with torch.inference_mode():
            forward()
        _wait(device)

    def train() -> None:
        optimiser.zero_grad()
        (forward() - z).square().mean().backward()
        optimiser.step()
        _wait(device)

    return sample, train


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(runs: list[Callable[[], None]], repeats: int) -> list[float]:
    """The median time of each, run in turns after one turn of warm-up."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        for run, taken in zip(runs, times, strict=True):
            began = time.perf_counter()
            run()
            if turn:
                taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in times]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--divide", type=int, default=8, help="the paper's channels by this")
    parser.add_argument("--size", type=int, default=256, help="side of the picture")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    efficient = twin_unet(load_preset("paper-sr256-600m")[256].unet, args.divide)
    plain = plain_with(efficient, measure(efficient, args.size).total)
    shapes = {"efficient": efficient, "plain": plain}
    counts: dict[str, Measures] = {name: measure(shape, args.size) for name, shape in shapes.items()}
    made = {name: passes(shape, args.size, args.device) for name, shape in shapes.items()}
    sampling = seconds([sample for sample, _ in made.values()], args.repeats)
    training = seconds([train for _, train in made.values()], args.repeats)
    for name, sample, train in zip(shapes, sampling, training, strict=True):
        counted = counts[name]
        line = {
            "unet": name,
            "channels": shapes[name].channels,
            "parameters": counted.total,
            "gflop": round(counted.step_flops / 1e9, 2),
            "sampling_steps_per_second": round(1 / sample, 3),
            "training_steps_per_second": round(1 / train, 3),
        }
        print(json.dumps(line))
    print(f"efficient against plain: sampling {sampling[1] / sampling[0]:.2f}x, ", end="")
    print(f"training {training[1] / training[0]:.2f}x steps per second")


if __name__ == "__main__":
    main()
