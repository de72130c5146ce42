"""What the README says on evaluating one's own model, word by word."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from harness.run import main

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")


def command(name: str) -> list[str]:
    (block,) = re.findall(rf"^<!-- test: {name} -->\n```bash\n(.*)\n```", PAGE, re.M)
    words = shlex.split(block)
    assert words[:3] == ["python", "-m", "harness.run"]
    return words[3:]


def summary_of(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    (folder,) = Path("results").iterdir()
    assert (folder / "report.html").is_file()
    found: dict[str, object] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(autouse=True)
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_a_class_of_fifteen_lines(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    assert code == (ROOT / "examples" / "my_model.py").read_text(encoding="utf-8")
    assert len(code[code.index("class") :].strip().splitlines()) <= 15
    Path("my_model.py").write_text(code, encoding="utf-8")
    assert main(command("class")) == 0
    summary = summary_of(capsys)
    assert summary["counts"]["ok"] == 11  # type: ignore[index]
    assert summary["scores"]


def test_a_diffusers_folder(
    pipeline_folder: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(pipeline_folder("sd"), "my_pipeline")
    assert main(command("diffusers")) == 0
    summary = summary_of(capsys)
    assert summary["counts"]["ok"] == 11  # type: ignore[index]
    assert summary["settings"]["guidance_scale"] == 3.0  # type: ignore[index]
    assert summary["scores"]


def test_a_folder_of_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my_pictures").mkdir()
    for number in range(200):
        Image.new("RGB", (32, 32), (number + 20, 90, 90)).save(f"my_pictures/{number:05}.png")
    assert main(command("folder")) == 0
    assert summary_of(capsys)["counts"]["ok"] == 11  # type: ignore[index]


def test_every_model_on_the_page_can_be_named() -> None:
    from harness.models.registry import BUILT_IN

    section = PAGE[PAGE.index("## Evaluate your own model") :].partition("\n## ")[0]
    specs = re.findall(r"^\| `([a-z]+)[:]", section, re.M)
    assert len(specs) >= 4
    assert set(specs) <= set(BUILT_IN)
