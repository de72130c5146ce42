"""`drawbench pareto`: real sweeps of small models, stopped, repeated, redrawn, and given nonsense."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import cli
from harness.pareto import sweeping
from harness.pareto.record import read_pareto
from harness.pareto.table import pareto_csv

Output = pytest.CaptureFixture[str]

PROMPTS = "prompt\n" + "\n".join(f"a {colour} cube" for colour in ("red", "blue", "green", "grey")) + "\n"
COMMAND = [
    *("pareto", "--model", "dummy", "--bench", "file:p.csv", "--samples-per-prompt", "2", "--offline"),
    *("--reference", "scenes:n=12,size=64", "--alignment", "align_conse", "--quality", "fd_effnet_lite0"),
]
SWEEP = [*COMMAND, "--guidance-scale", "4,0.25", "--vary", "size=16,32"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(cache))
    Path("p.csv").write_text(PROMPTS, encoding="utf-8")
    return tmp_path


def pictures() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in Path("results").glob("*/images/*/*.png")}


def content(prefix: str) -> dict[str, bytes]:
    return {suffix: Path(f"{prefix}.{suffix}").read_bytes() for suffix in ("json", "csv", "png", "svg")}


def test_a_sweep_gives_numbers_table_and_figure_and_repeating_it_costs_nothing(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main([*SWEEP, "--to", "out/curve"]) == 0
    out = capsys.readouterr().out
    assert "hypervolume from" in out
    result = json.loads(Path("out/curve.json").read_text())
    assert [curve["variant"] for curve in result["curves"]] == [{"size": 16}, {"size": 32}]
    for curve in result["curves"]:
        assert [point["at"] for point in curve["points"]] == [0.25, 4]  # in order, whatever was given
        for point in curve["points"]:
            summary = json.loads(Path("results", point["run"], "summary.json").read_text())
            scores = {s["metric"]: s for s in summary["scores"] if s["category"] is None}
            for axis, metric in (("alignment", "align_conse"), ("quality", "fd_effnet_lite0")):
                assert point[axis]["value"] == scores[metric]["value"]
                assert (point[axis]["low"], point[axis]["high"]) == (
                    scores[metric]["low"],
                    scores[metric]["high"],
                )
                assert result[axis]["identity"] == scores[metric]["identity"]
            assert len(point["left_out"]) == 4  # a group a prompt
    assert result["about"]["command"]
    before, made = content("out/curve"), pictures()
    assert len(made) == 4 * 8

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something is drawn or looked at again")

    monkeypatch.setattr(sweeping, "execute", refuse)
    monkeypatch.setattr(sweeping, "measure_point", refuse)
    assert cli.main([*SWEEP, "--to", "out/curve"]) == 0
    assert content("out/curve") == before
    assert pictures() == made
    assert cli.main(["pareto", "--from", "out/curve.json", "--to", "out/again"]) == 0
    for suffix in ("csv", "png", "svg"):
        assert Path(f"out/again.{suffix}").read_bytes() == before[suffix]


def test_a_point_whose_pictures_changed_is_measured_again(capsys: Output) -> None:
    few = [*COMMAND, "--guidance-scale", "1,4", "--to", "curve"]
    assert cli.main(few) == 0
    first = json.loads(Path("curve.json").read_text())
    run = Path("results", first["curves"][0]["points"][0]["run"])
    lines = (run / "ledger.jsonl").read_text().splitlines()
    (run / "ledger.jsonl").write_text("\n".join(lines[:-1]) + "\n")  # one picture is not known any more
    doctored = json.loads(Path("curve.json").read_text())
    for point in doctored["curves"][0]["points"]:
        point["alignment"]["value"] = 77.0
        point["pictures"] = "of other pictures" if point["at"] == 1 else point["pictures"]
    Path("curve.json").write_text(json.dumps(doctored))
    assert cli.main(few) == 0
    one, other = json.loads(Path("curve.json").read_text())["curves"][0]["points"]
    assert one["alignment"] == first["curves"][0]["points"][0]["alignment"]
    assert one["counts"]["ok"] == 8
    assert other["alignment"]["value"] == 77.0  # its pictures are the same, so nobody looked again

    doctored = json.loads(Path("curve.json").read_text())
    doctored["quality"]["identity"] = "fd_effnet_lite0[of an earlier version]"
    doctored["curves"][0]["points"][0]["pictures"] = "of other pictures"
    Path("curve.json").write_text(json.dumps(doctored))
    assert cli.main(few) == 0  # numbers of two identities never stand in one figure
    again = json.loads(Path("curve.json").read_text())
    assert again["quality"] == first["quality"]
    assert again["curves"] == first["curves"]


FAILING = """
from harness.models.dummy import DummyModel
from harness.types import Failure

