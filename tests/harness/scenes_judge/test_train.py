"""Training: reproducible, resumable to the bit, and on training scenes alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drawbench.scenes import held_out, training_specs
from harness.scenes_judge import train
from harness.scenes_judge.detect import load_eye
from harness.scenes_judge.distort import DistortConfig
from harness.scenes_judge.labels import KINDS, Detection
from harness.scenes_judge.network import DetectorConfig
from harness.scenes_judge.retouch import RetouchConfig
from harness.scenes_judge.store import draw_store, open_store
from harness.scenes_judge.train import TrainConfig, Trainer, learning_rate, make_batch
from harness.scenes_judge.tune import choose_threshold, f1_by_threshold

CONFIG = TrainConfig(steps=4, batch=4, warmup=2)
NETWORK = DetectorConfig((4, 4, 8, 8, 8), 8)


def _trainer() -> Trainer:
    return Trainer(CONFIG, draw_store(5, 12), NETWORK)


def test_resuming_gives_the_same_weights(tmp_path: Path) -> None:
    through = _trainer()
    train.run(through, tmp_path, every=1)
    assert len((tmp_path / "loss.jsonl").read_text().splitlines()) == 4
    stopped = _trainer()
    for _ in range(2):
        stopped.train_step()
    torch.save(stopped.state(), tmp_path / "half.pt")
    resumed = _trainer()
    resumed.restore(torch.load(tmp_path / "half.pt", weights_only=True))
    for _ in range(2):
        resumed.train_step()
    for name, value in through.average.items():
        assert torch.equal(value, resumed.average[name]), name
    assert through.step == resumed.step == 4


def test_the_pictures_are_training_scenes_and_kept_on_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path, 5, 12)
    assert np.array_equal(store.pictures, draw_store(5, 12).pictures)
    assert not any(held_out(e.scene) for _, e in zip(range(200), training_specs(5), strict=False))
    before = (tmp_path / "pictures.npy").stat().st_mtime_ns
    open_store(tmp_path, 5, 12)
    assert (tmp_path / "pictures.npy").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="holds other pictures"):
        open_store(tmp_path, 6, 12)


def test_batches_depend_on_their_seed_alone() -> None:
    store = draw_store(5, 12)
    before = store.pictures.copy()
    a, b, c = (
        make_batch(store, [0, 3, 4], DistortConfig(), RetouchConfig(), seed)
        for seed in ((0, 1), (0, 1), (0, 2))
    )
    assert np.array_equal(store.pictures, before)
    assert torch.equal(a.pictures, b.pictures)
    assert not torch.equal(a.pictures, c.pictures)
    assert float(a.boxes.min()) >= 0
    assert float(a.boxes.max()) <= 1


def test_the_learning_rate_rises_and_falls() -> None:
    config = TrainConfig(steps=1000, warmup=100)
    rates = [learning_rate(config, step) for step in range(1000)]
    assert rates[0] == pytest.approx(config.lr / 100, rel=0.01)
    assert np.argmax(rates) == 99
    assert rates[-1] < 1e-3 * config.lr


def test_the_command_writes_weights_with_their_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "VALIDATION_PICTURES", 8)
    train.main(["--out", str(tmp_path), "--pictures", "8", "--steps", "2", "--batch", "4"])
    eye, record = load_eye(tmp_path / "detector.safetensors")
    assert 0 < eye.threshold < 1
    assert record["pictures"]["split"] == "train"
    assert record["validation"]["pictures"] == 8
    assert record["config"]["steps"] == 2
    assert json.loads((tmp_path / "loss.jsonl").read_text())["step"] == 2


def test_f1_by_hand() -> None:
    box = (0.1, 0.1, 0.4, 0.4)
    seen = [
        (Detection(KINDS[1], "red", box, 0.9), Detection(KINDS[2], "red", (0.6, 0.6, 0.9, 0.9), 0.3)),
        (Detection(KINDS[1], "red", (0.5, 0.5, 0.8, 0.8), 0.6),),
    ]
    kinds = torch.tensor([[1, 2], [1, -1]])
    boxes = torch.tensor([[box, (0.6, 0.6, 0.9, 0.9)], [box, (0, 0, 0, 0)]])
    f1 = f1_by_threshold(seen, kinds, boxes)
    assert f1[0.2] == pytest.approx(2 * 2 / (3 + 3))
    assert f1[0.5] == pytest.approx(2 * 1 / (2 + 3))
    assert f1[0.8] == pytest.approx(2 * 1 / (1 + 3))
    assert choose_threshold(f1) == 0.3
    assert choose_threshold({0.2: 0.9, 0.3: 0.9995, 0.4: 1.0, 0.5: 0.9993, 0.6: 0.9}) == 0.5
