"""`--sweep`: one run a point, on the same noise, checked before the first picture, resumable."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from harness.ledger import read_ledger
from harness.run import main
from harness.sweep import Axis, points

Output = pytest.CaptureFixture[str]
COMMAND = ["--model", "dummy", "--bench", "file:p.csv", "--no-score"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("prompt\na red cube\na blue ball\n", encoding="utf-8")
    return tmp_path


def test_every_combination_is_a_run_on_the_same_noise(capsys: Output) -> None:
    assert main([*COMMAND, "--sweep", "guidance_scale=1,2.5,4", "--sweep", "size=16,32"]) == 0
    (table,) = Path("results").glob("sweep-*.json")
    sweep = json.loads(table.read_text())
    assert [run["point"] for run in sweep["runs"]] == [
        {"guidance_scale": w, "size": s} for w in (1, 2.5, 4) for s in (16, 32)
    ]
    seeds = set()
    for run in sweep["runs"]:
        folder = Path("results") / run["run"]
        settings = json.loads((folder / "manifest.json").read_text())["settings"]
        assert {name: settings[name] for name in run["point"]} == run["point"]
        seeds.add(tuple(sample.seed for sample in read_ledger(folder)))
    assert len(seeds) == 1
    assert "2/2" in capsys.readouterr().out


def test_a_sweep_is_taken_up_where_it_ended(capsys: Output) -> None:
    sweep = ["--sweep", "guidance_scale=1,2,3"]
    assert main([*COMMAND, "--guidance-scale", "2"]) == 0  # one point is there already
    (done,) = Path("results").iterdir()
    before = (done / "ledger.jsonl").stat().st_mtime_ns
    assert main([*COMMAND, *sweep]) == 0
    assert (done / "ledger.jsonl").stat().st_mtime_ns == before
    ledgers = {path: path.read_bytes() for path in Path("results").glob("*/ledger.jsonl")}
    assert len(ledgers) == 3
    assert main([*COMMAND, *sweep]) == 0
    assert {path: path.read_bytes() for path in Path("results").glob("*/ledger.jsonl")} == ledgers
    assert len(list(Path("results").glob("sweep-*.json"))) == 1


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["--sweep", "guidance_scale=1,-3"], "--guidance-scale must be"),
        (["--sweep", "guidance_scale"], "give it as key=value"),
        (["--sweep", "guidance_scale=1,,2"], "give it as key=value"),
        (["--sweep", "guidance_scale=1,1"], "stands there twice"),
        (["--sweep", "size=16,32", "--sweep", "size=8"], "names a setting twice"),
        (["--sweep", "guidance_scale=1,2", "--guidance-scale", "3"], "swept and given"),
        (["--sweep", "colour=red,blue"], "colour"),
        (["--sweep", "guidance_scale=1,1.0"], "same settings"),
    ],
)
def test_mistakes_are_found_before_anything_is_drawn(flags: list[str], wanted: str, capsys: Output) -> None:
    assert main([*COMMAND, *flags]) == 2
    err = capsys.readouterr().err
    assert wanted in err
    assert err.count("\n") == 1
    assert not Path("results").exists()


def test_a_dry_run_of_a_sweep_adds_up(capsys: Output) -> None:
    assert main([*COMMAND, "--sweep", "size=16,32,64", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "pictures: 6" in out
    assert out.count("run: results/") == 3
    assert not Path("results").exists()


def test_values_are_split_at_the_outer_commas_only() -> None:
    axis = Axis.parse('64.guidance-interval=[-2, 3],null,"a,b",heun')
    assert axis == Axis("64.guidance_interval", ([-2, 3], None, "a,b", "heun"))


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=4, unique=True), min_size=1, max_size=3))
def test_points_are_the_product_in_order(values: list[list[int]]) -> None:
    axes = [Axis(f"a{n}", tuple(listed)) for n, listed in enumerate(values)]
    found = points(axes)
    count = 1
    for listed in values:
        count *= len(listed)
    assert len({tuple(point.values()) for point in found}) == len(found) == count
    assert all(list(point) == [axis.name for axis in axes] for point in found)


def test_an_axis_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        points([Axis("a", (1,)), Axis("a", (2,))])
