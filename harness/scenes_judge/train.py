"""Trains the judge: `python -m harness.scenes_judge.train --out FOLDER`.

It sees renderings of training scenes, retouched and distorted, never a generated picture and no held-out
scene. Batches are functions of (seed, step) alone, so the same command resumes where it stopped. At the end
it chooses the threshold on other renderings of training scenes and writes OUT/detector.safetensors.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drawbench.scenes import digest
from drawbench.scenes.sprites import background_pixels
from harness.scenes_judge.detect import save_detector
from harness.scenes_judge.distort import DistortConfig, degrade, recolour, warp
from harness.scenes_judge.network import INPUT, Detector, DetectorConfig
from harness.scenes_judge.retouch import Objects, RetouchConfig, repaint, scramble
from harness.scenes_judge.store import GROUNDS, Store, draw_store, open_store
from harness.scenes_judge.targets import loss_of, make_targets
from harness.scenes_judge.tune import THRESHOLDS, choose_threshold, f1_by_threshold, see

VALIDATION_PICTURES = 2048


@dataclass(frozen=True)
class TrainConfig:
    """How the detector is trained. The learning rate rises over `warmup` steps, then falls as a cosine."""

    steps: int = 2000
    batch: int = 64
    lr: float = 3e-3
    warmup: int = 200
    weight_decay: float = 0.02
    ema: float = 0.998
    seed: int = 0


def learning_rate(config: TrainConfig, step: int) -> float:
    """At step 0, 1, ..."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    return config.lr * rise * 0.5 * (1 + float(np.cos(np.pi * step / config.steps)))


@dataclass(frozen=True)
class Batch:
    """pictures (B, 3, 128, 128) in [-1, 1]; kinds, colours (B, K), -1 where unknown; boxes (B, K, 4)."""

    pictures: Tensor
    kinds: Tensor
    colours: Tensor
    boxes: Tensor


def make_batch(
    store: Store, indices: Sequence[int], distort: DistortConfig, retouch: RetouchConfig, seed: Sequence[int]
) -> Batch:
    """The stored pictures of these indices, retouched and distorted: a function of its arguments."""
    rng = np.random.default_rng(list(seed))
    rows = np.asarray(indices)
    pictures, labels = store.pictures[rows].copy(), store.labels
    kinds, colours, boxes = labels.kinds[rows].copy(), labels.colours[rows].copy(), labels.boxes[rows]
    for place, row in enumerate(rows):
        objects = Objects(kinds[place], colours[place], boxes[place], labels.mains[row])
        ground = background_pixels(GROUNDS[labels.grounds[row]], INPUT)
        repaint(pictures[place], ground, objects, retouch, rng)
        scramble(pictures[place], objects, retouch.scrambled, rng)
    signed = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    warped, moved = warp(signed, torch.from_numpy(boxes), distort, rng)
    recoloured, changed = recolour(warped, distort.recoloured, rng)
    known = torch.where(changed[:, None], -1, torch.from_numpy(colours))
    return Batch(degrade(recoloured, distort, rng), torch.from_numpy(kinds), known, moved)


class Trainer:
    """The network, its moving average and optimiser, saved and resumed as a whole."""

    def __init__(
        self,
        config: TrainConfig,
        store: Store,
        network: DetectorConfig,
        distort: DistortConfig | None = None,
        retouch: RetouchConfig | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.store = config, store
        self.distort, self.retouch = distort or DistortConfig(), retouch or RetouchConfig()
        self.network = Detector(network).to(memory_format=torch.channels_last)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.lr, weight_decay=config.weight_decay, betas=(0.9, 0.99)
        )
        self.step = 0
        self.seconds = 0.0

    def train_step(self) -> dict[str, float]:
        """One batch; returns the parts of its loss."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        indices = np.sort(rng.integers(len(self.store), size=config.batch))
        batch = make_batch(
            self.store, indices.tolist(), self.distort, self.retouch, (config.seed, self.step, 1)
        )
        targets = make_targets(batch.kinds, batch.colours, batch.boxes)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(config, self.step)
        self.network.train()
        raw = self.network(batch.pictures.contiguous(memory_format=torch.channels_last))
        loss, parts = loss_of(raw, targets)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._follow(min(config.ema, (1 + self.step) / (10 + self.step)))
        return parts

    def _follow(self, decay: float) -> None:
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from a saved state."""
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.seconds = float(state["seconds"])


