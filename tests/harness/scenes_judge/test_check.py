"""The shipped judge on real renderings: right on their own scenes, at chance on others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drawbench.errors import InputError
from drawbench.scenes import held_out
from harness.scenes_judge.check import cases, check, look_at, main, means, shuffled, without_objects
from harness.scenes_judge.conditions import DISTORTED, PLAIN, Condition
from harness.scenes_judge.detect import Eye, load_eye, preprocess, shipped_weights
from harness.scenes_judge.labels import true_detections
from harness.scenes_judge.verdict import judge


@pytest.fixture(scope="module")
def eye() -> Eye:
    return load_eye()[0]


@pytest.mark.parametrize("size", [64, 256])
def test_real_renderings_of_held_out_scenes_are_right_and_shuffled_ones_are_not(eye: Eye, size: int) -> None:
    chosen = cases(200, 5)
    assert all(held_out(case.scene) for case in chosen)
    seen = look_at(eye, chosen, Condition("", size))
    found = means([judge(case.scene, s) for case, s in zip(chosen, seen, strict=True)])
    assert found["scenes_accuracy"]["value"] >= 0.95
    for part in ("objects", "colours_strict", "counts_strict", "relations_strict"):
        assert found[f"scenes_{part}"]["value"] >= 0.95
    other = shuffled(chosen, seen, 16, 0)
    assert other["judged"] < 0.02
    assert other["agreement"] > 0.995
    assert abs(other["difference"]) < 0.003


def test_one_large_rendering(eye: Eye) -> None:
    chosen = cases(3, 6)
    seen = look_at(eye, chosen, Condition("", 1024))
    assert [judge(case.scene, s).correct for case, s in zip(chosen, seen, strict=True)] == [1, 1, 1]


def test_soft_and_noisy_pictures_are_still_read(eye: Eye) -> None:
    chosen = cases(25, 7)
    for condition in DISTORTED:
        verdicts = [judge(c.scene, s) for c, s in zip(chosen, look_at(eye, chosen, condition), strict=True)]
        assert means(verdicts)["scenes_accuracy"]["value"] >= 0.5, condition.name


def test_nothing_is_seen_where_nothing_is(eye: Eye) -> None:
    found = without_objects(eye, cases(40, 5), 0)
    assert found["objects_on_backgrounds"] == found["noise_accuracy"] == 0
    assert found["objects_a_noise_picture"] < 2


def test_what_is_seen_depends_on_the_picture_alone(eye: Eye) -> None:
    chosen = cases(40, 8)
    together = look_at(eye, chosen, PLAIN[0])
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    try:
        assert [look_at(eye, [case], PLAIN[0])[0] for case in chosen] == together
    finally:
        torch.set_num_threads(threads)


def test_boxes_lie_on_the_objects(eye: Eye) -> None:
    chosen = cases(30, 9)
    errors = []
    for case, seen in zip(chosen, look_at(eye, chosen, PLAIN[1]), strict=True):
        for truth in true_detections(case.scene, case.layout_seed):
            same = [d for d in seen if d.kind == truth.kind]
            errors += [min(np.abs(np.subtract(d.box, truth.box)).max() for d in same)] if same else []
    assert np.median(errors) < 0.02


def test_small_pictures_are_enlarged_and_large_ones_averaged() -> None:
    flat = np.full((40, 64, 3), 7, np.uint8)
    assert np.array_equal(preprocess(flat), np.full((128, 128, 3), 7))
    squares = np.kron(np.arange(128 * 128 * 3, dtype=np.int64).reshape(128, 128, 3) % 251, np.ones((4, 4, 1)))
    small = preprocess(squares.astype(np.uint8))
    assert np.array_equal(small, squares[::4, ::4])


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--n", "20", "--quick", "--shuffles", "3", "--json", str(tmp_path / "check.json")])
    printed = capsys.readouterr().out
    assert "64 px: accuracy" in printed
    assert "other scenes: judged" in printed
    written = json.loads((tmp_path / "check.json").read_text())
    assert written["specification"]["scenes_accuracy"] == {"value": 1.0, "n": 20}
    assert written["256 px"]["shuffled"]["pairs"] == 60
    assert written["judge"]["training"]["pictures"]["split"] == "train"
    assert [name for name, _ in check(2, 0, 1, ())] == [
        "judge",
        "pictures",
        "specification",
        "without objects",
    ]


def test_files_that_are_no_judge_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights of the scenes judge"):
        load_eye(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(shipped_weights().read_bytes()[:5000])
    with pytest.raises(InputError, match="holds no scenes judge") as caught:
        load_eye(broken)
    assert "\n" not in str(caught.value)
    assert shipped_weights().stat().st_size <= 4 * 2**20
