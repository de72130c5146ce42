"""Training, on a world of two captions that a tiny network learns in seconds."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from imagen.checkpoint import load_state, load_unet, save_state
from imagen.data import Pair, PairStore, write_pairs
from imagen.presets import StageConfig
from imagen.schedule import SCHEDULES, to_x0
from imagen.text import MiniLM
from imagen.train import TrainConfig, Trainer, learning_rate, loss_weight, main, run
from imagen.unet import UNetConfig

TINY = UNetConfig(2, (16, 32), (1, 1), ("none", "cross"), embed_dim=32, text_width=32, text_layers=1)
BASE = StageConfig(16, "cosine", "v", 1.0, 4, TINY)


def two_colours(seed: int, size: int = 16) -> Iterator[Pair]:
    rng = np.random.default_rng(seed)
    while True:
        blue = bool(rng.integers(2))
        picture = np.full((size, size, 3), (20, 20, 220) if blue else (220, 20, 20), np.uint8)
        yield picture, "a blue wall" if blue else "a red wall"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, minilm: MiniLM) -> PairStore:
    folder = tmp_path_factory.mktemp("pairs")
    return write_pairs(two_colours(0), 64, folder, minilm, lambda *_: None)


def test_each_caption_is_encoded_once_and_padded_rows_are_masked(store: PairStore, minilm: MiniLM) -> None:
    assert sorted(store.captions) == ["a blue wall", "a red wall"]
    states, mask = store.batch_text(np.array([0, 1]), np.array([True, False]))
    assert mask.sum(1).tolist() == [1, 5]
    assert not states[0].any()
    expected = minilm.encode([store.captions[store.caption[1]]])[0].states
    assert torch.allclose(states[1], expected, atol=2e-2)


def test_unfinished_pairs_are_refused(tmp_path: Path, minilm: MiniLM) -> None:
    with pytest.raises(ValueError, match="no finished training pairs"):
        PairStore.open(tmp_path)
    three = [pair for pair, _ in zip(two_colours(0), range(3), strict=False)]
    with pytest.raises(ValueError, match="ended after 3 pairs"):
        write_pairs(three, 5, tmp_path, minilm, lambda *_: None)
    with pytest.raises(ValueError, match="no finished training pairs"):
        PairStore.open(tmp_path)


def test_learns_which_colour_each_caption_asks_for(store: PairStore, minilm: MiniLM) -> None:
    trainer = Trainer(BASE, TrainConfig(150, batch=8, lr=3e-3, warmup=5, text_drop=0.0), store)
    losses = [trainer.train_step() for _ in range(150)]
    assert np.mean(losses[-20:]) < 0.7 * np.mean(losses[:5])
    unet = trainer.unet.eval()
    noise = torch.randn((1, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    for caption, asked, other in (("a blue wall", 2, 0), ("a red wall", 0, 2)):
        states = minilm.encode([caption])[0].states[None]
        mask = torch.ones(states.shape[:2], dtype=torch.bool)
        level = torch.tensor([-9.0])
        with torch.no_grad():
            x0 = to_x0(unet(noise, level, *unet.encode_text(states, mask), mask), noise, level, "v")
        means = x0.mean((0, 2, 3))
        assert means[asked] > means[other] + 0.3


@pytest.mark.parametrize("lowres", [False, True])
def test_resuming_gives_the_same_bits_as_never_stopping(
    store: PairStore, tmp_path: Path, lowres: bool
) -> None:
    stage = replace(BASE, prediction="x0", unet=replace(TINY, lowres=lowres))
    config = TrainConfig(6, batch=4)
    straight = Trainer(stage, config, store)
    for _ in range(6):
        straight.train_step()
    first = Trainer(stage, config, store)
    for _ in range(3):
        first.train_step()
    save_state(tmp_path / "state.pt", first.state())
    second = Trainer(stage, config, store)
    second.restore(load_state(tmp_path / "state.pt"))
    for _ in range(3):
        second.train_step()
    for name, value in straight.average.items():
        assert torch.equal(value, second.average[name]), name


def test_learning_rate_rises_stays_and_falls() -> None:
    config = TrainConfig(1000, lr=1.0, warmup=100, cooldown=0.4)
    assert learning_rate(config, 0) == pytest.approx(0.01)
    assert learning_rate(config, 500) == 1.0
    assert learning_rate(config, 800) == pytest.approx(0.5)
    assert learning_rate(config, 999) == pytest.approx(0.0025)


def test_loss_weight_is_one_in_pure_noise_and_capped_when_clean() -> None:
    weight = loss_weight(SCHEDULES["cosine"](torch.tensor([0.0, 0.5, 1.0])), 5.0)
    assert weight.tolist() == pytest.approx([5.0, 2.0, 1.0], abs=0.01)


def test_run_writes_weights_log_and_state_that_can_be_used(store: PairStore, tmp_path: Path) -> None:
    run(Trainer(BASE, TrainConfig(4, batch=4), store), tmp_path, {"data": "two colours"}, every=2)
    unet, metadata = load_unet(tmp_path / "weights.safetensors")
    assert unet.config == TINY
    assert (metadata["step"], metadata["pictures_seen"], metadata["data"]) == (4, 16, "two colours")
    assert [json.loads(line)["step"] for line in (tmp_path / "loss.jsonl").read_text().splitlines()] == [2, 4]


def test_a_bad_weights_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no usable weights"):
        load_unet(tmp_path / "bad.safetensors")
    with pytest.raises(ValueError, match="no weights at"):
        load_unet(tmp_path / "absent.safetensors")


def test_unknown_stage_is_refused_by_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has the stages 64, 256, 1024"):
        main(["--stage", "128", "--data", "x:y", "--pairs", "1", "--steps", "1", "--out", str(tmp_path)])


TWO = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from imagen.data import PairStore
from imagen.presets import StageConfig
from imagen.train import TrainConfig, Trainer
from imagen.unet import UNetConfig

torch.set_num_threads(1)
dist.init_process_group("gloo")
shape = UNetConfig(2, (16,), (1,), ("cross",), embed_dim=16, text_width=32, text_layers=1)
stage = StageConfig(16, "cosine", "v", 1.0, 4, shape)
trainer = Trainer(stage, TrainConfig(3, batch=8, warmup=1), PairStore.open(Path(sys.argv[1])))
losses = [trainer.train_step() for _ in range(3)]
mine = torch.cat([p.detach().flatten() for p in trainer.unet.parameters()])
first, seen = mine.clone(), [torch.zeros(3) for _ in range(2)]
dist.broadcast(first, 0)
dist.all_gather(seen, torch.tensor(losses))
assert torch.equal(mine, first), "the processes' networks went apart"
assert not torch.equal(seen[0], seen[1]), "both processes saw the same pictures"
print("equal")
"""


def test_two_processes_share_a_batch_and_stay_equal(tmp_path: Path, minilm: MiniLM) -> None:
    write_pairs(two_colours(0), 16, tmp_path / "pairs", minilm, lambda *_: None)
    (tmp_path / "two.py").write_text(TWO)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, str(tmp_path / "two.py"), str(tmp_path / "pairs")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.count("equal") == 2, done.stderr[-2000:]
