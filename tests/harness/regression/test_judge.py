"""Verdicts on runs of a model that draws something else under each seed: repeats, their band and the plan."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli import main
from harness.run import main as run_main

Output = pytest.CaptureFixture[str]
MODEL = '''
"""Renders scenes, some of them beyond recognition: which, the seeds decide, and how many, the rate."""
import numpy as np
from drawbench.scenes import render, scene_from_dict


class Renderer:
    def __init__(self):
        self.rate = RATE

    def identity(self):
        return {"name": "renderer", "rate": self.rate}

    def generate(self, requests):
        return [self.draw(request) for request in requests]

    def draw(self, request):
        rng = np.random.default_rng(request.seed)
        picture = render(scene_from_dict(request.prompt.meta), 64, request.prompt.meta["layout_seed"])
        if rng.random() < self.rate:
            picture = picture[:, ::-1] // 4 + rng.integers(0, 190, picture.shape, dtype=np.uint8)
        return picture.astype(np.uint8)
'''
COUNT = 40


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Runs of a good model under four seeds, and of a worse one."""
    root = tmp_path_factory.mktemp("judge")
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAWBENCH_CACHE", str(root / "cache"))
        patch.syspath_prepend(str(root))
        for name, rate in (("good", 0.15), ("bad", 0.8)):
            (root / f"renderer_{name}.py").write_text(MODEL.replace("RATE", str(rate)))
        for name, model, seed in (
            *((f"good{seed}", "renderer_good", seed) for seed in range(4)),
            ("bad", "renderer_bad", 0),
        ):
            out = root / name
            command = ["--model", f"{model}:Renderer", "--bench", f"scenes:n={COUNT}", "--seed", str(seed)]
            assert run_main([*command, "--metrics", "scenes_accuracy", "--offline", "--out", str(out)]) == 0
            (folder,) = out.iterdir()
            made[name] = str(folder)
        yield made
    for name in ("renderer_good", "renderer_bad"):
        sys.modules.pop(name, None)


def _compare(capsys: Output, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    main(["compare", *arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _accuracy(entry: dict[str, Any]) -> dict[str, Any]:
    return next(r for r in entry["rows"] if r["metric"] == "scenes_accuracy" and r["category"] is None)


def _repeats(runs: dict[str, str]) -> list[str]:
    return [word for seed in (1, 2, 3) for word in ("--repeats", runs[f"good{seed}"])]


def test_the_band_is_that_of_the_repeats_values(runs: dict[str, str], capsys: Output) -> None:
    entry = _compare(capsys, runs["good0"], runs["bad"], *_repeats(runs))
    assert (entry["outcome"], entry["repeats"]) == ("regression", 4)
    row = _accuracy(entry)
    values = []
    for seed in range(4):
        summary = json.loads((Path(runs[f"good{seed}"]) / "summary.json").read_text())
        values.append(next(s["value"] for s in summary["scores"] if s["category"] is None))
    assert len(set(values)) > 1
    assert row["noise"]["repeats"] == 4
    assert row["noise"]["mean"] == pytest.approx(np.mean(values), rel=1e-5)
    assert row["noise"]["deviation"] == pytest.approx(np.std(values, ddof=1), rel=1e-5)
    assert row["b"] < row["noise"]["low"]


def test_a_repeat_is_no_regression_of_itself(runs: dict[str, str], capsys: Output) -> None:
    for seed in (1, 2, 3):
        entry = _compare(capsys, runs["good0"], runs[f"good{seed}"], "--seeds", "differ")
        assert entry["outcome"] in ("pass", "inconclusive", "improved")
    assert _compare(capsys, runs["good1"], runs["bad"], "--seeds", "differ")["outcome"] == "regression"


def test_repeats_sharpen_the_plan(runs: dict[str, str], capsys: Output) -> None:
    def planned(*flags: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["compare", "--plan", runs["good0"], *flags, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["rows"]
        return next(r for r in rows if r["metric"] == "scenes_accuracy" and r["category"] is None)

    alone, sharper = planned(), planned(*_repeats(runs))
    assert alone["source"] == "nothing shared by the pairs (upper bound)"
    assert sharper["source"] == "pairs with 3 repeats"
    assert sharper["error"] < 1.3 * alone["error"]
    assert sharper["detectable_95"] > sharper["margin"]
