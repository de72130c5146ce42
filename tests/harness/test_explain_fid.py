"""What is known to move a Fréchet distance does, and what moves both sides alike does not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from drawbench.errors import InputError
from harness import cli
from harness.distance import measure
from harness.explain_fid import AS_STORED, Explanation, Levels, explain, look
from harness.explain_fid_output import figure, headline, rows
from harness.extractors import Extractors, Setting
from harness.extractors.base import ImageExtractor
from harness.extractors.inception import load_pytorch
from harness.reference import ReferenceSource
from harness.resizing import RESIZES, through_jpeg, to_bytes

Output = pytest.CaptureFixture[str]
FEW = Levels(resizes=("legacy_tensorflow",))


class Given(Extractors):
    """Extractors that are there already."""

    def __init__(self, *ready: ImageExtractor) -> None:
        super().__init__(Setting())
        self._built.update({extractor.name: extractor for extractor in ready})


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pictures of mixed shapes with fine detail."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(16):
        height, width = rng.integers(230, 420, 2)
        coarse = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        coarse.resize((int(width), int(height)), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("other"), np.random.default_rng(5)
    for number in range(6):
        flat = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        flat.resize((260, 200), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def against_itself(photos: Path) -> Explanation:
    return explain(ReferenceSource.parse(str(photos)), [str(photos)], Extractors(Setting()), levels=FEW)


def _values(explanation: Explanation, factor: str) -> dict[str, float]:
    base = explanation.base[0]
    return {
        str(getattr(cell, factor)): score.value
        for cell, score in explanation.cells
        if getattr(cell, factor) != getattr(base, factor)
    }


def test_what_both_sides_share_moves_nothing(against_itself: Explanation) -> None:
    assert against_itself.base[1].value == pytest.approx(0, abs=1e-3)
    assert _values(against_itself, "resize")["legacy_tensorflow"] == pytest.approx(0, abs=1e-3)
    assert _values(against_itself, "crop")["center"] == pytest.approx(0, abs=1e-3)


def test_jpeg_moves_it_the_more_the_worse_it_is(against_itself: Explanation) -> None:
    stored = _values(against_itself, "stored")
    assert stored["jpeg75"] > stored["jpeg90"] > 0.1


def test_the_bias_falls_with_the_number(against_itself: Explanation) -> None:
    numbers = _values(against_itself, "n")
    assert list(numbers) == ["4", "8"]
    assert numbers["4"] > numbers["8"] > 1
    assert headline(against_itself).startswith("moves it most: n 4 +")


def test_the_base_is_what_the_command_distance_gives(photos: Path, other: Path) -> None:
    extractors, left = Extractors(Setting()), ReferenceSource.parse(str(photos))
    levels = Levels(resizes=("clean",), stored=(AS_STORED,), shares=())
    found = explain(left, [str(other), str(photos)], extractors, levels=levels)
    plain = measure(left, ReferenceSource.parse(str(other)), ("fd_effnet_lite0",), extractors)
    assert found.base[1] == plain.scores[0]
    by_reference = _values(found, "reference")
    assert list(by_reference) == [str(photos)]
    assert abs(found.base[1].value - by_reference[str(photos)]) > 10
    cropped = next(score for cell, score in found.cells if cell.crop == "center")
    assert cropped.value != pytest.approx(found.base[1].value, rel=1e-3)
    assert len({score.identity for _, score in found.cells}) == len(found.cells)


def test_full_combines_and_alone_does_not(other: Path) -> None:
    levels = Levels(resizes=("clean",), crops=("none", "center"), stored=(AS_STORED, "jpeg90"), shares=(0.5,))
    extractors, left = Extractors(Setting()), ReferenceSource.parse(str(other))
    full = explain(left, [str(other)], extractors, levels=levels, full=True)
    alone = explain(left, [str(other)], extractors, levels=levels)
    assert len(full.cells) == 2**4
    assert len(alone.cells) == 1 + 4
    combined = {cell: score.value for cell, score in full.cells}
    assert all(combined[cell] == score.value for cell, score in alone.cells)
    assert full.effects() == alone.effects()


def test_a_view_is_the_network_on_pictures_made_by_hand(photos: Path) -> None:
    network = Extractors(Setting()).image("effnet_lite0")
    image = np.asarray(Image.open(photos / "03.png"))
    assert look(network, "pillow_bicubic", "none", AS_STORED) is network
    seen = look(network, "legacy_tensorflow", "center", "jpeg90").extract_images([image])
    stored = through_jpeg(image, 90)
    side = min(stored.shape[:2])
    top, left = ((length - side) // 2 for length in stored.shape[:2])
    square = stored[top : top + side, left : left + side]
    by_hand = to_bytes(RESIZES["legacy_tensorflow"](square, 224))
    np.testing.assert_array_equal(seen, network.extract_images([by_hand]))


def test_on_inception_each_view_is_the_network_on_that_librarys_pixels(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = torchvision.models.inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False, transform_input=False
    )
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.mul_(6**0.5)  # else the signal dies on its way through 94 random layers
    torch.save(made.state_dict(), tmp_path / "random.pth")
    network = load_pytorch(tmp_path / "random.pth")
    image = np.asarray(Image.open(photos / "00.png"))
    views = {name: look(network, name, "none", AS_STORED).extract_images([image]) for name in RESIZES}
    np.testing.assert_array_equal(views["legacy_pytorch"], network.extract_images([image]))
    for name in ("pillow_bicubic", "pillow_lanczos"):
        ready = RESIZES[name](image, 299).astype(np.uint8)
        np.testing.assert_array_equal(views[name], network.extract_images([ready]))
    spread = [np.abs(one - two).max() for a, one in views.items() for b, two in views.items() if a < b]
    assert min(spread) > 0
    few = tmp_path / "few"
    few.mkdir()
    for number in range(3):
        (few / f"{number}.png").write_bytes((photos / f"{number:02d}.png").read_bytes())
    levels = Levels(resizes=("clean",), crops=("none",), stored=(AS_STORED,), shares=())
    found = explain(
        ReferenceSource.parse(str(few)),
        [str(few)],
        Given(network),
        levels=levels,
        metric="fid_legacy_pytorch",
    )
    assert [cell.resize for cell, _ in found.cells] == ["legacy_pytorch", "clean"]
    assert found.base[1].metric == "fid_legacy_pytorch"


def test_statistics_as_a_reference_are_fixed(other: Path, tmp_path: Path, capsys: Output) -> None:
    stats = tmp_path / "other.npz"
    assert cli.main(["reference", str(other), "--out", str(stats), "--extractors", "effnet_lite0"]) == 0
    capsys.readouterr()
    levels = Levels(resizes=("clean",), crops=("none", "center"), stored=(AS_STORED,), shares=())
    left, extractors = ReferenceSource.parse(str(other)), Extractors(Setting())
    fixed = explain(left, [str(stats)], extractors, levels=levels)
    alike = explain(left, [str(other)], extractors, levels=levels)
    assert fixed.base[1].value == pytest.approx(alike.base[1].value, abs=1e-3)
    assert _values(fixed, "crop")["center"] > 1 > _values(alike, "crop")["center"]
    assert any("is statistics: how its pictures were resized and cropped is fixed" in n for n in fixed.notes)


def test_the_command_writes_table_json_csv_and_figure(other: Path, tmp_path: Path, capsys: Output) -> None:
    asked = ["explain-fid", str(other), "--reference", str(other), "--resizes", "clean"]
    assert cli.main([*asked, "--out", str(tmp_path / "why")]) == 0
    out = capsys.readouterr().out
    assert "moves it most: " in out
    told = json.loads((tmp_path / "why" / "explain-fid.json").read_text())
    with (tmp_path / "why" / "explain-fid.csv").open() as file:
        listed = list(csv.DictReader(file))
    assert [row["value"] for row in listed] == [str(cell["value"]) for cell in told["cells"]]
    assert [row["resize"] for row in listed[:2]] == ["pillow_bicubic", "clean"]
    with Image.open(tmp_path / "why" / "explain-fid.png") as drawn:
        assert drawn.width > 400
    assert cli.main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told


def test_rows_and_figure_hold_every_number(against_itself: Explanation) -> None:
    listed = rows(against_itself)
    assert len(listed) == len(against_itself.cells)
    assert listed[0]["change"] == 0
    assert figure(against_itself) == figure(against_itself)


def test_what_cannot_be_explained(other: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "file").write_text("x")
    for more, said in (
        (["--resizes", "nearest"], "nearest is not among clean"),
        (["--metric", "align_conse"], "judges single pictures"),
        (["--out", str(tmp_path / "file")], "is a file, not a folder"),
    ):
        assert cli.main(["explain-fid", str(other), "--reference", str(other), *more]) == 2
        err = capsys.readouterr().err
        assert said in err.splitlines()[-1]
        assert err.splitlines()[-1].startswith("error: ")
    with pytest.raises(InputError, match="first argument must be a folder"):
        explain(ReferenceSource.parse("scenes"), ["scenes"], Extractors(Setting()))
