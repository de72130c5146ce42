"""Trains one stage of a cascade: `python -m imagen.train --stage 64 --data MODULE:FUNCTION --out FOLDER`.

FUNCTION(seed=..., **arguments) yields endless (picture, caption) pairs: uint8 (S, S, 3) and text. The base
stage learns the pictures, a super-resolution stage learns to undo their area-averaging by 4. Batches, noise
and dropped texts are functions of (seed, step) alone, so the same command resumes where it stopped. Under
`torchrun --nproc-per-node N -m imagen.train ...` N processes share each batch.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from imagen.checkpoint import load_state, save_state, save_weights
from imagen.data import PairStore, write_pairs
from imagen.lowres import aug_log_snr, condition, shrink, to_signed
from imagen.presets import StageConfig, load_preset
from imagen.schedule import SCHEDULES, diffuse, to_x0
from imagen.text import MiniLM
from imagen.unet import UNet, build_unet


@dataclass(frozen=True)
class TrainConfig:
    """How a stage is trained. `cooldown` is the share of steps in which the learning rate falls to zero."""

    steps: int
    batch: int = 32
    lr: float = 1.5e-3
    warmup: int = 200
    cooldown: float = 0.4
    weight_decay: float = 0.01
    ema: float = 0.999
    text_drop: float = 0.1
    snr_cap: float = 5.0
    max_aug_sigma: float = 0.5
    clip_norm: float = 1.0
    seed: int = 0


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, constant, then linear to zero over the last `cooldown` share of the steps."""
    rise = min(1.0, (step + 1) / config.warmup)
    left = (config.steps - step) / max(1.0, config.cooldown * config.steps)
    return config.lr * min(rise, left, 1.0)


def loss_weight(log_snr: Tensor, gamma: float) -> Tensor:
    """min(SNR + 1, gamma), the weight of a squared error in x0.

    SNR + 1 alone is the plain v loss. The cap keeps small networks from spending themselves on the last trace
    of noise, as in Hang et al. (2023), but unlike theirs it leaves the noisiest times, where a picture's
    layout is decided, at full weight. Shape as given.
    """
    return (log_snr.exp() + 1).clamp(max=gamma)


def loss_of_batch(
    unet: UNet,
    stage: StageConfig,
    config: TrainConfig,
    pictures: Tensor,
    text: tuple[Tensor, Tensor],
    generator: torch.Generator,
) -> Tensor:
    """The weighted squared error in x0, a scalar.

    pictures: (B, 3, S, S) uint8; text: states (B, T, D) and mask (B, T). Time is drawn by stratified uniform
    sampling, the augmentation level once per sample (appendix F; figure A.32).
    """
    batch = len(pictures)
    x0 = to_signed(pictures)
    strata = torch.arange(batch) + torch.rand(batch, generator=generator)
    log_snr = SCHEDULES[stage.schedule](strata / batch)
    noise = torch.randn(x0.shape, generator=generator)
    lowres: dict[str, Tensor] = {}
    if stage.unet.lowres:
        small = shrink(pictures, 4)
        aug_sigma = config.max_aug_sigma * torch.rand(batch, generator=generator)
        aug_noise = torch.randn(small.shape, generator=generator)
        lowres["lowres"] = condition(small, aug_noise, aug_sigma, x0.shape[-1])
        lowres["aug_log_snr"] = aug_log_snr(aug_sigma)
    states, mask = text
    tokens, pooled = unet.encode_text(states, mask)
    z = diffuse(x0, noise, log_snr)
    raw = unet(z, log_snr, tokens, pooled, mask, **lowres)
    error = (to_x0(raw, z, log_snr, stage.prediction) - x0).square().mean((1, 2, 3))
    return (loss_weight(log_snr, config.snr_cap) * error).mean()


