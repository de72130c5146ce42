from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagen.presets import StageConfig
from imagen.training.config import TrainConfig
from imagen.training.record import check_folder, first_difference, make_record, write_record

DATA = {"data": "folder:x", "pairs_asked": None}


def record(stage: StageConfig, **config: Any) -> dict[str, Any]:
    return make_record(stage, replace(TrainConfig(10), **config), DATA, None)


def test_a_new_folder_has_no_history_and_an_old_one_its_own(tiny: StageConfig, tmp_path: Path) -> None:
    assert check_folder(tmp_path / "a" / "b", record(tiny)) == []
    assert not (tmp_path / "a").exists()
    write_record(tmp_path, record(tiny), [{"step": 0}])
    assert check_folder(tmp_path, record(tiny)) == [{"step": 0}]


@pytest.mark.parametrize("change", [{"steps": 20}, {"lr": 1e-4}, {"cooldown": 0.1}])
def test_length_and_rate_may_change(tiny: StageConfig, tmp_path: Path, change: dict[str, Any]) -> None:
    write_record(tmp_path, record(tiny), [])
    assert check_folder(tmp_path, record(tiny, **change)) == []


def test_anything_else_is_refused_by_its_name(tiny: StageConfig, tmp_path: Path) -> None:
    write_record(tmp_path, record(tiny), [])
    wider = replace(tiny, unet=replace(tiny.unet, channels=(16, 48)))
    for other, said in (
        (record(tiny, batch=64), r"config\.batch is 32 there, 64 here"),
        (record(tiny, weighting="v"), r"config\.weighting is 'capped_v' there, 'v' here"),
        (record(wider), r"stage\.unet\.channels is \[16, 32\] there, \[16, 48\] here"),
        (record(replace(tiny, prediction="eps")), r"stage\.prediction is 'v' there, 'eps' here"),
        ({**record(tiny), "data": {**DATA, "data": "folder:y"}}, r"data\.data is 'folder:x' there"),
    ):
        with pytest.raises(ValueError, match=said):
            check_folder(tmp_path, other)


def test_a_folder_that_cannot_be_written_or_understood_is_refused(tiny: StageConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is no folder to write in"):
        check_folder(tmp_path / "file" / "out", record(tiny))
    (tmp_path / "state.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a training state but no config\.json"):
        check_folder(tmp_path, record(tiny))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json cannot be read"):
        check_folder(tmp_path, record(tiny))


def test_a_difference_is_named_by_its_path() -> None:
    assert first_difference({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == ("a.c", 2, 3)
    assert first_difference({"a": 1}, {"a": 1, "b": 2}) == ("b", None, 2)
    assert first_difference({"a": [1, 2]}, {"a": [1, 2]}) is None
