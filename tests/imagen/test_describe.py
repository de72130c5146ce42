import json
import subprocess
import sys

import pytest

from imagen.describe import main
from imagen.presets import preset_names


def test_a_preset_is_described_by_stage_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["paper-sr1024-400m"]) == 0
    printed = capsys.readouterr().out
    for said in ("1024 x 1024", "430M", "t5-xxl of 4096", "linear schedule", "predicts eps", "bfloat16"):
        assert said in printed
    assert "64 x 64      1024             8/8  cross" in printed


def test_without_a_name_every_preset_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == preset_names()


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mini", "base-300m", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert list(described) == ["mini", "base-300m"]
    assert list(described["mini"]) == ["64", "256", "1024"]
    stage = described["base-300m"]["64"]
    parts = dict(stage["parameters"])
    total = parts.pop("total")
    assert sum(parts.values()) == total
    assert stage["weight_bytes"] == {"bfloat16": 2 * total, "float32": 4 * total}
    assert [level["positions"] for level in stage["levels"]] == [64, 32, 16, 8]
    assert [level["blocks_up"] for level in stage["levels"]] == [4, 4, 4, 4]


def test_an_unknown_preset_is_one_line_and_status_2() -> None:
    command = [sys.executable, "-m", "imagen.describe", "huge"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: unknown preset 'huge': use one of")
    assert done.stderr.count("\n") == 1


def test_two_billion_parameters_take_no_memory() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert main(["paper-base-2b"]) == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB; weights are 8 GB
