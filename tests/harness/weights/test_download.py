"""Downloads against a real server: whole, broken off, taken up again, wrong, killed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.assets import Asset, AssetFile
from harness.weights import WeightsPolicy, find
from harness.weights.download import download, fetch
from harness.weights.places import own_folder

from .conftest import Server

ROOT = Path(__file__).parents[3]
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HUB_PATH = "/facebook/dinov2-base/resolve/main/"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_comes_whole_and_leaves_no_part(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = CONTENT
    told: list[tuple[str, int, int]] = []
    fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256, lambda *step: told.append(step))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert not any(name.startswith(".a.bin") for name in _names(tmp_path))
    assert told[-1] == ("download a.bin", len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transfer_that_broke_off_is_taken_up_or_begun_anew(
    server: Server, tmp_path: Path, ranges: bool
) -> None:
    server.files["/a.bin"], server.cut, server.ranges = CONTENT, 3000, ranges
    with pytest.raises(OSError, match="3000 of 10240 bytes came"):
        fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256)
    assert not (tmp_path / "a.bin").exists()
    server.cut = None
    fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked == [("/a.bin", None), ("/a.bin", "bytes=3000-")]


def test_a_part_of_another_version_is_not_taken_up(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"], server.cut = b"old" * 3000, 3000
    with pytest.raises(OSError, match="bytes came"):
        fetch(f"{server.address}/a.bin", tmp_path / "a.bin")
    server.files["/a.bin"], server.cut = CONTENT, None
    fetch(f"{server.address}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_that_is_whole_needs_no_second_transfer(server: Server, tmp_path: Path) -> None:
    """As after a kill between the last byte and the renaming."""
    server.files["/a.bin"], server.cut = CONTENT, 3000
    with pytest.raises(OSError, match="bytes came"):
        fetch(f"{server.address}/a.bin", tmp_path / "a.bin")
    (tmp_path / ".a.bin.part").write_bytes(CONTENT)
    fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(server.asked) == 1


@pytest.mark.parametrize("note", ["", "{torn", "[]", '{"url": 3}'])
def test_a_damaged_note_begins_anew(server: Server, tmp_path: Path, note: str) -> None:
    server.files["/a.bin"] = CONTENT
    (tmp_path / ".a.bin.part").write_bytes(b"who knows")
    (tmp_path / ".a.bin.part.json").write_text(note)
    fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked == [("/a.bin", None)]


def test_a_wrong_file_stops_and_is_thrown_away(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = b"x" + CONTENT[1:]
    with pytest.raises(InputError, match=f"another file than the known one: sha256 .*expected {SHA256}"):
        fetch(f"{server.address}/a.bin", tmp_path / "a.bin", SHA256)
    assert not any("a.bin" in name for name in _names(tmp_path))


def test_an_empty_file_is_no_file(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = b""
    with pytest.raises(OSError, match="empty"):
        fetch(f"{server.address}/a.bin", tmp_path / "a.bin")
    assert not any("a.bin" in name for name in _names(tmp_path))


def test_the_mirror_comes_first_and_the_publisher_after_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = Asset("tiny", "t", "CC0-1.0", (AssetFile("t.pt", SHA256, url=f"{server.address}/own/t.pt"),))
    monkeypatch.setenv("DRAWBENCH_WEIGHTS_MIRROR", f"{server.address}/mirror/")
    server.files["/own/t.pt"] = CONTENT
    download(asset)
    assert [path for path, _ in server.asked] == ["/mirror/tiny/t.pt", "/own/t.pt"]
    (own_folder("tiny") / "t.pt").unlink()
    server.files["/mirror/tiny/t.pt"] = CONTENT
    server.asked.clear()
    download(asset)
    assert [path for path, _ in server.asked] == ["/mirror/tiny/t.pt"]


def test_files_beside_the_weights_come_too_and_the_weights_last(server: Server) -> None:
    asset = Asset(
        "tiny", "t", "CC0-1.0", (AssetFile("m.safetensors", hub="nobody/tiny"),), beside=("c.json",)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", server.address)
        server.files["/nobody/tiny/resolve/main/m.safetensors"] = CONTENT
        with pytest.raises(InputError, match=r"the download failed .*404"):
            find(asset, WeightsPolicy(download=True))
        server.files["/nobody/tiny/resolve/main/c.json"] = b"{}"
        found = find(asset, WeightsPolicy(download=True))
    assert [path.name for path in found.all_files] == ["m.safetensors", "c.json"]
    assert found.path.is_dir()
    assert not found.verified


def test_two_processes_do_not_fetch_the_same_file(server: Server) -> None:
    from harness.lock import FolderLock

    asset = Asset("tiny", "t", "CC0-1.0", (AssetFile("t.pt", url=f"{server.address}/t.pt"),))
    own_folder("tiny").mkdir(parents=True)
    with FolderLock(own_folder("tiny")), pytest.raises(InputError, match="another process is fetching tiny"):
        download(asset)


def _command(server: Server, home: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"HOME": str(home), "HF_ENDPOINT": server.address, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "weights", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not hasattr(os, "kill") or sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_fetch_leaves_no_weights_and_the_same_command_finishes_it(
    server: Server, empty_machine: Path
) -> None:
    content = CONTENT * 64
    server.files[HUB_PATH + "model.safetensors"] = content
    server.files[HUB_PATH + "config.json"] = b"{}"
    server.seconds = 0.1
    fetching = _command(server, empty_machine, "fetch", "dinov2-base")
    folder = own_folder("dinov2-base")
    part = folder / ".model.safetensors.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 100_000):
        assert time.monotonic() < deadline
        assert fetching.poll() is None, fetching.communicate()
        time.sleep(0.02)
    fetching.kill()
    fetching.communicate()
    assert not (folder / "model.safetensors").exists()
    assert 0 < part.stat().st_size < len(content)
    server.seconds = 0
    again = _command(server, empty_machine, "fetch", "dinov2-base")
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert (folder / "model.safetensors").read_bytes() == content
    assert hashlib.sha256(content).hexdigest() in out
    assert "no hash to check" in out
    asked = [ranges for path, ranges in server.asked if path.endswith(".safetensors")]
    assert asked[0] is None
    assert str(asked[1]).startswith("bytes=")
    assert not part.exists()


def test_known_weights_from_a_mirror_with_another_file_stop_the_command(
    server: Server, empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAWBENCH_WEIGHTS_MIRROR", server.address)
    server.files["/inception-2015-12-05/inception-2015-12-05.pt"] = CONTENT
    fetching = _command(server, empty_machine, "fetch", "--for", "fid")
    out, err = fetching.communicate(timeout=60)
    assert fetching.returncode == 2
    assert out == ""
    complaints = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(complaints) == 1
    assert "another file than the known one" in complaints[0]
    assert "Traceback" not in err
    assert _names(own_folder("inception-2015-12-05")) == {".lock"}


def test_sources_that_give_nothing_are_named(server: Server) -> None:
    asset = Asset("tiny", "t", "CC0-1.0", (AssetFile("t.pt", url=f"{server.address}/t.pt"),))
    with pytest.raises(OSError, match=r"t\.pt: HTTP Error 404"):
        download(asset)
    with pytest.raises(OSError, match="no source is known"):
        download(replace(asset, files=(AssetFile("t.pt"),)))