class Failing(DummyModel):
    def generate(self, requests):
        made = super().generate(requests)
        bold = requests[0].settings["guidance_scale"] == 4
        lost = [bold and r.index == 1 and r.prompt.text == "a red cube" for r in requests]
        return [Failure("filtered", "too bold") if no else one for no, one in zip(lost, made)]
"""


def test_failures_in_a_point_are_shown(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("failing.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    command = [part if part != "dummy" else "failing:Failing" for part in COMMAND]
    assert cli.main([*command, "--guidance-scale", "1,4", "--to", "curve"]) == 0
    out = capsys.readouterr().out
    assert "4: 1 of 8 pictures missing" in out
    assert "too bold" in out
    point = json.loads(Path("curve.json").read_text())["curves"][0]["points"][1]
    assert (point["counts"]["filtered"], point["counts"]["ok"], point["alignment"]["n"]) == (1, 7, 7)
    strict = [*command, "--guidance-scale", "1,4", "--on-failure", "fail"]
    assert cli.main(strict) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_in_mid_sweep_and_taken_up(here: Path) -> None:
    sweep = [*COMMAND, "--guidance-scale", "1,2,3", "--set", "delay=0.05", "--to", "curve"]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    started = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *sweep],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not Path("curve.json").exists() and time.monotonic() < deadline and started.poll() is None:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    left = json.loads(Path("curve.json").read_text())  # whole, whatever the moment
    assert 1 <= len(left["curves"][0]["points"]) <= 3
    made = pictures()
    assert cli.main(sweep) == 0
    now = pictures()
    assert {path: now[path] for path in made} == made
    points = json.loads(Path("curve.json").read_text())["curves"][0]["points"]
    assert [point["at"] for point in points] == [1, 2, 3]
    assert all(point["counts"]["ok"] == 8 for point in points)
    assert points[0]["left_out"] == left["curves"][0]["points"][0]["left_out"]


def test_an_adaptive_sweep_adds_points_up_to_its_limit(capsys: Output) -> None:
    adaptive = [*COMMAND, "--guidance-scale", "0.2,5", "--adaptive", "--max-points", "4", "--to", "curve"]
    assert cli.main(adaptive) == 0
    (curve,) = json.loads(Path("curve.json").read_text())["curves"]
    assert 2 <= len(curve["points"]) <= 4
    assert curve["stopped"]
    assert "no more points, as" in capsys.readouterr().out
    assert [p["at"] for p in curve["points"]] == sorted(p["at"] for p in curve["points"])


REFERENCE_RESULTS = Path(__file__).resolve().parents[3] / "results" / "reference" / "pareto"


def documented_commands() -> dict[str, list[str]]:
    """The commands of the committed curves, as they stand beside them, by the curves' names."""
    lines = (REFERENCE_RESULTS / "README.md").read_text(encoding="utf-8").splitlines()
    found = [shlex.split(line) for line in lines if line.startswith("drawbench pareto")]
    return {words[words.index("--to") + 1].split("/")[-1]: words[1:] for words in found}


def test_the_committed_curves_are_those_of_their_commands() -> None:
    commands = documented_commands()
    files = {path.stem: path for path in REFERENCE_RESULTS.glob("*.json")}
    assert files.keys() == commands.keys()
    for name, path in files.items():
        result = json.loads(path.read_text(encoding="utf-8"))
        said, made = commands[name], shlex.split(result["about"]["command"])[1:]
        assert made == said
        assert all(point["reason"] is None for curve in result["curves"] for point in curve["points"])
        for suffix in ("csv", "png", "svg"):
            assert path.with_suffix(f".{suffix}").exists()
        assert (REFERENCE_RESULTS / f"{name}.csv").read_bytes() == pareto_csv(read_pareto(path))


