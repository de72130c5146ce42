import json

import pytest

from harness.cli import main


def test_a_preset_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "mini", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["mini"]) == {"64", "256", "1024"}


def test_an_unknown_preset_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "huge"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: imagen: unknown preset 'huge': use one of")
    assert printed.err.count("\n") == 1
