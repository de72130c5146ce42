"""Steps: what is learnt, and that nothing but (seed, step) decides a batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imagen.checkpoint import load_state, save_state, save_weights
from imagen.presets import StageConfig
from imagen.schedule import to_x0
from imagen.text import MiniLM
from imagen.training.config import TrainConfig
from imagen.training.pairs import PairStore
from imagen.training.trainer import Diverged, Execution, Trainer, check_sizes, starting_weights


def lowres(stage: StageConfig, **changes: Any) -> StageConfig:
    return replace(stage, prediction="x0", unet=replace(stage.unet, lowres=True), **changes)


def test_learns_which_colour_each_caption_asks_for(
    tiny: StageConfig, store: PairStore, minilm: MiniLM
) -> None:
    trainer = Trainer(tiny, TrainConfig(150, batch=8, lr=3e-3, warmup=5, text_drop=0.0), store)
    losses = [trainer.train_step().loss for _ in range(150)]
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


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("optimiser", ["adamw", "adafactor"])
def test_every_objective_learns_with_every_optimiser(
    tiny: StageConfig, store: PairStore, prediction: str, optimiser: str
) -> None:
    small = replace(tiny.unet, channels=(16,), blocks=(1,), attention=("cross",))
    rate = 0.1 if optimiser == "adafactor" else 0.01  # a share of each weight's own size
    config = TrainConfig(
        30,
        batch=8,
        optimiser=optimiser,
        lr=rate,
        warmup=3,
        decay="constant",
        weighting="min_snr",
    )
    trainer = Trainer(replace(tiny, prediction=prediction, unet=small), config, store)
    losses = [trainer.train_step().loss for _ in range(30)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:3])


def test_a_steps_loss_is_what_it_always_was(tiny: StageConfig, noise_store: PairStore) -> None:
    """Batches, times, noise and dropped texts of the default settings move on purpose only."""
    stage = replace(tiny, size=32)
    for one, expected in ((stage, GOLDEN_BASE), (lowres(stage), GOLDEN_LOWRES)):
        trainer = Trainer(one, TrainConfig(3, batch=8, warmup=1), noise_store)
        assert [trainer.train_step().loss for _ in range(3)] == pytest.approx(expected, rel=1e-4)


GOLDEN_BASE = [0.520668, 0.482475, 0.47065]
GOLDEN_LOWRES = [0.940164, 0.932226, 0.909014]


@pytest.mark.parametrize("optimiser", ["adamw", "adafactor"])
@pytest.mark.parametrize("crop", [0, 16])
def test_resuming_gives_the_same_bits_as_never_stopping(
    tiny: StageConfig, noise_store: PairStore, tmp_path: Path, optimiser: str, crop: int
) -> None:
    stage = lowres(tiny, size=32)
    config = TrainConfig(6, batch=4, optimiser=optimiser, crop=crop)
    straight = Trainer(stage, config, noise_store)
    for _ in range(6):
        straight.train_step()
    first = Trainer(stage, config, noise_store)
    for _ in range(3):
        first.train_step()
    save_state(tmp_path / "state.pt", first.state())
    second = Trainer(stage, config, noise_store)
    second.restore(load_state(tmp_path / "state.pt"))
    for _ in range(3):
        second.train_step()
    for name, value in straight.average.items():
        assert torch.equal(value, second.average[name]), name
        assert torch.equal(straight.unet.state_dict()[name], second.unet.state_dict()[name]), name


def gradients(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in trainer.unet.parameters() if p.grad is not None])


@pytest.mark.parametrize("pieces", [2, 4, 8])
def test_pieces_of_a_batch_give_the_batchs_gradient(
    tiny: StageConfig, noise_store: PairStore, pieces: int
) -> None:
    """The same pictures, noise, times and dropped texts, so the same gradient but for rounding."""
    stage, config = lowres(tiny, size=32), TrainConfig(1, batch=8, clip_norm=1e6, text_drop=0.3)
    whole = Trainer(stage, config, noise_store)
    parts = Trainer(stage, config, noise_store, Execution(accumulate=pieces))
    one, other = whole.train_step(), parts.train_step()
    assert other.loss == pytest.approx(one.loss, rel=1e-6)
    expected = gradients(whole)
    assert float((gradients(parts) - expected).norm() / expected.norm()) < 1e-5


def test_a_batch_that_does_not_split_is_refused(tiny: StageConfig, store: PairStore) -> None:
    with pytest.raises(ValueError, match="batch of 8 does not split into 1 processes x 3 pieces"):
        Trainer(tiny, TrainConfig(1, batch=8), store, Execution(accumulate=3))


def test_a_compiled_network_learns_the_same_and_saves_under_the_same_names(
    tiny: StageConfig, store: PairStore
) -> None:
    plain = Trainer(tiny, TrainConfig(2, batch=4, warmup=1), store)
    compiled = Trainer(tiny, TrainConfig(2, batch=4, warmup=1), store, Execution(compile_backend="eager"))
    for _ in range(2):
        one, other = plain.train_step(), compiled.train_step()
        assert other.loss == pytest.approx(one.loss, rel=1e-4)
    assert compiled.state()["unet"].keys() == plain.state()["unet"].keys()


def test_bfloat16_is_near_float32_and_keeps_weights_in_float32(tiny: StageConfig, store: PairStore) -> None:
    """Emulated where the CPU has none: slow, but the same arithmetic."""
    exact = Trainer(tiny, TrainConfig(1, batch=8), store).train_step()
    trainer = Trainer(tiny, TrainConfig(1, batch=8, precision="bfloat16"), store)
    for parameter in trainer.unet.parameters():
        assert parameter.dtype == torch.float32
    rounded = trainer.train_step()
    assert rounded.loss == pytest.approx(exact.loss, rel=0.02)
    assert rounded.gradient_norm != exact.gradient_norm


def test_crops_lie_on_the_low_resolution_grid_and_differ(tiny: StageConfig, noise_store: PairStore) -> None:
    trainer = Trainer(lowres(tiny, size=32), TrainConfig(1, batch=32, crop=16), noise_store)
    corners = trainer._draw()[2]
    assert corners is not None
    assert set(np.unique(corners)) == {0, 4, 8, 12, 16}
    trainer.step = 1
    assert not np.array_equal(corners, trainer._draw()[2])


def test_a_pair_meets_every_noise_level(tiny: StageConfig, store: PairStore) -> None:
    """Sorted pairs that met sorted times would each be seen near one noise level only."""
    trainer = Trainer(tiny, TrainConfig(50, batch=32), store)
    pairs, levels = [], []
    for trainer.step in range(50):
        indices, _, _, draws = trainer._draw()
        pairs.append(indices)
        levels.append(draws.log_snr.numpy())
    assert abs(np.corrcoef(np.concatenate(pairs), np.concatenate(levels))[0, 1]) < 0.1


def test_a_step_without_numbers_leaves_everything_as_it_was(tiny: StageConfig, store: PairStore) -> None:
    trainer = Trainer(tiny, TrainConfig(5, batch=4), store)
    trainer.train_step()
    with torch.no_grad():
        trainer.unet.stem.bias[0] = float("inf")
    before = {name: value.clone() for name, value in trainer.unet.state_dict().items()}
    average = {name: value.clone() for name, value in trainer.average.items()}
    with pytest.raises(Diverged, match="step 2: the loss is nan"):
        trainer.train_step()
    assert trainer.step == 1
    for name, value in trainer.unet.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(trainer.average[name], average[name])


def test_starting_weights_are_taken_over_and_others_refused(
    tiny: StageConfig, store: PairStore, tmp_path: Path
) -> None:
    trained = Trainer(tiny, TrainConfig(2, batch=4, lr=0.1, warmup=1, seed=3), store)
    trained.train_step()
    save_weights(tmp_path / "w.safetensors", trained.average, tiny.unet, {})
    weights = starting_weights(tmp_path / "w.safetensors", tiny.unet)
    fresh = Trainer(tiny, TrainConfig(2, batch=4), store, initial=weights)
    for name, value in trained.average.items():
        assert torch.equal(fresh.unet.state_dict()[name], value.to(torch.bfloat16).float()), name
        assert torch.equal(fresh.average[name], fresh.unet.state_dict()[name])
    with pytest.raises(ValueError, match="is of another network: level 1 cannot shrink"):
        starting_weights(tmp_path / "w.safetensors", replace(tiny.unet, channels=(16, 16)))


def test_a_larger_network_starts_where_the_smaller_one_stopped(
    tiny: StageConfig, store: PairStore, tmp_path: Path
) -> None:
    trained = Trainer(tiny, TrainConfig(4, batch=8, lr=0.01, warmup=1), store)
    for _ in range(3):
        trained.train_step()
    save_weights(tmp_path / "w.safetensors", trained.unet.state_dict(), tiny.unet, {})
    same = starting_weights(tmp_path / "w.safetensors", tiny.unet)
    wider = replace(tiny, unet=replace(tiny.unet, channels=(32, 64)))
    grown = starting_weights(tmp_path / "w.safetensors", wider.unet)
    one = Trainer(tiny, TrainConfig(4, batch=8), store, initial=same)
    other = Trainer(wider, TrainConfig(4, batch=8), store, initial=grown)
    assert other.train_step().loss == pytest.approx(one.train_step().loss, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "config", "side", "said"),
    [
        (lambda s: s, {}, 8, "8 px wide, the stage wants 16 px"),
        (lambda s: s, {}, 32, "32 px wide, the stage wants 16 px"),
        (lambda s: s, {"crop": 8}, 16, "crop is for super-resolution stages"),
        (lambda s: lowres(s, size=32), {"crop": 40}, 32, "crop 40 is larger than the pictures"),
        (lambda s: lowres(s, size=32), {"crop": 10}, 32, "sizes that 4 divides, not 10"),
        (lambda s: lowres(s, size=32), {}, 30, "sizes that 4 divides, not 30"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    tiny: StageConfig,
    change: Callable[[StageConfig], StageConfig],
    config: dict[str, int],
    side: int,
    said: str,
) -> None:
    with pytest.raises(ValueError, match=said):
        check_sizes(change(tiny), TrainConfig(1, **config), side)
