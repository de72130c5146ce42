"""What the project says about itself is true: README, pinned versions, licence, hooks and checks agree."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAIN = "pip install -c constraints.txt . && python -m harness.run --model imagen --bench drawbench"
TEST = 'pip install -c constraints.txt ".[test]" && pytest -n auto'


def _code_lines(text: str) -> Iterator[str]:
    for block in re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M):
        yield from block.splitlines()


def _run_commands() -> list[str]:
    """Every `python -m harness.run` of the README, without what stands before it."""
    marker = "python -m harness.run"
    return [line[line.index(marker) + len(marker) :] for line in _code_lines(README) if marker in line]


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_the_readmes_two_commands_are_the_promised_ones() -> None:
    assert re.search(rf"<!-- ci: main -->\n```bash\n{re.escape(MAIN)}\n```", README)
    assert re.search(rf"<!-- ci: test -->\n```bash\n{re.escape(TEST)}\n```", README)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_check_script_runs_the_readmes_commands() -> None:
    script = ROOT / ".ci" / "run"
    listed = subprocess.run(
        ["bash", str(script), "--list"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    assert len(listed) == 3
    assert listed[0].startswith(f"{MAIN} --limit 4 --stages 64")
    assert listed[1] == TEST
    for tool in ('".[dev]"', "ruff check", "ruff format --check", "mypy"):
        assert tool in listed[2]
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111, "not executable"


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the README's commands name."""
    for folder, count in (("my_pictures", 3), ("my_references", 3), ("my_weights", 0)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            pixels = np.full((64, 64, 3), 40 * number + 60, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number:05d}.png")
    (tmp_path / "my_run.toml").write_text('model = "dummy"\nbench = "drawbench-open"\n')
    (tmp_path / "my_prompts.csv").write_text("prompt,category\na red cube,Colours\ntwo cats,Counts\na hat,\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    for variable in ("DRAWBENCH_PROMPTS", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


TRAINED = "imagen:my_cascade"
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
ELSEWHERE = (TRAINED, "my_model:", "diffusers:my_pipeline")  # by tests of their own


def _is_tried_here(command: str) -> bool:
    return not any(spec in command for spec in ELSEWHERE)


@pytest.mark.parametrize("command", [command for command in _run_commands() if _is_tried_here(command)])
def test_the_readmes_run_commands_are_understood(
    command: str, newcomer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.run import main

    arguments = shlex.split(command)
    if "--prompts" in arguments:  # the official list is not ours to ship
        (newcomer / "drawbench.csv").write_text("Prompts,Category\nnot the official list,Colors\n")
    status = main([*arguments, "--offline", *([] if "--dry-run" in arguments else ["--dry-run"])])
    printed = capsys.readouterr()
    if "--strict" in arguments:
        assert status == 2
        assert "official" in printed.err
    else:
        assert status == 0, printed.err
        assert "dry run: nothing was written" in printed.out
    assert "Traceback" not in printed.err
    assert not (newcomer / "results").exists()


def _tool_commands() -> list[str]:
    """Every `drawbench ...` of the README but `describe` and `rate`, which have tests of their own."""
    lines = (line for line in _code_lines(README) if line.startswith("drawbench "))
    commands = [line.removeprefix("drawbench ") for line in lines]
    return [command for command in commands if command.split()[0] not in ("describe", "rate")]


def _told(word: str, known: Mapping[str, str]) -> str:
    """A word of a command with what stands for its placeholder, also behind "NAME="."""
    name, equals, value = word.rpartition("=")
    return known[word] if word in known else name + equals + known.get(value, value)


def test_the_readmes_tools_do_what_it_says(newcomer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main as tool
    from harness.run import main as run

    drawing = ["--model", "dummy", "--bench", "file:my_prompts.csv", "--offline", "--metrics", "align_conse"]
    assert run([*drawing, "--out", "runs"]) == 0
    assert run([*drawing, "--out", "runs", "--set", "size=32"]) == 0
    for shard in ("1/2", "2/2"):
        assert run([*drawing, "--out", "shards", "--shard", shard]) == 0
    shutil.copytree("runs", "results")
    first, second = sorted(str(path) for path in Path("runs").iterdir())
    one, other = sorted(str(path) for path in Path("shards").iterdir())
    known = {"RUN_A": first, "RUN_B": second, "RUN": first, "SHARD_1": one, "SHARD_2": other}
    known["scenes:n=50"] = "scenes:n=3"
    commands = _tool_commands()
    assert len(commands) >= 10
    for command in commands:
        words = [_told(word, known) for word in shlex.split(command)]
        if words[:2] == ["study", "analyse"]:
            assert tool(["study", "simulate", "my_study", "--raters", "4"]) == 0
        verdicts = (0, 1, 3) if words[0] == "compare" else (0,)
        assert tool(words) in verdicts, (command, capsys.readouterr().err)
    for made in (
        "explained/explain-fid.png",
        "my_references.npz",
        "difference.png",
        "my_run.parquet",
        "both.html",
        "results/index.html",
        "verdict/verdict.json",
        "curve.svg",
        "my_analysis/report.html",
    ):
        assert (newcomer / made).exists(), made
    assert (newcomer / "merged" / "summary.json").is_file()


def test_the_readmes_training_commands_train_and_draw(
    newcomer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.run import main as run
    from imagen.train import main as train

    (newcomer / "my_photos").mkdir()
    for number, caption in enumerate(("a red square", "a grey square")):
        Image.new("RGB", (80, 64), (200, 90 * number, 90)).save(newcomer / "my_photos" / f"{number}.png")
        (newcomer / "my_photos" / f"{number}.txt").write_text(caption)
    (block,) = re.findall(r"^<!-- ci: train -->\n```bash\n(.*?)^```", README, re.S | re.M)
    training, drawing = (shlex.split(line) for line in block.splitlines())
    assert training[:3] == ["python", "-m", "imagen.train"]
    train([*training[3:], "--steps", "1", "--batch", "2", "--samples", "0", "--threads", "1"])
    assert drawing[:3] == ["python", "-m", "harness.run"]
    assert run([*drawing[3:], "--offline", "--dry-run"]) == 0
    assert "dry run: nothing was written" in capsys.readouterr().out


def test_the_readmes_describe_command_counts_what_the_readme_says(capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main

    (line,) = (line for line in _code_lines(README) if line.startswith("drawbench describe"))
    assert main(shlex.split(line)[1:]) == 0
    counted = re.findall(r"parameters +([\d.]+) ?([MB])", capsys.readouterr().out)
    rounded = {"M": lambda x: f"{x:.1f}" if x < 10 else f"{x:.0f}", "B": lambda x: f"{x:.1f}"}
    told = [f"{rounded[unit](float(number))} {unit}" for number, unit in counted]
    assert len(told) == 6
    assert f"| {' + '.join(told[:3])} |" in README
    assert f"| {' + '.join(told[3:])} |" in README


def test_every_bench_model_and_metric_is_in_the_readme() -> None:
    from drawbench.registry import available
    from harness.models.registry import model_names

    for info in available():
        if info.source == "built-in":
            assert f"`{info.name}" in README, info.name
    assert {"imagen", "folder"} <= set(model_names())
    from harness.metrics import names

    families = ("_effnet_lite0", "_k5", "_strict")  # variants of a metric that is there
    for name in names():
        assert f"`{name}`" in README or name.endswith(families), name
    for line in _code_lines(README):
        for bench in re.findall(r"--bench ([a-z-]+)", line):
            assert bench in {info.name for info in available()}


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md", *DOCUMENTS]
)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (document.parent / target).exists(), target


def test_the_readme_has_no_figure_left_to_fill_in() -> None:
    assert "TODO" not in README


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*", line) for line in pins)
    names = [canonicalize_name(line.split("==")[0]) for line in pins]
    assert len(names) == len(set(names))


def test_every_requirement_is_pinned_to_a_version_it_allows() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(text for listed in extras.values() for text in listed)]
    pins = _pins()
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            continue
        pinned = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned, prereleases=True), (text, pinned)


def test_what_the_requirements_require_is_pinned_too() -> None:
    pins = _pins()
    waiting = [
        (canonicalize_name(Requirement(text).name), frozenset[str]()) for text in PROJECT["dependencies"]
    ]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        assert name in pins, f"{name} is required and not pinned"
        for text in importlib.metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    assert len(seen) > 40


def test_licence_and_attributions_are_there() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for said in ("OpenMoji", "CC BY-SA 4.0", "MiniLM", "EfficientNet-Lite", "Apache-2.0"):
        assert said in notice
    assert PROJECT["license"] == "Apache-2.0"
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])


def test_hooks_are_local_and_run_the_checked_tools() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert "://" not in text
    (repository,) = yaml.safe_load(text)["repos"]
    assert repository["repo"] == "local"
    assert all(hook["language"] == "system" for hook in repository["hooks"])
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert [entry.split()[0] for entry in entries] == ["ruff", "ruff", "mypy"]


def test_the_changelog_has_a_section_to_add_to() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", changelog, re.M)
    assert sections[0] == ("Unreleased", "")
    assert all(date for _, date in sections[1:])
    kinds = set(re.findall(r"^### (\w+)$", changelog, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
