import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagen.training.monitor import Monitor, open_tensorboard, require_tensorboard, trim_log
from imagen.training.trainer import Step


def test_means_rates_and_times_are_logged_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor = Monitor(tmp_path, 0, 100, 8)
    for loss in (1.0, 3.0):
        monitor.add(Step(loss, 0.5, 1e-3), seconds=4.0)
    monitor.write(2)
    monitor.write(2)  # nothing new: nothing written
    assert json.loads((tmp_path / "loss.jsonl").read_text()) == {
        "step": 2,
        "loss": 2.0,
        "gradient_norm": 0.5,
        "learning_rate": 1e-3,
        "pictures_per_second": 2.0,
    }
    assert capsys.readouterr().err == "2/100 loss 2.0000, 2.0 pictures/s, 8 s so far, 7 min left\n"


def test_going_on_drops_what_was_logged_after_the_state_and_a_torn_line(tmp_path: Path) -> None:
    log = tmp_path / "loss.jsonl"
    log.write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 1}\n{"step": 6, "loss": 1}\n{"ste')
    trim_log(log, 4)
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [2, 4]


def test_tensorboard_gets_scalars_and_sheets(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monitor = Monitor(tmp_path, 0, 10, 8, open_tensorboard(tmp_path / "tensorboard", 0))
    monitor.add(Step(1.5, 0.5, 1e-3), 1.0)
    monitor.write(5)
    monitor.show(Image.fromarray(np.full((4, 6, 3), 200, np.uint8)), 5)
    monitor.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(5, 1.5)]
    assert (events.Images("samples")[0].width, events.Images("samples")[0].height) == (6, 4)


def test_a_missing_tensorboard_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match="needs TensorBoard: pip install tensorboard"):
        require_tensorboard()