class Trainer:
    """One stage's network, its moving average and optimiser, saved and resumed as a whole."""

    def __init__(self, stage: StageConfig, config: TrainConfig, store: PairStore) -> None:
        torch.manual_seed(config.seed)
        self.stage, self.config, self.store = stage, config, store
        self.unet = build_unet(stage.unet).to(memory_format=torch.channels_last)
        self.average = {k: v.detach().clone() for k, v in self.unet.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.unet.parameters(), config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay, fused=True
        )
        self.step = 0
        self.rank, self.world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)

    def train_step(self) -> float:
        """One batch, or this process's share of it; returns the share's loss."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)) + self.rank)
        indices = np.sort(rng.integers(len(self.store.caption), size=config.batch))
        dropped = rng.random(config.batch) < config.text_drop
        indices, dropped = indices[self.rank :: self.world], dropped[self.rank :: self.world]
        text = self.store.batch_text(indices, dropped)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(config, self.step)
        pictures = self.store.batch_pictures(indices)
        loss = loss_of_batch(self.unet, self.stage, config, pictures, text, generator)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), config.clip_norm)
        self.optimiser.step()
        self.step += 1
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        names = list(self.average)
        current = self.unet.state_dict()
        torch._foreach_lerp_([self.average[k] for k in names], [current[k] for k in names], 1 - decay)
        return float(loss.detach())

    def _share_gradients(self) -> None:
        """Averages gradients over the processes, in one message."""
        if self.world == 1:
            return
        gradients = [p.grad for p in self.unet.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        pieces = torch.split(flat.div_(self.world), [gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "unet": self.unet.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a saved state."""
        self.unet.load_state_dict(state["unet"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def run(trainer: Trainer, out: Path, metadata: dict[str, Any], every: int = 250) -> None:
    """Trains to the configured step; every `every` steps logs, saves a state and exports the average."""
    log = out / "loss.jsonl"
    losses: list[float] = []
    began = time.monotonic()
    while trainer.step < trainer.config.steps:
        losses.append(trainer.train_step())
        if trainer.rank > 0 or (trainer.step % every and trainer.step < trainer.config.steps):
            continue
        seconds = time.monotonic() - began
        rate = len(losses) * trainer.config.batch / seconds
        entry = {"step": trainer.step, "loss": float(np.mean(losses)), "pictures_per_second": round(rate, 1)}
        with log.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        left = (trainer.config.steps - trainer.step) * seconds / len(losses)
        print(f"{entry['step']}/{trainer.config.steps} loss {entry['loss']:.4f}", end=" ")
        print(f"{rate:.1f} pictures/s, {left / 60:.0f} min left", flush=True)
        save_state(out / "state.pt", trainer.state())
        metadata = {**metadata, "step": trainer.step, "pictures_seen": trainer.step * trainer.config.batch}
        save_weights(out / "weights.safetensors", trainer.average, trainer.stage.unet, metadata)
        losses, began = [], time.monotonic()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m imagen.train", description=__doc__)
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--stage", type=int, required=True, help="64, 256 or 1024")
    parser.add_argument("--data", required=True, help="MODULE:FUNCTION that yields (picture, caption) pairs")
    parser.add_argument("--data-args", type=json.loads, default={}, help="JSON object of its arguments")
    parser.add_argument("--pairs", type=int, required=True, help="how many pairs to put on disk")
    parser.add_argument("--pairs-folder", type=Path, help="default: OUT/pairs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=TrainConfig.batch)
    parser.add_argument("--lr", type=float, default=TrainConfig.lr)
    parser.add_argument("--cooldown", type=float, default=TrainConfig.cooldown)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    args = _arguments(argv)
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("gloo")
    if args.threads:
        torch.set_num_threads(args.threads)
    stages = load_preset(args.preset)
    if args.stage not in stages:
        raise SystemExit(f"preset {args.preset} has the stages {', '.join(map(str, stages))}")
    folder = args.pairs_folder or args.out / "pairs"
    if not (folder / "meta.json").exists() and not (dist.is_initialized() and dist.get_rank() > 0):
        module, _, function = args.data.partition(":")
        pairs = getattr(importlib.import_module(module), function)(**{"seed": args.seed, **args.data_args})
        write_pairs(pairs, args.pairs, folder, MiniLM(), lambda what, i, n: print(what, i, n, flush=True))
    if dist.is_initialized():
        dist.barrier()
    config = TrainConfig(args.steps, args.batch, args.lr, cooldown=args.cooldown, seed=args.seed)
    trainer = Trainer(stages[args.stage], config, PairStore.open(folder))
    args.out.mkdir(parents=True, exist_ok=True)
    if (args.out / "state.pt").exists():
        trainer.restore(load_state(args.out / "state.pt"))
    metadata = {
        "data": args.data,
        "data_args": args.data_args,
        "pairs": args.pairs,
        "config": asdict(config),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processes": trainer.world,
    }
    run(trainer, args.out, metadata)


if __name__ == "__main__":
    main()
