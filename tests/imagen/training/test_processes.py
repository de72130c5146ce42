"""Two processes of torchrun, for real, over gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imagen.checkpoint import load_state
from imagen.presets import StageConfig
from imagen.training.config import TrainConfig
from imagen.training.pairs import PairStore
from imagen.training.processes import by_the_first, own_device, rank_and_world
from imagen.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[3]
CONFIG = {"steps": 3, "batch": 8, "warmup": 1, "text_drop": 0.5, "clip_norm": 1e6}
TWO = f"""
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from imagen.checkpoint import save_state
from imagen.presets import StageConfig
from imagen.training.config import TrainConfig
from imagen.training.pairs import PairStore
from imagen.training.processes import by_the_first, join, leave, rank_and_world
from imagen.training.trainer import Execution, Trainer
from imagen.unet import UNetConfig

torch.set_num_threads(1)
join("cpu")
shape = UNetConfig(2, (16, 32), (1, 1), ("none", "cross"), embed_dim=32, text_width=32, text_layers=1)
stage = StageConfig(16, "cosine", "v", 1.0, 4, shape)
store = PairStore.open(Path(sys.argv[1]))
trainer = Trainer(stage, TrainConfig(**{CONFIG!r}), store, Execution(accumulate=2))
losses = [trainer.train_step().loss]
gradient = torch.cat([p.grad.flatten() for p in trainer.unet.parameters() if p.grad is not None])
losses += [trainer.train_step().loss for _ in range(2)]
mine = torch.cat([p.detach().flatten() for p in trainer.unet.parameters()])
first = mine.clone()
dist.broadcast(first, 0)
assert torch.equal(mine, first), "the processes' networks went apart"
if trainer.rank == 0:
    save_state(Path(sys.argv[2]), {{"losses": losses, "gradient": gradient}})


def fail():
    raise ValueError(f"process {{rank_and_world()[0]}} has no data")


try:
    by_the_first(fail)
except ValueError as error:
    print(error)
leave()
"""


def test_two_processes_are_one_batch_and_one_network(
    tmp_path: Path, tiny: StageConfig, store: PairStore
) -> None:
    """Together they see what one process sees: its loss and gradient, but for rounding."""
    (tmp_path / "two.py").write_text(TWO)
    folder = Path(str(store.pictures.filename)).parent  # type: ignore[attr-defined]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, str(tmp_path / "two.py"), str(folder), str(tmp_path / "told.pt")],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.count("process 0 has no data") == 2, done.stderr[-2000:]
    told = load_state(tmp_path / "told.pt")
    alone = Trainer(tiny, TrainConfig(**CONFIG), store)  # type: ignore[arg-type]
    losses = [alone.train_step().loss]
    gradient = torch.cat([p.grad.flatten() for p in alone.unet.parameters() if p.grad is not None])
    losses += [alone.train_step().loss for _ in range(2)]
    assert told["losses"] == pytest.approx(losses, rel=1e-3)
    assert float((told["gradient"] - gradient).norm() / gradient.norm()) < 1e-5


def test_one_process_acts_by_itself() -> None:
    assert rank_and_world() == (0, 1)
    done: list[int] = []
    by_the_first(lambda: done.append(1))
    assert done == [1]
    assert own_device("cpu") == torch.device("cpu")

    def fail() -> None:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        by_the_first(fail)
