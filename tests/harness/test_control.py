"""The shuffled-caption control, on runs whose pictures do and do not follow their captions."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawbench.benches.scenes import load
from drawbench.errors import InputError
from drawbench.scenes import render, scene_from_dict
from harness.cli import main
from harness.control import caption_control, excess, other_prompts
from harness.run import main as run_main


@given(st.integers(2, 30), st.integers(0, 1000), st.data())
def test_every_prompt_meets_others_and_none_twice(n: int, seed: int, data: st.DataObject) -> None:
    ids = [f"p{i}" for i in range(n)]
    shuffles = data.draw(st.integers(1, n - 1))
    permutations = other_prompts(ids, seed, shuffles)
    for permutation in permutations:
        assert sorted(permutation) == sorted(permutation.values()) == sorted(ids)
    for i in ids:
        met = {permutation[i] for permutation in permutations}
        assert len(met) == shuffles
        assert i not in met


@pytest.mark.parametrize("shuffles", [0, 2])
def test_too_few_prompts_cannot_be_shuffled(shuffles: int) -> None:
    with pytest.raises(InputError, match="need at least"):
        other_prompts(["a", "b"], 0, shuffles)


def score_matrix(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Own scores, others', their captions and own captions, from an n x n matrix with all other captions."""
    scores = np.random.default_rng(seed).normal(size=(n, n))
    steps = np.arange(1, n)[:, None]
    captions = (np.arange(n) + steps) % n
    return scores.diagonal(), scores[np.arange(n), captions], captions, np.arange(n)


@given(st.integers(3, 20), st.integers(0, 1000))
def test_the_mean_excess_is_own_minus_others(n: int, seed: int) -> None:
    own, others, captions, of = score_matrix(n, seed)
    assert excess(own, others, captions, of).mean() == pytest.approx(own.mean() - others.mean())


def test_pictures_and_captions_that_suit_everything_gain_nothing() -> None:
    own, others, captions, of = score_matrix(8, 0)
    plain = excess(own, others, captions, of)
    picture, caption = np.arange(8.0) * 10, np.arange(8.0)[::-1] * 100
    biased = excess(own + picture + caption, others + picture + caption[captions], captions, of)
    np.testing.assert_allclose(biased.mean(), plain.mean(), atol=1e-9)
    left = (picture + caption) / 7  # what a pair's own score takes from the means of the 7 others
    np.testing.assert_allclose(np.ptp(biased - plain - left), 0, atol=1e-9)


def pictures_of(folder: Path, bench_size: int, shift: int) -> Path:
    """Real renderings of the bench's scenes, each under the name of the prompt `shift` places on."""
    prompts = load(n=bench_size).prompts
    folder.mkdir()
    for i, prompt in enumerate(prompts):
        scene = dict(prompts[(i + shift) % len(prompts)].meta)
        layout_seed = scene.pop("layout_seed")
        picture = render(scene_from_dict(scene), 128, layout_seed)
        Image.fromarray(picture).save(folder / f"{prompt.id}.png")
    return folder


@pytest.mark.parametrize(("shift", "follows"), [(0, True), (7, False)])
def test_tells_pictures_that_follow_their_captions_from_those_that_do_not(
    tmp_path: Path, shift: int, follows: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pictures_of(tmp_path / "pictures", 60, shift)
    bench = ["--model", f"folder:{folder}", "--bench", "scenes:n=60"]
    assert run_main([*bench, "--out", str(tmp_path / "out"), "--metrics", "align_conse"]) == 0
    run_dir = next((tmp_path / "out").iterdir())
    result = caption_control(run_dir)
    assert result.n == 60
    assert (result.p < 0.01) == follows
    assert (result.low > 0) == follows
    capsys.readouterr()
    assert main(["control", str(run_dir), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["p"] == result.p


def test_the_scenes_judge_judges_by_the_other_scenes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pictures_of(tmp_path / "pictures", 30, 0)
    bench = ["--model", f"folder:{folder}", "--bench", "scenes:n=30", "--no-score"]
    assert run_main([*bench, "--out", str(tmp_path / "out")]) == 0
    run_dir = next((tmp_path / "out").iterdir())
    result = caption_control(run_dir, "scenes_accuracy", shuffles=4)
    assert result.own > 0.9
    assert result.shuffled < 0.05
    assert result.p < 0.01
    capsys.readouterr()
    assert main(["control", str(run_dir), "--metric", "scenes_relations"]) == 2
    assert "scenes_relations does not apply to every picture" in capsys.readouterr().err


def test_a_metric_without_captions_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = pictures_of(tmp_path / "pictures", 4, 0)
    bench = ["--model", f"folder:{folder}", "--bench", "scenes:n=4", "--no-score"]
    assert run_main([*bench, "--out", str(tmp_path / "out")]) == 0
    run_dir = next((tmp_path / "out").iterdir())
    assert main(["control", str(run_dir), "--metric", "nonsense"]) == 2
    assert main(["control", str(tmp_path)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main(["control", str(run_dir), "--metric", "saturated_values", "--shuffles", "2"]) == 2
    assert "saturated_values does not judge single pictures by their captions" in capsys.readouterr().err
