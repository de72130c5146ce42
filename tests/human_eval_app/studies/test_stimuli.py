"""Pictures on their way into a study: read upright and whole, registered under opaque ids."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import blocks, small_run

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.decode import decode_rgb
from harness.run_view import RunView
from harness.types import Failure
from human_eval_app.pictures.framing import Frame
from human_eval_app.pictures.made_pictures import DegradedSource, NoiseSource
from human_eval_app.pictures.sources import folder_source, reference_source, run_source
from human_eval_app.studies.stimuli import FILE_TIME, Slot, native_sizes, register_pictures

FRAME = Frame(32, 32)
PROMPTS = (Prompt("p000", "a red apple"), Prompt("p001", "a blue horse on a hill"))


def test_a_runs_pictures_are_registered_as_they_are(tmp_path: Path) -> None:
    run = RunView.load(small_run(tmp_path / "run", samples=2, size=(32, 32)))
    source = run_source("imagen", run)
    slots = [
        Slot("imagen", prompt.id, index) for prompt in run.prompts for index in source.indices(prompt.id)
    ]
    assert len(slots) == 12
    assert set(native_sizes(slots, {"imagen": source})["imagen"]) == {(32, 32)}
    told: list[int] = []
    ids, pictures = register_pictures(
        slots, {"imagen": source}, FRAME, b"s" * 32, tmp_path / "pictures", advance=told.append
    )
    assert sum(told) == 12
    assert [p.id for p in pictures] == sorted(p.id for p in pictures)
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} == set(ids.values())
    by_id = {picture.id: picture for picture in pictures}
    for slot, picture_id in ids.items():
        data = (tmp_path / "pictures" / f"{picture_id}.png").read_bytes()
        assert hashlib.sha256(data).hexdigest() == by_id[picture_id].sha256
        assert len(data) == by_id[picture_id].bytes
        original = (tmp_path / "run" / "images" / slot.prompt_id / f"{slot.index}.png").read_bytes()
        assert (decode_rgb(data) == decode_rgb(original)).all()
        assert (tmp_path / "pictures" / f"{picture_id}.png").stat().st_mtime == FILE_TIME


def test_equal_pixels_share_one_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        blocks((32, 32), 3).save(tmp_path / name / "p000.png")
    sources = {name: folder_source(name, tmp_path / name, PROMPTS) for name in ("a", "b")}
    slots = [Slot(name, "p000", 0) for name in ("a", "b")]
    ids, pictures = register_pictures(slots, sources, FRAME, b"s" * 32, tmp_path / "pictures")
    assert len(pictures) == 1
    assert len(set(ids.values())) == 1


def test_orientation_is_applied_and_metadata_dropped(tmp_path: Path) -> None:
    upright = blocks((48, 32), 5)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: to be turned by 90 degrees clockwise
    exif[0x0131] = "a secret model"
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "p000.png", exif=exif)
    source = folder_source("photos", tmp_path, PROMPTS)
    assert source.size("p000", 0) == (48, 32)
    assert (source.pixels("p000", 0, Frame(48, 32)) == np.asarray(upright)).all()
    _, pictures = register_pictures(
        [Slot("photos", "p000", 0)], {"photos": source}, Frame(48, 32), b"s" * 32, tmp_path / "pictures"
    )
    assert b"secret" not in (tmp_path / "pictures" / f"{pictures[0].id}.png").read_bytes()


def test_failed_samples_have_no_picture(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run", samples=2, failures={("p000", 0): Failure("filtered", "unsafe")})
    source = run_source("imagen", RunView.load(folder))
    assert source.indices("p000") == (1,)
    assert source.indices("p001") == (0, 1)
    assert source.indices("unknown") == ()


def test_unfinished_runs_are_refused_or_taken_as_they_are(tmp_path: Path) -> None:
    run = RunView.load(small_run(tmp_path / "run", unmade=("p003",)))
    with pytest.raises(InputError, match="1 of 6 samples are not made"):
        run_source("imagen", run)
    assert run_source("imagen", run, unfinished=True).indices("p003") == ()


def test_runs_without_pictures_are_refused(tmp_path: Path) -> None:
    failures = {(f"p00{n}", 0): Failure("error", "no") for n in range(6)}
    with pytest.raises(InputError, match="has no picture"):
        run_source("imagen", RunView.load(small_run(tmp_path / "run", failures=failures)))


def test_deleted_pictures_are_counted(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    (folder / "images" / "p002" / "0.png").unlink()
    with pytest.raises(InputError, match="1 of 6 pictures are not there"):
        run_source("imagen", RunView.load(folder))


def test_changed_pictures_of_a_run_are_refused(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    blocks((48, 48), 99).save(folder / "images" / "p002" / "0.png")
    source = run_source("imagen", RunView.load(folder))
    with pytest.raises(InputError, match="sha256 differs"):
        source.pixels("p002", 0, FRAME)


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n broken"])
def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p000.png").write_bytes(data)
    source = folder_source("photos", tmp_path, PROMPTS)
    with pytest.raises(InputError, match=r"photos: .*p000\.png"):
        source.size("p000", 0)
    with pytest.raises(InputError, match=r"photos: .*p000\.png"):
        source.pixels("p000", 0, FRAME)


def test_folders_without_the_prompts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        folder_source("photos", tmp_path / "absent", PROMPTS)
    blocks((8, 8), 1).save(tmp_path / "holiday.png")
    with pytest.raises(InputError, match="no picture for any prompt"):
        folder_source("photos", tmp_path, PROMPTS)


def test_cocos_pictures_are_found_by_file_name(tmp_path: Path) -> None:
    blocks((32, 32), 1).save(tmp_path / "COCO_val2014_000000000042.jpg")
    prompt = Prompt("coco-7", "a cat", "", {"file_name": "COCO_val2014_000000000042.jpg"})
    outside = Prompt("coco-8", "a dog", "", {"file_name": "../../etc/passwd"})
    manifest = {
        "bench": {"reference": {"kind": "folder", "location": f"folder:{tmp_path},size=256,crop=center"}}
    }
    source = reference_source(None, manifest, (prompt, outside))
    assert source.indices("coco-7") == (0,)
    assert source.indices("coco-8") == ()


def test_references_that_cannot_be_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reference of their own"):
        reference_source(None, {"bench": {"reference": None}}, PROMPTS)
    with pytest.raises(InputError, match="for runs of the scenes bench"):
        reference_source("scenes", None, PROMPTS)
    with pytest.raises(InputError, match="no folder of pictures"):
        reference_source(str(tmp_path / "stats.npz"), None, PROMPTS)


def test_degraded_pictures_are_far_from_their_originals(tmp_path: Path) -> None:
    blocks((64, 64), 4).save(tmp_path / "p000.png")
    base = folder_source("photos", tmp_path, PROMPTS)
    worse = DegradedSource("made:degraded", base)
    frame = Frame(64, 64)
    bad, good = worse.pixels("p000", 0, frame), base.pixels("p000", 0, frame)
    assert bad.shape == good.shape
    assert np.abs(bad.astype(float) - good).mean() > 20
    assert len(np.unique(bad)) <= 4
    assert (bad == worse.pixels("p000", 0, frame)).all()


def test_noise_is_noise() -> None:
    source = NoiseSource("made:noise", 2)
    first, second = (source.pixels("p000", index, Frame(64, 48)) for index in range(2))
    assert first.shape == (48, 64, 3)
    assert (first != second).any()
    assert 100 < first.mean() < 155
