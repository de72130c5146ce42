"""GenEval's metrics: the mean of tasks and its interval, and a run end to end with a plug-in detector."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawbench.benches import geneval, scenes
from drawbench.errors import InputError
from drawbench.options import BenchOptions
from drawbench.types import Prompt
from harness.metrics import find_metric
from harness.metrics.base import ChosenWhereSuited, Explains, Inputs, Observes, PerImageMetric, SetMetric
from harness.metrics.geneval import GENEVAL_METRICS, TASKS, mean_of_tasks
from harness.score import score_samples
from harness.score_plan import ScorePlan, choose_metrics
from harness.stats import cluster_mean_interval
from harness.types import Sample

ACCURACY, OVERALL = GENEVAL_METRICS

PLUG_IN = '''
"""A detector for drawn squares: each colour is a class, wherever it fills a box."""
import numpy as np
from harness.geneval.detectors import Detection

SQUARES = {(200, 0, 0): "cat", (0, 200, 0): "dog", (0, 0, 200): "bird"}

class Squares:
    identity = "squares-1"

    def detect(self, images):
        return [self._look(image) for image in images]

    def _look(self, image):
        found = []
        for colour, name in SQUARES.items():
            mask = (image == np.array(colour)).all(-1)
            for x in range(0, image.shape[1], 32):
                part = mask[:, x : x + 32]
                if part.any():
                    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0)) + x
                    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
                    found.append(Detection(name, 0.95, tuple(float(v) for v in box)))
        return found
'''
FILLS = {"cat": (200, 0, 0), "dog": (0, 200, 0), "bird": (0, 0, 200)}


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "DRAWBENCH_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


def _meta(tag: str, *include: dict[str, Any], exclude: Any = ()) -> dict[str, Any]:
    return {"tag": tag, "include": list(include), "exclude": list(exclude)}


def _prompt(number: int, tag: str, *include: dict[str, Any], exclude: Any = ()) -> Prompt:
    return Prompt(f"geneval-{number:03d}", f"prompt {number}", tag, _meta(tag, *include, exclude=exclude))


CAT, DOG, BIRD = ({"class": name, "count": 1} for name in ("cat", "dog", "bird"))
PROMPTS = (
    _prompt(0, "single_object", CAT),
    _prompt(1, "single_object", DOG),
    _prompt(2, "two_object", CAT, DOG),
    _prompt(3, "two_object", CAT, BIRD),
    _prompt(4, "counting", {**BIRD, "count": 2}, exclude=[{**BIRD, "count": 3}]),
    _prompt(5, "counting", {**BIRD, "count": 2}, exclude=[{**BIRD, "count": 3}]),
    _prompt(6, "position", CAT, {**DOG, "position": ["left of", 0]}),
    _prompt(7, "position", CAT, {**DOG, "position": ["left of", 0]}),
)
DRAWN = (
    ["cat"],
    ["cat"],
    ["cat", "dog"],
    ["cat"],
    ["bird", "bird"],
    ["bird", "bird", "bird"],
    ["dog", "cat"],
    ["cat", "dog"],
)
RIGHT = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]


def _draw(folder: Path) -> list[Sample]:
    """One square in every column of 32 pixels, from left to right."""
    samples = []
    for prompt, shown in zip(PROMPTS, DRAWN, strict=True):
        picture = np.full((32, 128, 3), 255, np.uint8)
        for column, name in enumerate(shown):
            picture[8:24, column * 32 + 8 : column * 32 + 24] = FILLS[name]
        path = folder / f"{prompt.id}.png"
        Image.fromarray(picture).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        samples.append(Sample(prompt.id, prompt.id, 0, 0, "ok", path.name, sha256))
    return samples


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_clip: Any) -> ScorePlan:
    (tmp_path / "square_detector.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return ScorePlan(clip_model=f"local-dir:{tiny_clip.open_clip}", detector="square_detector:Squares")


def test_kinds() -> None:
    for metric in GENEVAL_METRICS:
        assert find_metric(metric.name) is metric
        assert isinstance(metric, Observes)
        assert isinstance(metric, ChosenWhereSuited)
    assert isinstance(ACCURACY, PerImageMetric)
    assert isinstance(ACCURACY, Explains)
    assert isinstance(OVERALL, SetMetric)
    assert not isinstance(OVERALL, PerImageMetric)


def test_a_run_is_judged_end_to_end_and_says_why(plan: ScorePlan, tmp_path: Path) -> None:
    samples, prompts = _draw(tmp_path), {prompt.id: prompt for prompt in PROMPTS}
    result = score_samples(samples, prompts, tmp_path, plan)
    rows = [row for row in result.per_sample if row.metric == "geneval_accuracy"]
    assert [row.value for row in rows] == RIGHT
    assert [row.reason for row in rows] == [
        "right: found 1 cat",
        "wrong: expected 1 dog, found 0",
        "right: found 1 cat, 1 dog",
        "wrong: expected 1 bird, found 0",
        "right: found 2 bird",
        "wrong: expected fewer than 3 bird, found 3",
        "right: found 1 cat, 1 dog",
        "wrong: expected dog left of cat, found it right of",
    ]
    by_category = {s.category: s for s in result.scores if s.metric == "geneval_accuracy"}
    assert list(by_category) == [None, "single_object", "two_object", "counting", "position"]
    (overall,) = [s for s in result.scores if s.metric == "geneval_overall"]
    assert overall.value == by_category[None].value == 0.5
    assert overall.low < 0.5 < overall.high
    assert (
        "geneval_overall: no picture of colors, color_attr; it is the mean of the other tasks" in result.notes
    )
    identity = by_category[None].identity
    assert identity.startswith("geneval_accuracy[squares-1|colours:local-dir/sha256:")
    assert identity.endswith("|3 prompts|crop-on-#999999|geneval:t0.3/0.9|nms1|top16|deadband0.1|rules1|png]")
    again = score_samples(samples[::-1], prompts, tmp_path, plan)
    assert [s for s in again.scores if s.metric == "geneval_accuracy"] == list(by_category.values())


def test_they_are_chosen_unasked_where_the_prompts_and_the_machine_allow_it(plan: ScorePlan) -> None:
    names = {metric.name for metric in GENEVAL_METRICS}
    assert names <= set(choose_metrics(plan, prompts=PROMPTS).names)
    lacking = choose_metrics(ScorePlan(), prompts=PROMPTS)
    assert not names & set(lacking.names)
    why = dict(lacking.skipped)["geneval_accuracy"]
    assert why.startswith("the object detector facebook/mask2former-swin-small-coco-instance is not on this")
    assert [name for name, _ in lacking.skipped].count("geneval_accuracy") == 1
    drawn = scenes.load(n=3).prompts
    assert not names & set(choose_metrics(plan, prompts=drawn).names)
    assert "geneval_accuracy" not in dict(choose_metrics(plan, prompts=drawn).skipped)
    with pytest.raises(InputError, match="without GenEval's fields; only the bench geneval has them"):
        choose_metrics(ScorePlan(metrics=("geneval_overall",)), prompts=drawn)


def test_the_real_benchs_prompts_are_suited() -> None:
    root = Path(__file__).parents[3]
    import os

    folder = Path(os.environ.get("DRAWBENCH_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / "geneval_metadata.jsonl").is_file():
        pytest.skip(f"no geneval_metadata.jsonl in {folder}; set DRAWBENCH_TEST_DATA to a folder that has it")
    prompts = geneval.load(options=BenchOptions(prompts=folder / "geneval_metadata.jsonl")).prompts
    assert len(prompts) == 553
    assert ACCURACY.unsuited(prompts) is None
    assert {prompt.category for prompt in prompts} == set(TASKS)


def test_the_mean_of_tasks_weighs_each_task_the_same() -> None:
    values = np.array([1.0] * 8 + [0.0, 1.0, 0.0, 0.0])
    tags = np.array(["a"] * 8 + ["b"] * 4)
    value, interval = mean_of_tasks(values, tags, np.arange(12))
    assert value == pytest.approx((1 + 0.25) / 2)
    assert 0 <= interval.low < value < interval.high <= 1
    one, own = mean_of_tasks(values[8:], tags[8:], np.arange(4))
    mean, plain = cluster_mean_interval(values[8:], np.arange(4), bounds=(0.0, 1.0))
    assert (one, own.low, own.high) == pytest.approx((mean, plain.low, plain.high))
    value, interval = mean_of_tasks(values[:9], tags[:9], np.arange(9))
    assert (interval.low, interval.high) == (0.0, 1.0)
    assert "one prompt only" in interval.method
    value, interval = mean_of_tasks(np.ones(6), np.array(list("aaabbb")), np.arange(6))
    assert value == interval.high == 1.0
    assert 0.3 < interval.low < 0.9  # six right of six do not prove a model that is never wrong


def test_the_interval_covers_the_mean_of_tasks() -> None:
    """Six tasks of 33 prompts with four pictures each, which share their prompt's difficulty."""
    rng = np.random.default_rng(0)
    means = np.array([0.95, 0.7, 0.5, 0.75, 0.1, 0.3])
    tags = np.repeat(np.array(list("abcdef")), 33 * 4)
    clusters = np.repeat(np.arange(6 * 33), 4)
    covered = 0
    for _ in range(600):
        chance = np.clip(rng.beta(means * 3, (1 - means) * 3, size=(33, 6)).T.ravel(), 0, 1)
        values = (rng.random(chance.size * 4) < np.repeat(chance, 4)).astype(float)
        _, interval = mean_of_tasks(values, tags, clusters)
        covered += interval.low <= means.mean() <= interval.high
    assert 0.92 <= covered / 600 <= 0.98


def test_observations_from_the_cache_are_read_as_they_are() -> None:
    seen = [[{"class": "cat", "score": 0.4, "box": [0, 0, 5, 5], "colour": None}], []]
    inputs = Inputs(
        features={},
        captions=["x", "x"],
        clusters=np.arange(2),
        identities={"detector": "d"},
        embed=lambda name, texts: pytest.fail("no text is embedded"),
        metas=[PROMPTS[0].meta] * 2,
        observations={"detector": seen},
    )
    assert ACCURACY.per_image(inputs).tolist() == [1.0, 0.0]
