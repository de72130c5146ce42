"""--with: networks for the metrics, from the command line to the extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.errors import InputError
from harness.cli import main as drawbench
from harness.options import ScoreOptions, split_networks
from harness.run import main
from harness.scoring import make_scorer


def test_keys_and_networks_are_told_apart_by_known_keys_alone() -> None:
    assert split_networks([]) == {}
    assert split_networks(["clip=ViT-B-32/openai,vqa=/a,b/c", "detector=x:Y"]) == {
        "clip": "ViT-B-32/openai",
        "vqa": "/a,b/c",
        "detector": "x:Y",
    }
    assert split_networks(["clip=ViT-L-14=/weights/x.pt"]) == {"clip": "ViT-L-14=/weights/x.pt"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["x=1"], r"--with 'x=1': give it as KEY=NETWORK; the keys are clip, pick, vqa, detector"),
        (["clip"], "KEY=NETWORK"),
        (["clip="], "KEY=NETWORK"),
        (["clip=a,clip=b"], "names clip twice"),
        (["clip=a", "clip=b"], "names clip twice"),
    ],
)
def test_mistakes(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_networks(given)


def test_options_reach_the_plan() -> None:
    with pytest.raises(InputError, match="known are clip, pick, vqa, detector"):
        ScoreOptions(networks={"fid": "x"})
    named = {"clip": "ViT-B-32/openai", "pick": "p", "vqa": "v", "detector": "json:loads"}
    plan = make_scorer(ScoreOptions(metrics=(), networks=named), None, ()).plan
    assert (plan.clip_model, plan.pick_model, plan.vqa_model, plan.detector) == tuple(named.values())


def test_a_folder_is_scored_with_the_networks_of_the_command_line(
    tiny_clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cache"))
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red car\na blue cat\nx " + "dog " * 90 + "\n")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(pictures / f"{i:04d}.png")
    metrics = "clip_score,clip_cosine,clip_score_hessel,clip_r_precision,pick_score"
    command = ["--model", f"folder:{pictures}", "--bench", f"file:{prompts}", "--out", str(tmp_path / "out")]
    networks = f"clip=local-dir:{tiny_clip.open_clip},pick={tiny_clip.transformers}"
    assert main([*command, "--metrics", metrics, "--with", networks]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in metrics.split(","))
    assert "1 prompts are longer than the metrics' text encoder reads" in told
    (run,) = (tmp_path / "out").iterdir()
    assert drawbench(["score", str(run), "--metrics", "clip_cosine", "--with", networks]) == 0
    assert "clip_cosine" in capsys.readouterr().out
    control = ["control", str(run), "--metric", "clip_cosine", "--shuffles", "2", "--with", networks]
    assert drawbench(control) == 0
    assert "clip_cosine[local-dir/sha256:" in capsys.readouterr().out
    assert drawbench(["score", str(run), "--metrics", "clip_cosine", "--with", "clip"]) == 2
    assert "--with 'clip': give it as KEY=NETWORK" in capsys.readouterr().err
