import os
from pathlib import Path

import pytest

from harness import atomic
from harness.atomic import remove_parts, write_atomic, write_together

FILES = [(f"p{i}/{i}.png", bytes([i]) * 100) for i in range(6)]


@pytest.mark.parametrize("count", [0, 1, 3, 6])
@pytest.mark.parametrize("has_syncfs", [True, False])
def test_files_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, has_syncfs: bool
) -> None:
    if not has_syncfs:
        monkeypatch.setattr(atomic, "_SYNC_FILESYSTEM", None)
    synced: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle) or fsync(handle))
    write_together(tmp_path / "images", FILES[:count])
    found = {p.relative_to(tmp_path / "images").as_posix(): p.read_bytes() for p in tmp_path.rglob("*.png")}
    assert found == dict(FILES[:count])
    assert not list(tmp_path.rglob("*.part"))
    whole_file_system = has_syncfs and atomic._SYNC_FILESYSTEM is not None and count >= atomic.GROUP
    assert len(synced) == (0 if whole_file_system else count)


def test_what_cannot_be_put_in_place_leaves_nothing_half(tmp_path: Path) -> None:
    (tmp_path / "p3").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="p3"):
        write_together(tmp_path, FILES)
    assert {path.name for path in tmp_path.rglob("*.png")} == {"0.png", "1.png", "2.png"}
    assert not list(tmp_path.rglob("*.part"))


def test_parts_of_killed_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    write_together(tmp_path / "images", FILES)
    write_atomic(tmp_path / "summary.json", b"{}")
    before = set(tmp_path.rglob("*"))
    for stale in (tmp_path / "images/.parts/5f-0.part", tmp_path / ".summary.json.part"):
        stale.write_bytes(b"half")
    remove_parts(tmp_path, tmp_path / "images")
    assert set(tmp_path.rglob("*")) == before
