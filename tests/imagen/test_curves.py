from pathlib import Path

import pytest
from PIL import Image

from imagen.curves import main, read_curve


def test_draws_a_panel_for_each_log(tmp_path: Path) -> None:
    for name in ("64", "256"):
        (tmp_path / name).mkdir()
        lines = '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 0.1}\n'
        (tmp_path / name / "loss.jsonl").write_text(lines)
    logs = [str(tmp_path / name / "loss.jsonl") for name in ("64", "256")]
    main([*logs, "--out", str(tmp_path / "curves.png")])
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > picture.height


def test_what_is_no_log_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.jsonl").write_text("not json\n")
    with pytest.raises(ValueError, match="no training log"):
        read_curve(tmp_path / "x.jsonl")
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "x.jsonl"), "--out", str(tmp_path / "y.png")])
    assert stop.value.code == 2
    assert "no training log" in capsys.readouterr().err
