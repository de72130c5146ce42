"""Each step's command of the example pipelines, run here in order against a model made worse on purpose."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).resolve().parents[1]
CI = ROOT / "examples" / "ci"
METRICS = "scenes_accuracy,align_conse"
BENCH = "scenes:n=16"
GOOD = "--stages 64 --guidance-scale 3 --steps 3"
WORSE = "--stages 64 --guidance-scale 0 --steps 1"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a baseline in its registry and a finished run of the worse candidate."""
    root = tmp_path_factory.mktemp("pipeline")
    flags = ["run", "--model", "imagen", "--bench", BENCH, "--metrics", METRICS, "--offline"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(root / "cache"))
        patch.chdir(root)
        assert main([*flags, *GOOD.split(), "--out", "baseline"]) == 0
        assert main([*flags, *WORSE.split(), "--out", "candidate"]) == 0
        (baseline,) = (root / "baseline").iterdir()
        assert main(["baseline", "add", "release", str(baseline)]) == 0
    shutil.rmtree(root / "baseline")  # what was kept must do
    return root


def _github() -> tuple[list[tuple[str, bool]], dict[str, str]]:
    """(command, whether it runs after a failure) of each step with one, and the variables."""
    workflow: dict[str, Any] = yaml.safe_load((CI / "github-actions.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    steps = [(step["run"], step.get("if") == "always()") for step in job["steps"] if "run" in step]
    return steps, workflow["env"]


def _gitlab() -> tuple[list[tuple[str, bool]], dict[str, str]]:
    (job,) = yaml.safe_load((CI / "gitlab-ci.yml").read_text(encoding="utf-8")).values()
    return [*((line, False) for line in job["script"]), *((line, True) for line in job["after_script"])], job[
        "variables"
    ]


@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_the_pipeline_fails_on_a_regression_and_shows_it(platform: str, drawn: Path, tmp_path: Path) -> None:
    steps, variables = {"github": _github, "gitlab": _gitlab}[platform]()
    for name in ("results", "candidate", "cache"):
        shutil.copytree(drawn / name, tmp_path / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "drawbench").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness.cli "$@"\n')
    (programs / "drawbench").chmod(0o755)
    environment = {
        **os.environ,
        **variables,
        "BENCH": BENCH,
        "SETTINGS": f"{WORSE} --offline",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DRAWBENCH_CACHE": str(tmp_path / "cache"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step-summary.md"),
        "CI_JOB_URL": "https://example.org/jobs/7",
    }
    statuses = []
    printed = ""
    for command, always in steps:
        if any(statuses) and not always:
            continue
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        statuses.append(done.returncode)
        printed += done.stdout + done.stderr
    assert len(statuses) == len(steps), printed
    assert sum(statuses) == 1, printed
    assert statuses[2] == 1, printed

    verdict = tmp_path / "verdict"
    markdown = (verdict / "comment.md").read_text(encoding="utf-8")
    assert markdown.startswith("## ❌ Regression")
    shown = re.findall(r"^\*\*(scenes-\d+)/0\*\*", markdown, re.M)
    assert len(shown) == 3
    suite = ElementTree.parse(verdict / "verdict.xml").getroot().find("testsuite")
    assert suite is not None
    failure = next(case for case in suite.iter("testcase") if case.find("failure") is not None)
    told = "".join(failure.itertext())
    for prompt_id in shown:
        assert prompt_id in told
        for side in ("baseline", "candidate"):
            (picture,) = (verdict / "worst").glob(f"*-{prompt_id}-0-{side}.*")
            assert f"worst/{picture.name}" in markdown
            assert f"worst/{picture.name}" in told
            assert picture.stat().st_size > 100
    if platform == "github":
        assert "❌ Regression" in (tmp_path / "step-summary.md").read_text(encoding="utf-8")
    else:
        assert "](https://example.org/jobs/7/artifacts/raw/verdict/worst/" in markdown
        assert "REGRESSION" in printed


def test_the_readme_beside_them_names_their_variables() -> None:
    told = (CI / "README.md").read_text(encoding="utf-8")
    for _, variables in (_github(), _gitlab()):
        assert f"--bench {variables['BENCH']} {variables['SETTINGS']}" in told
        assert f"--metrics {variables['METRICS']}" in told
        assert variables["METRICS"] == METRICS
