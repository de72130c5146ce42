"""`drawbench selftest` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.selftest import checks
from harness.selftest.report import Check

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "DRAWBENCH_CACHE", "HF_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("DRAWBENCH_WEIGHTS", raising=False)


def test_all_is_well_here(capsys: Output) -> None:
    assert main(["selftest"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-1].endswith("skipped: no stage has moved")
    for word in ("stage", "expected", "tolerance", "skipped: DINOv2 ViT-B/14", "closed form 17"):
        assert any(word in line for line in lines), word


def test_a_drift_is_exit_status_1_and_told_to_machines(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [Check("resize", "moved", 0.1, lambda: (1.0, 2.0)), Check("metric", "fine", 0.1, lambda: (1, 1))]
    monkeypatch.setattr(checks, "all_checks", lambda setting: moved)
    assert main(["selftest", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["first_moved"] == "resize"
    assert [row["status"] for row in document["checks"]] == ["drift", "ok"]
    assert main(["selftest"]) == 1
    printed = capsys.readouterr().out
    assert "DRIFT" in printed
    assert printed.rstrip().endswith("the first stage that moved is resize")


def test_a_wrong_folder_of_weights_is_one_line(capsys: Output) -> None:
    assert main(["selftest", "--weights", "nowhere"]) == 2
    assert "is not a folder" in capsys.readouterr().err
