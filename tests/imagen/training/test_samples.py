from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from imagen.lowres import shrink
from imagen.presets import StageConfig
from imagen.training.config import TrainConfig
from imagen.training.pairs import PairStore
from imagen.training.samples import SampleSheet, distinct, sheet
from imagen.training.trainer import Trainer

CPU = torch.device("cpu")


def test_captions_on_a_sheet_are_all_different(noise_store: PairStore) -> None:
    chosen = distinct(noise_store, 4)
    assert chosen == [0, 1, 2, 3]
    assert len({noise_store.captions[noise_store.caption[i]] for i in chosen}) == 4
    assert len(distinct(noise_store, 50)) == 5


def test_a_base_stages_sheet_is_the_same_every_time_and_follows_the_weights(
    tiny: StageConfig, store: PairStore
) -> None:
    trainer = Trainer(tiny, TrainConfig(4, batch=4, lr=0.01, warmup=1), store)
    drawer = SampleSheet(tiny, store, distinct(store, 2))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = drawer.draw(trainer.average, CPU)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(first, drawer.draw(trainer.average, CPU))
    for _ in range(3):
        trainer.train_step()
    assert not np.array_equal(first, drawer.draw(trainer.average, CPU))
    assert first.size[0] == 2 * 128


@pytest.mark.parametrize("crop", [0, 16])
def test_a_super_resolution_sheet_shows_input_output_and_truth(
    tiny: StageConfig, noise_store: PairStore, crop: int
) -> None:
    stage = replace(tiny, size=32, prediction="x0", unet=replace(tiny.unet, lowres=True))
    trainer = Trainer(stage, TrainConfig(1, batch=4, crop=crop), noise_store)
    drawn = np.asarray(SampleSheet(stage, noise_store, [0, 1], crop).draw(trainer.average, CPU))
    assert drawn.shape[1] == 3 * 128
    true = noise_store.pictures[0][8:24, 8:24] if crop else noise_store.pictures[0]
    small = shrink(torch.from_numpy(np.array(true)).permute(2, 0, 1)[None], 4)[0].permute(1, 2, 0).numpy()
    step = 128 // len(true)
    assert np.array_equal(drawn[:128:step, 256:384:step], true)
    assert np.array_equal(drawn[: 128 : 4 * step, : 128 : 4 * step], small)


def test_long_captions_are_wrapped_and_cut_short() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    one = sheet([[picture]], ["short"], 4)
    long = sheet([[picture]] * 5, ["a very long caption " * 20] * 5, 4)
    assert isinstance(one, Image.Image)
    assert one.width == 128
    assert long.width == 4 * 128
    assert 2 * one.height < long.height < 2 * (one.height + 40)
