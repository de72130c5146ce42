"""One stage's network, its moving average and optimiser: a step, and the state that a run goes on from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imagen.checkpoint import load_unet
from imagen.grow import grow_unet
from imagen.presets import StageConfig
from imagen.training.config import TrainConfig
from imagen.training.objective import FACTOR, Draws, batch_loss, draw, predict
from imagen.training.optimisers import ema_decay, learning_rate, make_optimiser
from imagen.training.pairs import PairStore
from imagen.training.processes import average, rank_and_world
from imagen.unet import UNet, UNetConfig, build_unet

CPU: Final = torch.device("cpu")


class Diverged(Exception):
    """A step's loss or gradient is no number. The network is as it was before that step."""


class Step(NamedTuple):
    """What a step tells: the whole batch's loss, the gradient's norm before clipping, the learning rate."""

    loss: float
    gradient_norm: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Execution:
    """How steps are computed: nothing here changes what is learnt, except by rounding.

    `accumulate`: pieces that each process takes its rows of a batch in; `compile_backend`: torch.compile's;
    empty: not compiled. Raises ValueError on values that make no sense.
    """

    device: torch.device = CPU
    accumulate: int = 1
    compile_backend: str = ""

    def __post_init__(self) -> None:
        if self.accumulate < 1:
            raise ValueError(f"accumulate must be at least 1, got {self.accumulate}")


def starting_weights(path: Path, config: UNetConfig) -> dict[str, Tensor]:
    """The weights of a file for a network of shape `config`; those of a smaller network are grown to it.

    Raises ValueError when the file holds no weights, or they cannot become this network's.
    """
    unet, _ = load_unet(path)
    if unet.config == config:
        return unet.state_dict()
    try:
        return grow_unet(unet, config).state_dict()
    except ValueError as error:
        raise ValueError(f"{path} is of another network: {error}") from error


def check_sizes(stage: StageConfig, config: TrainConfig, side: int) -> None:
    """Raises ValueError where pictures of `side` pixels cannot train this stage with this configuration."""
    if side > stage.size or (side < stage.size and not stage.unet.lowres):
        raise ValueError(f"the pictures are {side} px wide, the stage wants {stage.size} px")
    if config.crop > side:
        raise ValueError(f"crop {config.crop} is larger than the pictures, which are {side} px wide")
    if config.crop and not stage.unet.lowres:
        raise ValueError("crop is for super-resolution stages: the base stage draws whole pictures")
    unit = math.lcm(stage.unet.stride, FACTOR) if stage.unet.lowres else stage.unet.stride
    if (config.crop or side) % unit:
        raise ValueError(f"this stage trains on sizes that {unit} divides, not {config.crop or side}")


def check_split(config: TrainConfig, execution: Execution) -> None:
    """Raises ValueError where the batch does not split evenly into processes and pieces."""
    _, world = rank_and_world()
    if config.batch % (world * execution.accumulate):
        raise ValueError(
            f"a batch of {config.batch} does not split into {world} processes x {execution.accumulate} pieces"
        )


class Trainer:
    """Trains one stage on a store of pairs.

    Batch, noise, times and dropped texts are functions of (seed, step) alone, drawn for the whole batch
    in every process: neither their number nor the accumulation changes them. `initial` are weights to start
    from. Raises ValueError where stage, configuration and pairs do not fit.
    """

    def __init__(
        self,
        stage: StageConfig,
        config: TrainConfig,
        store: PairStore,
        execution: Execution | None = None,
        initial: dict[str, Tensor] | None = None,
    ) -> None:
        check_sizes(stage, config, store.side)
        self.stage, self.config, self.store = stage, config, store
        self.execution = execution or Execution()
        check_split(config, self.execution)
        if store.states.shape[1] != stage.unet.text_dim:
            raise ValueError(
                f"the captions have {store.states.shape[1]} values a token, not {stage.unet.text_dim}"
            )
        self.rank, self.world = rank_and_world()
        torch.manual_seed(config.seed)
        unet = build_unet(stage.unet)
        if initial is not None:
            unet.load_state_dict(initial)
        self.unet: UNet = unet.to(self.execution.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.unet.state_dict().items()}
        self.optimiser = make_optimiser(config, self.unet.parameters())
        backend = self.execution.compile_backend
        self.predict = torch.compile(predict, backend=backend) if backend else predict
        self.step = 0

    def train_step(self) -> Step:
        """One batch. Raises Diverged, with everything as it was, where the step gives no numbers."""
        config, pieces = self.config, self.execution.accumulate
        indices, dropped, corners, draws = self._draw()
        rate = learning_rate(config, self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss = torch.zeros((), device=self.execution.device)
        for piece in range(pieces):
            rows = slice(self.rank + self.world * piece, None, self.world * pieces)
            pictures = self.store.batch_pictures(
                indices[rows], config.crop, None if corners is None else corners[rows]
            )
            text = self.store.batch_text(indices[rows], dropped[rows])
            loss += self._backward(pictures, text, draws.rows(rows, self.execution.device)) / pieces
        average([loss, *(p.grad for p in self.unet.parameters() if p.grad is not None)])
        norm = torch.nn.utils.clip_grad_norm_(self.unet.parameters(), config.clip_norm)
        told = Step(float(loss), float(norm), rate)
        if not math.isfinite(told.loss) or not math.isfinite(told.gradient_norm):
            raise Diverged(
                f"step {self.step + 1}: the loss is {told.loss}, its gradient's norm {told.gradient_norm}"
            )
        self.optimiser.step()
        self.step += 1
        names = list(self.average)
        current = self.unet.state_dict()
        torch._foreach_lerp_(
            [self.average[k] for k in names], [current[k] for k in names], 1 - ema_decay(config, self.step)
        )
        return told

    def _draw(self) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64] | None, Draws]:
        """Pairs, dropped texts, corners of crops and noise of this step's whole batch."""
        config, side = self.config, self.store.side
        rng = np.random.default_rng((config.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        indices = np.sort(rng.integers(len(self.store.caption), size=config.batch))
        dropped = rng.random(config.batch) < config.text_drop
        corners = None
        if 0 < config.crop < side:
            # On the low-resolution picture's grid: the crop's input is then the crop of the input.
            corners = FACTOR * rng.integers((side - config.crop) // FACTOR + 1, size=(config.batch, 2))
        return indices, dropped, corners, draw(self.stage, config, config.crop or side, generator)

    def _backward(self, pictures: Tensor, text: tuple[Tensor, Tensor], draws: Draws) -> Tensor:
        """Adds a piece's share to the gradients; gives the piece's own loss."""
        device = self.execution.device
        states, mask = text[0].to(device), text[1].to(device)
        loss = batch_loss(
            self.unet, self.stage, self.config, pictures.to(device), (states, mask), draws, self.predict
        )
        (loss / self.execution.accumulate).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

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
        self.average = {k: v.to(self.execution.device) for k, v in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