def test_a_committed_curve_s_command_at_small_size(capsys: Output) -> None:
    """The command of the samplers' curves with 4 prompts, few steps and a small reference."""
    command = documented_commands()["samplers"]
    for flag, value in (("--bench", "scenes:n=4"), ("--along", "steps=3,4"), ("--to", "small")):
        command[command.index(flag) + 1] = value
    command += ["--reference", "scenes:n=12,size=64"]
    assert cli.main(command) == 0
    result = json.loads(Path("small.json").read_text())
    committed = json.loads((REFERENCE_RESULTS / "samplers.json").read_text())
    for axis in ("alignment", "quality"):
        assert result[axis]["metric"] == committed[axis]["metric"]
    labels = [curve["label"] for curve in result["curves"]]
    assert labels == [curve["label"] for curve in committed["curves"]]
    for curve in result["curves"]:
        for point in curve["points"]:
            assert point["settings"]["64.sampler"] == curve["label"]
            assert point["counts"]["ok"] == 4
    assert cli.main([*command, "--dry-run"]) == 0


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["pareto"], "give --model and --bench"),
        (COMMAND, "--guidance-scale W,W,... or by --along"),
        ([*COMMAND, "--guidance-scale", "1,2", "--along", "size=8,16"], "--guidance-scale W,W,... or by"),
        ([*COMMAND, "--guidance-scale", "1,,2"], "--guidance-scale 'guidance_scale=1,,2'"),
        ([*COMMAND, "--guidance-scale", "1,1"], "stands there twice"),
        ([*COMMAND, "--guidance-scale", "1,-2"], "--guidance-scale must be"),
        ([*COMMAND, "--guidance-scale", "1,2", "--vary", "guidance_scale=3,4"], "varied twice"),
        ([*COMMAND, "--guidance-scale", "1,2", "--vary", "size=8,16", "--set", "size=8"], "swept and given"),
        ([*COMMAND, "--guidance-scale", "1,2", "--vary", "colour=red"], "colour"),
        ([*COMMAND, "--guidance-scale", "1,2", "--vary", "model=dummy,nosuch"], "nosuch"),
        ([*COMMAND, "--along", "model=dummy,imagen"], "give it by --vary"),
        ([*COMMAND, "--along", 'size="a","b"', "--adaptive"], "all of them numbers"),
        ([*COMMAND, "--guidance-scale", "1", "--adaptive"], "at least two values"),
        ([*COMMAND, "--guidance-scale", "1,2", "--quality", "nosuch"], "unknown metric"),
        ([*COMMAND, "--guidance-scale", "1,2", "--quality", "align_conse"], "are both align_conse"),
        ([*COMMAND, "--guidance-scale", "1,2", "--quality", "fid"], "fid"),
        ([*COMMAND, "--guidance-scale", "1,2", "--hypervolume-from", "1"], "give two numbers"),
        ([*COMMAND, "--guidance-scale", "1,2", "--hypervolume-from", "1,nan"], "two finite numbers"),
        ([*COMMAND, "--guidance-scale", "1,2", "--to", "a.png"], "without .png"),
        ([*COMMAND, "--guidance-scale", "1,2", "--to", "."], "is a folder"),
        (["pareto", "--from", "nosuch.json"], "nosuch.json"),
        (["pareto", "--from", "p.csv"], "p.csv"),
        (["pareto", "--from", "p.csv", "--adaptive"], "--adaptive has no meaning beside --from"),
        (["pareto", "--from", "p.csv", "--model", "dummy"], "--model has no meaning beside --from"),
    ],
)
def test_mistakes_are_found_before_anything_is_drawn(flags: list[str], wanted: str, capsys: Output) -> None:
    assert cli.main(flags) == 2
    err = capsys.readouterr().err
    assert wanted in err
    assert err.count("\n") == 1
    assert not Path("results").exists()


def test_another_sweep_s_file_is_not_written_over(capsys: Output) -> None:
    assert cli.main([*COMMAND, "--guidance-scale", "1,4", "--to", "curve"]) == 0
    before = content("curve")
    assert cli.main([*COMMAND, "--guidance-scale", "1,5", "--to", "curve"]) == 2
    assert "of another sweep" in capsys.readouterr().err
    assert content("curve") == before