def run(trainer: Trainer, out: Path, every: int = 100) -> None:
    """Trains to the configured step; every `every` steps logs to OUT/loss.jsonl and saves OUT/state.pt."""
    parts: list[dict[str, float]] = []
    began = time.monotonic()
    while trainer.step < trainer.config.steps:
        parts.append(trainer.train_step())
        if trainer.step % every and trainer.step < trainer.config.steps:
            continue
        seconds = time.monotonic() - began
        trainer.seconds += seconds
        means = {name: round(float(np.mean([p[name] for p in parts])), 4) for name in parts[0]}
        rate = len(parts) * trainer.config.batch / seconds
        entry = {"step": trainer.step, **means, "pictures_per_second": round(rate, 1)}
        with (out / "loss.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")
        left = (trainer.config.steps - trainer.step) * seconds / len(parts) / 60
        print(f"{trainer.step}/{trainer.config.steps} {means}", end=", ")
        print(f"{rate:.0f} pictures/s, {left:.0f} min left", flush=True)
        temporary = out / "state.tmp"
        torch.save(trainer.state(), temporary)
        temporary.replace(out / "state.pt")
        parts, began = [], time.monotonic()


def finish(trainer: Trainer, out: Path, record: dict[str, Any], seed: int) -> Path:
    """Chooses the threshold for the averaged weights and writes OUT/detector.safetensors with the record.

    The threshold is chosen on distorted renderings, their colours left alone, of the training stream `seed`,
    which is another one than the pictures'.
    """
    distort = replace(trainer.distort, recoloured=0.0)
    retouch = replace(trainer.retouch, repainted=0.0)
    network = Detector(trainer.network.config)
    network.load_state_dict(trainer.average)
    held = draw_store(seed, VALIDATION_PICTURES)
    seen, kinds, boxes = [], [], []
    for start in range(0, len(held), trainer.config.batch):
        rows = range(start, min(start + trainer.config.batch, len(held)))
        batch = make_batch(held, rows, distort, retouch, (seed, start, 2))
        seen += see(network, batch.pictures, THRESHOLDS[0])
        kinds.append(batch.kinds)
        boxes.append(batch.boxes)
    f1 = f1_by_threshold(seen, torch.cat(kinds), torch.cat(boxes))
    threshold = choose_threshold(f1)
    record = {**record, "validation": {"pictures": len(held), "seed": seed, "f1": f1}}
    path = out / "detector.safetensors"
    save_detector(path, trainer.average, trainer.network.config, threshold, record)
    print(f"threshold {threshold}, F1 {f1[threshold]:.4f}; wrote {path}", flush=True)
    return path


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m harness.scenes_judge.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=60_000, help="how many renderings to draw and use")
    parser.add_argument("--pictures-folder", type=Path, help="default: OUT/pictures")
    parser.add_argument("--pictures-seed", type=int, default=101, help="training stream of the renderings")
    parser.add_argument("--steps", type=int, default=TrainConfig.steps)
    parser.add_argument("--batch", type=int, default=TrainConfig.batch)
    parser.add_argument("--lr", type=float, default=TrainConfig.lr)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    store = open_store(args.pictures_folder or args.out / "pictures", args.pictures_seed, args.pictures)
    config = TrainConfig(args.steps, args.batch, args.lr, seed=args.seed)
    trainer = Trainer(config, store, DetectorConfig())
    if (args.out / "state.pt").exists():
        trainer.restore(torch.load(args.out / "state.pt", map_location="cpu", weights_only=True))
    run(trainer, args.out)
    record = {
        "command": "python -m harness.scenes_judge.train",
        "config": asdict(config),
        "distortions": asdict(trainer.distort),
        "retouches": asdict(trainer.retouch),
        "pictures": {"n": args.pictures, "split": "train", "seed": args.pictures_seed, "world": digest()},
        "seconds": round(trainer.seconds),
        "threads": args.threads,
        "torch": torch.__version__,
    }
    finish(trainer, args.out, record, args.pictures_seed + 1)


if __name__ == "__main__":
    main()
