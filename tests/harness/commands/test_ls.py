"""`drawbench ls`, with packages of others that work and that do not."""

import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.models.registry import BUILT_IN

Output = pytest.CaptureFixture[str]

MODULE = '''
class Painter:
    """Paints by itself.

    And more."""
    def identity(self): return {}
    def generate(self, requests): return []
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "studio.py").write_text(MODULE)
    (tmp_path / "wreck.py").write_text("raise RuntimeError('out of\\npaint')\n")
    info = tmp_path / "studio-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: studio\nVersion: 1.5\n")
    groups = ("models", "benches", "metrics", "extractors", "engines")
    (info / "entry_points.txt").write_text(
        "".join(f"[drawbench.{group}]\npainter = studio:Painter\nwreck = wreck:x\n" for group in groups)
    )
    monkeypatch.syspath_prepend(tmp_path)


def listed(capsys: Output, *arguments: str) -> dict[str, dict[str, dict[str, str]]]:
    assert main(["ls", "--json", *arguments]) == 0
    lists = json.loads(capsys.readouterr().out)
    return {title: {row["name"]: row for row in rows} for title, rows in lists.items()}


def test_everything_of_ours_is_listed(capsys: Output) -> None:
    from harness.extractors import names as extractors
    from harness.metrics import names as metrics

    lists = listed(capsys)
    assert list(lists) == ["benches", "models", "metrics", "extractors", "engines"]
    assert list(lists["models"]) == list(BUILT_IN)
    assert sorted(lists["metrics"]) == metrics()
    assert sorted(lists["extractors"]) == extractors()
    assert "local" in lists["engines"]
    assert lists["benches"]["scenes"]["needs"] == ""
    assert all(row["source"] == "built-in" for rows in lists.values() for row in rows.values())


def test_what_is_needed_is_said(capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DRAWBENCH_WEIGHTS", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    lists = listed(capsys)
    assert "ViT-L-14.pt" in lists["metrics"]["clip_score"]["needs"]
    assert "ViT-L-14.pt" in lists["extractors"]["clip"]["needs"]
    assert "reference pictures" in lists["metrics"]["fd_effnet_lite0"]["needs"]
    assert lists["metrics"]["align_conse"]["needs"] == ""
    assert lists["models"]["openai"]["needs"].endswith("($OPENAI_API_KEY is not set)")
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    again = listed(capsys, "models")
    assert again["models"]["openai"]["needs"].endswith("($OPENAI_API_KEY is set)")
    assert "hush" not in json.dumps(again)


def test_a_missing_package_is_needed(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "diffusers" else real(name))
    assert "pip install diffusers" in listed(capsys, "models")["models"]["diffusers"]["needs"]


@pytest.mark.usefixtures("package")
def test_other_packages_are_named_and_a_broken_one_hides_nothing(capsys: Output) -> None:
    lists = listed(capsys)
    for title in ("models", "engines"):
        assert lists[title]["painter"] == {
            "name": "painter",
            "about": "Paints by itself.",
            "source": "studio 1.5",
            "needs": "",
        }
    assert lists["benches"]["painter"]["source"] == "studio 1.5"
    for title in ("models", "engines", "metrics", "extractors"):
        assert lists[title]["wreck"]["needs"].startswith("cannot be used: ")
        assert "out of paint" in lists[title]["wreck"]["needs"]
    assert "cannot be used" in lists["metrics"]["painter"]["needs"]
    sys.modules.pop("studio", None)


@pytest.mark.usefixtures("package")
def test_the_list_for_people(capsys: Output) -> None:
    assert main(["ls", "models"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("models:\n  imagen ")
    assert "Paints by itself.  [studio 1.5]" in out
    assert "benches:" not in out
    assert main(["ls", "published"]) == 0
    out = capsys.readouterr().out
    assert "7.27, zero-shot" in out
    assert "--model openai:dall-e-2" in out
    sys.modules.pop("studio", None)


def test_contracts_can_be_read(capsys: Output) -> None:
    for name, said in (
        ("http", '"seed": 1234'),
        ("command", '{"id": 7, "failure": "filtered"'),
        ("openai", "OPENAI_API_KEY"),
        ("diffusers", "guidance_scale"),
        ("dummy", "`size` in pixels"),
        ("python", "my_pkg.module:MyModel:ARGUMENT"),
    ):
        assert main(["ls", "--about", name]) == 0
        assert said in capsys.readouterr().out, name
    assert main(["ls", "--about", "planet"]) == 2
    assert "no model is called 'planet'; there are imagen, " in capsys.readouterr().err
