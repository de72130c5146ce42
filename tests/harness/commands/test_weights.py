"""`drawbench weights` as a person meets it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness.assets import ASSETS
from harness.cli import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def offline_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Only the shipped weights, no network."""
    for variable in ("HOME", "DRAWBENCH_CACHE", "HF_HOME", "TORCH_HOME", "TMPDIR"):
        (tmp_path / "home").mkdir(exist_ok=True)
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    for variable in ("DRAWBENCH_WEIGHTS", "DRAWBENCH_WEIGHTS_MIRROR", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def _listed(capsys: Output, *arguments: str) -> dict[str, dict[str, object]]:
    assert main(["weights", "ls", "--json", *arguments]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def _put_dino(folder: Path, content: bytes = b"some weights") -> Path:
    place = folder / "dinov2-large"
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(content)
    return place


def test_ls_says_where_weights_are_or_how_to_get_them(capsys: Output) -> None:
    rows = _listed(capsys)
    assert list(rows) == list(ASSETS)
    shipped, lacking = rows["efficientnet-lite0"], rows["clip-ViT-L-14-openai"]
    assert shipped["hash"] == "verified"
    assert shipped["bytes"] == 18_826_032
    assert "align_conse" in shipped["needed_by"]
    assert lacking["found"] is None
    assert lacking["get"] == "drawbench weights fetch clip-ViT-L-14-openai"
    assert lacking["hash"] == "published"
    assert lacking["licence"] == "MIT"
    assert rows["dinov2-large"]["hash"] == "unpublished"
    assert main(["weights", "ls"]) == 0
    table = capsys.readouterr().out
    assert all(id_ in table.replace("\n", "") for id_ in ASSETS)


def test_a_hash_nobody_publishes_is_written_down_at_first_use_and_watched(
    offline_machine: Path, capsys: Output
) -> None:
    given = offline_machine / "given"
    _put_dino(given)
    flag = ("--weights", str(given))
    assert _listed(capsys, *flag)["dinov2-large"]["hash"] == "unpublished, not used yet"
    assert main(["weights", "fetch", "dinov2-large", *flag]) == 0
    sha256 = hashlib.sha256(b"some weights").hexdigest()
    assert sha256 in capsys.readouterr().out
    row = _listed(capsys, *flag)["dinov2-large"]
    assert (row["hash"], row["sha256"]) == ("unpublished, as first used", sha256)
    _put_dino(given, b"other weights")
    assert _listed(capsys, *flag)["dinov2-large"]["hash"] == "unpublished, CHANGED since"


def test_a_wrong_file_is_seen_in_the_list(offline_machine: Path, capsys: Output) -> None:
    given = offline_machine / "given"
    given.mkdir()
    (given / "ViT-B-32.pt").write_bytes(b"not it")
    row = _listed(capsys, "--weights", str(given))["clip-ViT-B-32-openai"]
    assert row["hash"] == "MISMATCH"
    assert "is not the known ViT-B-32.pt" in str(row["where"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch"], "nothing is named"),
        (["fetch", "inception"], "no weights are called 'inception'"),
        (["fetch", "--for", "fidd"], "unknown metric"),
        (["fetch", "dinov2-large"], "HF_HUB_OFFLINE is set"),
        (["fetch", "--for", "fid"], "put inception-2015-12-05.pt"),
        (["ls", "--weights", "nowhere"], "is not a folder"),
        (["verify", "nowhere"], "no bundle of weights"),
        (["bundle", "b", "--for", "fid"], "no weights were found"),
        (["bundle", "b", "--for", "nothing"], "unknown metric"),
        (["rm"], "weights --help"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    offline_machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(offline_machine)
    assert main(["weights", *arguments]) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (offline_machine / "b").exists()


def test_a_bundle_is_made_verified_and_seen_to_rot(offline_machine: Path, capsys: Output) -> None:
    bundle = offline_machine / "bundle"
    assert main(["weights", "bundle", str(bundle), "--for", "fd_effnet_lite0"]) == 0
    assert "copied: efficientnet-lite0" in capsys.readouterr().out
    assert main(["weights", "bundle", str(bundle)]) == 0
    said = capsys.readouterr().out
    assert "copied: all-MiniLM-L6-v2" in said
    assert "there already: efficientnet-lite0" in said
    assert "not found: " in said
    assert main(["weights", "verify", str(bundle)]) == 0
    assert "all as listed" in capsys.readouterr().out
    row = _listed(capsys, "--weights", str(bundle))["efficientnet-lite0"]
    assert str(row["found"]).startswith(str(bundle))
    (bundle / "all-MiniLM-L6-v2" / "config.json").unlink()
    assert main(["weights", "verify", str(bundle), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["all-MiniLM-L6-v2/config.json"] == "missing"
