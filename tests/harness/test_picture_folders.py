"""Which files of a folder are pictures, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drawbench.errors import InputError
from harness.picture_folders import drawn, listed_files, picture_files, shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "real"
    (root / "deep" / "er").mkdir(parents=True)
    (root / ".hidden").mkdir()
    for name in ("b.PNG", "a.jpg", "deep/er/c.webp", ".dot.png", ".hidden/d.png", "notes.txt"):
        (root / name).write_bytes(b"x")
    return root


def _names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in picture_files(folder)]


def test_pictures_are_found_at_any_depth_sorted(folder: Path) -> None:
    assert _names(folder) == ["a.jpg", "b.PNG", "deep/er/c.webp"]


def test_links_round_in_a_circle_end(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "good.png").symlink_to("a.jpg")
    os.mkfifo(folder / "pipe.png")  # reading it would wait for ever
    (folder / "folder.png").mkdir()
    assert _names(folder) == ["a.jpg", "b.PNG", "deep/er/c.webp", "gone.png", "good.png", "loop.png"]


def test_names_of_any_bytes(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    names = _names(folder)
    assert os.fsencode(names[2]) == b"caf\xe9.png"
    assert shown(names[2]) == "caf�.png"
    shown(names[2]).encode()


def test_no_folder_or_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"reference .*empty holds no pictures \(\.bmp"):
        picture_files(tmp_path / "empty", "reference")
    with pytest.raises(InputError, match="is not a folder"):
        picture_files(tmp_path / "none")


def test_a_list_of_names_keeps_its_order(folder: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("deep/er/c.webp\n\na.jpg\n")
    assert listed_files(folder, names) == [folder / "deep/er/c.webp", folder / "a.jpg"]
    for text, message in (
        ("a.jpg\nb.PNG\na.jpg\n", "names a.jpg twice"),
        ("a.jpg\nz.jpg\ny.jpg\n", r"2 of the 3 pictures .*first: z\.jpg"),
        ("\n", "names no picture"),
    ):
        names.write_text(text)
        with pytest.raises(InputError, match=message):
            listed_files(folder, names)
    with pytest.raises(InputError, match="cannot be read"):
        listed_files(folder, tmp_path / "none.txt")


def test_a_draw_depends_on_the_seed_and_keeps_the_order() -> None:
    files = [Path(f"{i:03d}.png") for i in range(40)]
    one, same, other = (drawn(files, 9, seed) for seed in (1, 1, 2))
    assert one == same == sorted(one)
    assert one != other
    assert len(set(one)) == 9
    assert drawn(files, 50, 0) == drawn(files, None, 0) == files
