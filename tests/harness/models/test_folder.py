from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.models.folder import FolderModel
from harness.models.registry import ModelOptions
from harness.types import Failure, Request

PROMPTS = [Prompt(f"cat-{i:02}", f"cat {i}") for i in range(4)]


def save(path: Path, value: int, mode: str = "RGB", **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), (value, value, value)).convert(mode).save(path, **options)


def read(folder: Path, prompts: list[Prompt] = PROMPTS, index: int = 0) -> list[int | str]:
    """For each prompt the first pixel's red, or the failure's status."""
    model = FolderModel(ModelOptions(str(folder)))
    model.read_prompts(prompts)
    results = model.generate([Request(prompt, index, 0) for prompt in prompts])
    return [r.status if isinstance(r, Failure) else int(np.asarray(r)[0, 0, 0]) for r in results]


@pytest.mark.parametrize(
    "names",
    [
        ["cat-00/0.png", "cat-01/0.png", "cat-02/0000.png", "cat-03/0.webp"],
        ["images/cat-00/0.png", "images/cat-01/0.png", "images/cat-02/0.png", "images/cat-03/0.png"],
        ["cat-00.png", "cat-01.PNG", "cat-02.png", "cat-03.bmp"],
        ["00000.png", "00001.png", "00002.png", "00003.png"],
        ["0.png", "1.png", "2.png", "3.png"],
        ["1.png", "2.png", "3.png", "4.png"],
        ["001.png", "002.png", "003.png", "004.png"],
    ],
)
def test_layouts(tmp_path: Path, names: list[str]) -> None:
    if names[0].startswith("images"):
        (tmp_path / "manifest.json").write_text("{}")
    for number, name in enumerate(names):
        options = {"lossless": True} if name.endswith("webp") else {}
        save(tmp_path / name, 50 + number, **options)
    assert read(tmp_path) == [50, 51, 52, 53]


def test_prompt_ids_win_over_numbers(tmp_path: Path) -> None:
    numbers = [Prompt(str(i), "x") for i in (1, 2, 3)]
    for i in range(4):
        save(tmp_path / f"{i}.png", 50 + i)
    assert read(tmp_path, numbers) == [51, 52, 53]


def test_more_samples_a_prompt(tmp_path: Path) -> None:
    save(tmp_path / "cat-00" / "0.png", 50)
    save(tmp_path / "cat-00" / "1.png", 60)
    assert read(tmp_path, index=1) == [60, "error", "error", "error"]


def test_missing_and_broken_pictures_fail_alone(tmp_path: Path) -> None:
    save(tmp_path / "00000.png", 50)
    save(tmp_path / "00002.png", 52)
    whole = (tmp_path / "00000.png").read_bytes()
    (tmp_path / "00003.png").write_bytes(whole[:50])
    assert read(tmp_path) == [50, "error", 52, "error"]
    model = FolderModel(ModelOptions(str(tmp_path)))
    model.read_prompts(PROMPTS)
    missing, broken = model.generate([Request(PROMPTS[1], 0, 0), Request(PROMPTS[3], 0, 0)])
    assert isinstance(missing, Failure)
    assert missing.reason == "no picture of prompt cat-01, index 0"
    assert isinstance(broken, Failure)
    assert broken.reason.startswith("00003.png: ")


def test_numbers_that_could_mean_two_things_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "1.png", 50)
    save(tmp_path / "2.png", 50)
    with pytest.raises(InputError, match="begin at 0 or 1"):
        read(tmp_path)


def test_no_folder_and_no_fitting_picture(tmp_path: Path) -> None:
    for bad in ("", str(tmp_path / "none")):
        with pytest.raises(InputError, match="folder:PATH"):
            FolderModel(ModelOptions(bad))
    save(tmp_path / "dog.png", 50)
    with pytest.raises(InputError, match="no picture for any prompt"):
        read(tmp_path)


def test_settings_are_refused(tmp_path: Path) -> None:
    model = FolderModel(ModelOptions(str(tmp_path)))
    with pytest.raises(InputError, match="no setting 'guidance_scale'; it has: none"):
        model.resolve_settings({"guidance_scale": 2.0})


def test_identity_is_names_and_bytes(tmp_path: Path) -> None:
    def identity() -> dict[str, object]:
        model = FolderModel(ModelOptions(str(tmp_path)))
        model.read_prompts(PROMPTS)
        return dict(model.identity())

    save(tmp_path / "cat-00.png", 50)
    first = identity()
    save(tmp_path / "notes.png", 1)
    assert identity() == first
    save(tmp_path / "cat-01.png", 50)
    second = identity()
    assert second["content_sha256"] != first["content_sha256"]
    save(tmp_path / "cat-01.png", 51)
    assert identity()["content_sha256"] not in (first["content_sha256"], second["content_sha256"])
