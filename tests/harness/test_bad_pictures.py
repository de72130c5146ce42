"""Picture files of every kind, end to end: each is used as it should be or left out in one clear line."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness import cli
from harness.decode import conversions, decode_rgb
from harness.features import Item, image_features
from harness.picture_folders import picture_files
from harness.reference import ReferenceSource, load_reference

Output = pytest.CaptureFixture[str]


def _coloured(width: int, height: int, seed: int = 0) -> Image.Image:
    small = np.random.default_rng(seed).integers(20, 236, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _png16(channels: int, colour_type: int) -> bytes:
    """A 16-bit PNG, which Pillow does not write in colour."""
    values = np.random.default_rng(0).integers(0, 65536, (9, 7 * channels)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    data = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", 7, 9, 16, colour_type, 0, 0, 0)
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        checked = kind + content
        data += struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
    return data


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(_coloured(30, 20), "JPEG", exif=exif)


def _animated(kind: str) -> bytes:
    frames = [_coloured(20, 20, seed) for seed in (1, 2)]
    return _encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def _transparent_palette() -> bytes:
    picture = Image.new("P", (8, 8))
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.paste(1, (0, 0, 4, 8))
    return _encoded(picture, transparency=0)


GREY, DEEP, CLEAR = "from grey", "from 16 bits a channel", "with transparency laid over white"
FRAME, TURN = "from the first frame of an animation", "by turning as EXIF says"
Kind = tuple[str, Callable[[], bytes], tuple[str, ...]]
USABLE: dict[str, Kind] = {
    "plain": (".png", lambda: _encoded(_coloured(40, 30)), ()),
    "large": (".jpg", lambda: _encoded(_coloured(400, 150), "JPEG"), ()),
    "one pixel": (".png", lambda: _encoded(_coloured(1, 1)), ()),
    "grey": (".jpg", lambda: _encoded(_coloured(20, 20).convert("L"), "JPEG"), (GREY,)),
    "black and white": (".png", lambda: _encoded(_coloured(20, 20).convert("1")), (GREY,)),
    "alpha": (".png", lambda: _encoded(_coloured(20, 20).convert("RGBA")), (CLEAR,)),
    "grey alpha": (".png", lambda: _encoded(_coloured(20, 20).convert("LA")), (GREY, CLEAR)),
    "palette": (".png", lambda: _encoded(_coloured(20, 20).quantize(8)), ()),
    "clear palette": (".png", _transparent_palette, (CLEAR,)),
    "CMYK": (".jpg", lambda: _encoded(_coloured(20, 20).convert("CMYK"), "JPEG"), ("from CMYK",)),
    "16-bit grey": (".png", lambda: _png16(1, 0), (GREY, DEEP)),
    "16-bit colour": (".png", lambda: _png16(3, 2), (DEEP,)),
    "GIF": (".gif", lambda: _animated("GIF"), (FRAME,)),
    "animated WebP": (".webp", lambda: _animated("WEBP"), (FRAME,)),
    "animated PNG": (".png", lambda: _animated("PNG"), (FRAME,)),
    "turned": (".jpg", _turned, (TURN,)),
}
BROKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "truncated PNG": (".png", lambda: _encoded(_coloured(40, 30))[:-40], "cannot be decoded"),
    "truncated JPEG": (".jpg", lambda: _encoded(_coloured(400, 300), "JPEG")[:900], "cannot be decoded"),
    "text": (".png", lambda: b"no picture at all\n", "not a picture in a known format"),
    "empty": (".png", lambda: b"", "the file is empty"),
    "float": (".tiff", lambda: _encoded(Image.new("F", (4, 4)), "TIFF"), "no agreed range"),
}


class Corner:
    """A real, small extractor: the first pixel."""

    name, identity, dim = "corner", "corner-1", 3

    def extract_images(self, images: list[np.ndarray]) -> np.ndarray:
        return np.array([image[0, 0] for image in images], np.float32).reshape(-1, 3)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    (tmp_path / "good").mkdir()
    for seed in range(3):
        _coloured(32 + seed, 32, seed).save(tmp_path / "good" / f"{seed}.png")
    return tmp_path / "good"


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Every kind in one folder, with a circle of links and a name that is no UTF-8."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, (suffix, make, _) in (USABLE | BROKEN).items():
        (folder / f"{name}{suffix}").write_bytes(make())
    (folder / os.fsdecode(b"\xe9t\xe9.png")).write_bytes(_encoded(_coloured(9, 9)))
    (folder / os.fsdecode(b"0\xe9.png")).write_bytes(b"rotten")
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "up").symlink_to(folder)
    (folder / "notes.txt").write_text("no picture")
    return folder


N_USABLE = len(USABLE) + 1
N_BROKEN = len(BROKEN) + 2


@pytest.mark.parametrize("name", USABLE)
def test_each_kind_is_used_and_its_conversion_counted(name: str, good: Path) -> None:
    suffix, make, converted = USABLE[name]
    (good / f"x{suffix}").write_bytes(make())
    assert conversions(good / f"x{suffix}") == converted
    found, remarks = load_reference(ReferenceSource.parse(str(good)), [Corner()])
    assert found.n == 4
    np.testing.assert_array_equal(found.features["corner"][3], decode_rgb(make())[0, 0])
    counted = ", ".join(f"1 {how}" for how in sorted(converted))
    assert remarks == ((f"reference pictures were converted: {counted}",) if converted else ())


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_kind_is_left_out_with_its_reason(name: str, good: Path) -> None:
    suffix, make, reason = BROKEN[name]
    (good / f"x{suffix}").write_bytes(make())
    assert conversions(good / f"x{suffix}") in ((), ("from grey",))
    found, remarks = load_reference(ReferenceSource.parse(str(good)), [Corner()])
    assert found.n == 3
    (remark,) = remarks
    assert remark.startswith(
        f"1 of 4 reference pictures could not be read and are left out (first: x{suffix}, "
    )
    assert reason in remark


@pytest.mark.parametrize("bad_side", ["scored", "reference"])
def test_distance(mixed: Path, good: Path, bad_side: str, capsys: Output) -> None:
    sides = [str(mixed), str(good)] if bad_side == "scored" else [str(good), str(mixed)]
    assert cli.main(["distance", *sides, "--metrics", "fd_effnet_lite0", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    told = json.loads(out)
    counts = (told["scores"][0]["n"], told["reference"]["n"])
    assert counts == ((N_USABLE, 3) if bad_side == "scored" else (3, N_USABLE))
    what = "pictures" if bad_side == "scored" else "reference pictures"
    notes = "\n".join(told["notes"])
    unreadable = (
        f"{N_BROKEN} of {N_USABLE + N_BROKEN} {what} could not be read and are left out (first: 0�.png"
    )
    assert unreadable in notes
    assert f"{what} were converted: 1 by turning as EXIF says, 2 from 16 bits a channel, 1 from CMYK" in notes
    assert "3 from the first frame of an animation" in notes
    assert "3 with transparency laid over white" in notes


def test_statistics(mixed: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "s.npz"
    assert cli.main(["reference", str(mixed), "--out", str(out), "--extractors", "effnet_lite0"]) == 0
    told = capsys.readouterr().out
    assert f"{N_USABLE} pictures, pictures:" in told
    assert f"{N_BROKEN} of {N_USABLE + N_BROKEN} pictures could not be read" in told


@pytest.mark.parametrize("name", [*BROKEN, "circle", "nothing", "one picture"])
def test_a_folder_without_two_pictures_is_refused_in_one_line(name: str, good: Path, capsys: Output) -> None:
    folder = good.parent / "few"
    folder.mkdir()
    if name == "circle":
        (folder / "x.png").symlink_to("x.png")
    elif name != "nothing":
        suffix, make, _ = (USABLE | BROKEN)["plain" if name == "one picture" else name]
        (folder / f"x{suffix}").write_bytes(make())
    for sides in ((folder, good), (good, folder)):
        assert cli.main(["distance", *map(str, sides), "--metrics", "fd_effnet_lite0"]) == 2
        out, err = capsys.readouterr()
        error = err.splitlines()[-1]
        assert out == ""
        assert "Traceback" not in err
        assert error.startswith("error: ")
        assert (
            "holds no pictures" if name == "nothing" else "fewer than 2 pictures that can be read"
        ) in error
    assert cli.main(["reference", str(folder), "--out", "s.npz", "--extractors", "effnet_lite0"]) == 2
    assert not Path("s.npz").exists()


def test_a_run_on_a_folder(mixed: Path, good: Path, tmp_path: Path, capsys: Output) -> None:
    numbered = tmp_path / "numbered"
    numbered.mkdir()
    kinds = {**USABLE, **BROKEN}
    for unread in ("GIF", "float"):  # a model's folder has no such files
        kinds.pop(unread)
    for number, (suffix, make, _) in enumerate(kinds.values()):
        (numbered / f"{number:05d}{suffix}").write_bytes(make())
    circle = len(kinds)
    (numbered / f"{circle:05d}.png").symlink_to(f"{circle:05d}.png")
    (numbered / os.fsdecode(b"\xe9.png")).write_bytes(b"rotten")
    Path("p.txt").write_text("".join(f"prompt {n}\n" for n in range(circle + 1)))
    asked = ["run", "--model", "folder:numbered", "--bench", "file:p.txt", "--metrics", "fd_effnet_lite0"]
    assert cli.main([*asked, "--reference", str(good)]) == 0
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    usable = len(USABLE) - 1
    assert f"{circle + 1} planned = {usable} ok + {len(kinds) - usable + 1} error" in out
    assert "3 pictures: converted with transparency laid over white" in out
    (summary,) = Path("results").glob("*/summary.json")
    told = json.loads(summary.read_text())
    reasons = [failure["reason"] for failure in told["failures"]]
    expected = [reason for name, (_, _, reason) in BROKEN.items() if name in kinds]
    assert all(part in reason for part, reason in zip(expected, reasons, strict=False))
    assert reasons[-1].startswith("no picture of prompt")
    assert told["scores"][0]["n"] == usable


@pytest.fixture
def not_root() -> Iterator[Path]:
    """A folder of pictures, seen by a user who may not read everything in it."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    (root / "pictures").mkdir(mode=0o755)
    for seed in range(3):
        _coloured(20, 20, seed).save(root / "pictures" / f"{seed}.png")
    was = os.geteuid()
    if was == 0:
        os.chown(root / "pictures", 65534, 65534)
        for path in (root / "pictures").iterdir():
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
    try:
        yield root / "pictures"
    finally:
        (root / "pictures").chmod(0o755)
        os.seteuid(was)
        shutil.rmtree(root)


def test_what_may_not_be_read(not_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = not_root.parent / "cache"
    monkeypatch.setenv("DRAWBENCH_CACHE", str(cache))
    (not_root / "1.png").chmod(0)
    found = image_features([Item(path) for path in picture_files(not_root)], [Corner()], root=cache)
    assert found.failed == ((1, "cannot be read: Permission denied"),)
    reference, remarks = load_reference(ReferenceSource.parse(str(not_root)), [Corner()])
    assert reference.n == 2
    assert remarks == (
        "1 of 3 reference pictures could not be read and are left out "
        "(first: 1.png, cannot be read: Permission denied)",
    )
    not_root.chmod(0)
    with pytest.raises(InputError, match=r"pictures cannot be listed: Permission denied"):
        picture_files(not_root)
