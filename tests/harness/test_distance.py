"""Two folders apart from any run: the same numbers as scoring, and one clear line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import cli
from harness.distance import distance_metrics, measure
from harness.extractors import Extractors, Setting
from harness.extractors.effnet import POOLED
from harness.metrics.frechet import frechet_from_features
from harness.reference import ReferenceSource

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def _folder(root: Path, n: int, seed: int) -> Path:
    root.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(n):
        height, width = rng.integers(40, 80, 2)
        noise = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        noise.resize((int(width), int(height)), Image.Resampling.BICUBIC).save(root / f"{number:02d}.png")
    return root


def test_is_the_distance_of_the_features(tmp_path: Path) -> None:
    left, right = _folder(tmp_path / "a", 6, 0), _folder(tmp_path / "b", 8, 1)
    extractors = Extractors(Setting())
    found = measure(
        ReferenceSource.parse(str(left)), ReferenceSource.parse(str(right)), ("fd_effnet_lite0",), extractors
    )
    network = extractors.image("effnet_lite0")
    sides = [
        network.extract_images([np.asarray(Image.open(path)) for path in sorted(side.iterdir())])[:, POOLED]
        for side in (left, right)
    ]
    (score,) = found.scores
    assert score.value == pytest.approx(frechet_from_features(*sides), rel=1e-6)
    assert score.low < score.value < score.high
    assert "over 6" in score.method
    assert (score.n, found.reference[1]) == (6, 8)
    assert score.identity.endswith("|ref_n=8|png]")


def test_without_names_it_is_what_the_machine_can_do_on_one_network(tmp_path: Path) -> None:
    _folder(tmp_path / "a", 3, 0)
    chosen, notes = distance_metrics(None, Extractors(Setting()), ReferenceSource.parse("a"))
    assert chosen[0].name in ("fid", "fid_legacy_pytorch", "fd_effnet_lite0")
    assert {metric.image_extractors for metric in chosen} == {chosen[0].image_extractors}
    assert (chosen[0].name == "fid") == (notes == ())


def test_the_command_prints_a_table_or_json(tmp_path: Path, capsys: Output) -> None:
    _folder(tmp_path / "a", 4, 0)
    _folder(tmp_path / "b", 4, 1)
    asked = ["distance", "a", "folder:b,size=32,crop=center", "--metrics", "fd_effnet_lite0"]
    assert cli.main(asked) == 0
    out = capsys.readouterr().out
    assert "ref n" in out
    assert "|center32-bicubic|ref_n=4|png]" in out
    assert cli.main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reference"]["n"] == told["scores"][0]["n"] == 4
    assert f"{told['scores'][0]['value']:.7g}" in out


def test_statistics_give_the_same_line(tmp_path: Path, capsys: Output) -> None:
    _folder(tmp_path / "a", 4, 0)
    _folder(tmp_path / "b", 5, 1)
    frame = ["--size", "32", "--crop", "center"]
    made = ["reference", "b", "--out", "b.npz", "--extractors", "effnet_lite0", *frame]
    assert cli.main(made) == 0
    assert "5 pictures, pictures:" in capsys.readouterr().out
    lines = []
    for reference in ("b.npz", "folder:b,size=32,crop=center"):
        assert cli.main(["distance", "a", reference, "--metrics", "fd_effnet_lite0"]) == 0
        lines.append(capsys.readouterr().out)
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none", "a"], "none is not a folder"),
        (["a", "none"], "reference folder none is not a folder"),
        (["a", "none.npz"], "no such file"),
        (["scenes", "a"], "the first argument must be a folder"),
        (["one", "a"], "one has fewer than 2 pictures that can be read"),
        (["a", "one"], "reference folder one has fewer than 2 pictures"),
        (["empty", "a"], "empty holds no pictures"),
        (["a", "a", "--metrics", "align_conse"], "judges single pictures or texts"),
        (["a", "a", "--metrics", "fdi"], "unknown metric 'fdi'"),
        (["a", "a", "--metrics", ","], "names no metric"),
        (["a"], "REFERENCE"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], said: str, capsys: Output) -> None:
    _folder(tmp_path / "a", 3, 0)
    _folder(tmp_path / "one", 1, 0)
    (tmp_path / "empty").mkdir()
    assert cli.main(["distance", *arguments]) == 2
    out, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == ""
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in err
