"""Scoring a folder of pictures end to end, with the real small networks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drawbench.benches import scenes
from drawbench.errors import InputError
from drawbench.scenes import Scene, draw, render, scene_from_dict, scene_to_dict, spec
from drawbench.types import Prompt
from harness.reference import ReferenceSource
from harness.score import ScoreResult, score_samples, seven_digits
from harness.score_io import score_from_dict, score_to_dict, write_scores
from harness.score_plan import ScorePlan, choose_metrics
from harness.types import Direction, Sample, Score

COUNT = 8
PER_PROMPT = 2
PROMPTS = {
    f"p{i}": Prompt(f"p{i}", prompt.text, ("Colors", "Counting")[i % 2])
    for i, prompt in enumerate(scenes.load(n=COUNT).prompts)
}
ALIGN_ONLY = ScorePlan(metrics=("align_conse",))


@pytest.fixture
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the tests that embed the 1000 class names, which takes seconds."""
    return tmp_path_factory.getbasetemp() / "shared-cache"


@pytest.fixture(autouse=True)
def machine_without_big_weights(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what packages bring, whatever the machine's caches hold; features are kept between the tests."""
    for name in ("HOME", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("HF_HUB_CACHE", "DRAWBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("DRAWBENCH_CACHE", str(shared_cache))


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, list[Sample]]:
    """A folder of pictures, two a prompt, and their ledger."""
    samples = []
    for place in range(COUNT * PER_PROMPT):
        prompt_id, index = f"p{place // PER_PROMPT}", place % PER_PROMPT
        path = tmp_path / "run" / "images" / prompt_id / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(spec(5, place, "test"), 64)).save(path)
        samples.append(
            Sample(
                key=f"key{place}",
                prompt_id=prompt_id,
                index=index,
                seed=place,
                status="ok",
                path=path.relative_to(tmp_path / "run").as_posix(),
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    return tmp_path / "run", samples


@pytest.fixture
def reference_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(draw(spec(9, i, "test"), 64)).save(folder / f"{i}.png")
    return folder


def _score(
    run: tuple[Path, Sequence[Sample]], plan: ScorePlan, prompts: Mapping[str, Prompt] = PROMPTS
) -> ScoreResult:
    return score_samples(run[1], prompts, run[0], plan)


def _overall(result: ScoreResult, metric: str) -> Score:
    (found,) = [s for s in result.scores if s.metric == metric and s.category is None]
    return found


def test_without_weights_the_stand_ins_are_used_and_named(
    run: tuple[Path, list[Sample]], reference_folder: Path
) -> None:
    plan = ScorePlan(reference=ReferenceSource("folder", str(reference_folder)))
    result = _score(run, plan)
    assert [s.metric for s in result.scores if s.category is None] == ["align_conse", "fd_effnet_lite0"]
    stand_ins = [note for note in result.notes if "stands in for" in note]
    assert "align_conse stands in for clip_score" in stand_ins[0]
    assert "fd_effnet_lite0 stands in for fid" in stand_ins[1]
    why = dict(result.skipped)
    assert why.keys() == {"clip_score", "fid"}
    assert "ViT-L-14.pt" in why["clip_score"]
    assert "inception-2015-12-05.pt" in why["fid"]
    distance = _overall(result, "fd_effnet_lite0")
    assert distance.identity.startswith(
        "fd_effnet_lite0[efficientnet-lite0-57934424|squash-bicubic224|pictures:"
    )
    assert distance.identity.endswith("|ref_n=12|png]")
    assert (distance.n, distance.direction, distance.category) == (16, "lower", None)
    assert 0 < distance.low < distance.value < distance.high
    assert any("large bias from the small numbers" in note for note in result.notes)


def test_without_reference_pictures_there_is_no_distance_and_that_is_said(
    run: tuple[Path, list[Sample]],
) -> None:
    result = _score(run, ScorePlan())
    assert {s.metric for s in result.scores} == {"align_conse"}
    assert ("fid", "no reference pictures; give --reference FOLDER or scenes") in result.skipped


def test_a_mean_its_categories_and_its_samples_agree(run: tuple[Path, list[Sample]]) -> None:
    result = _score(run, ALIGN_ONLY)
    assert [s.category for s in result.scores] == [None, "Colors", "Counting"]
    for score in result.scores:
        rows = [r for r in result.per_sample if score.category in (None, r.category)]
        values = np.array([r.value for r in rows])
        assert score.value == pytest.approx(values.mean(), rel=1e-6)
        assert score.n == len(rows) == (16 if score.category is None else 8)
        assert score.low < score.value < score.high
        prompts = 8 if score.category is None else 4
        assert score.method == f"95% cluster-robust Wilson over {prompts} prompts"
        assert score.if_failed is None
    assert {r.identity for r in result.per_sample} == {result.scores[0].identity}
    assert [(r.prompt_id, r.index) for r in result.per_sample] == [(s.prompt_id, s.index) for s in run[1]]


def test_order_of_samples_and_a_cold_cache_change_nothing(
    run: tuple[Path, list[Sample]],
    reference_folder: Path,
    tmp_path: Path,
    shared_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = ScorePlan(metrics=("fd_effnet_lite0",), reference=ReferenceSource("folder", str(reference_folder)))
    first = _score(run, plan)
    monkeypatch.setenv("DRAWBENCH_CACHE", str(tmp_path / "cold"))
    again = _score((run[0], run[1][::-1]), plan)
    assert again.scores[0].value == pytest.approx(first.scores[0].value, rel=1e-6)
    assert again.scores[0].identity == first.scores[0].identity


def test_failed_samples_are_counted_and_bound_the_mean(run: tuple[Path, list[Sample]]) -> None:
    folder, samples = run
    samples[0] = replace(samples[0], status="black", path=None, sha256=None, reason="no pixel is above 2")
    samples[1] = replace(samples[1], status="nan", path=None, sha256=None)
    (folder / str(samples[2].path)).write_bytes(b"rotten")
    samples[3] = replace(samples[3], sha256="0" * 64)
    torn = folder / str(samples[4].path)
    torn.write_bytes(torn.read_bytes()[:40])
    samples[4] = replace(samples[4], sha256=None)
    result = _score(run, ALIGN_ONLY)
    assert [(f.prompt_id, f.index, f.status) for f in result.failed] == [
        ("p0", 0, "black"),
        ("p0", 1, "nan"),
        ("p1", 0, "error"),
        ("p1", 1, "error"),
        ("p2", 0, "error"),
    ]
    assert result.failed[0].reason == "no pixel is above 2"
    assert "sha256" in result.failed[2].reason
    assert any(
        note.startswith("3 pictures could not be scored (first: images/p1/0.png") for note in result.notes
    )
    score = _overall(result, "align_conse")
    assert score.n == 11
    assert score.if_failed
    total = score.value * 11
    assert score.if_failed == pytest.approx(((total - 500) / 16, (total + 500) / 16), rel=1e-5)
    counting = next(s for s in result.scores if s.category == "Counting")
    assert counting.if_failed
    assert counting.n == 6
    assert len(result.per_sample) == 16
    assert [r.value for r in result.per_sample[:5]] == [None] * 5
    assert [r.status for r in result.per_sample[:3]] == ["black", "nan", "error"]
    assert result.passed
    assert not _score(run, replace(ALIGN_ONLY, on_failure="fail")).passed


def test_distance_says_that_failures_are_not_in_it(
    run: tuple[Path, list[Sample]], reference_folder: Path
) -> None:
    run[1][0] = replace(run[1][0], status="filtered", path=None, sha256=None)
    plan = ScorePlan(metrics=("fd_effnet_lite0",), reference=ReferenceSource("folder", str(reference_folder)))
    result = _score(run, plan)
    assert result.scores[0].n == 15
    assert result.scores[0].if_failed is None
    assert any("1 failed samples are not in it" in note for note in result.notes)


def test_nothing_to_score_is_no_crash(run: tuple[Path, list[Sample]], reference_folder: Path) -> None:
    failed = [replace(s, status="error", path=None, sha256=None, reason="x") for s in run[1]]
    plan = ScorePlan(reference=ReferenceSource("folder", str(reference_folder)))
    result = _score((run[0], failed), plan)
    assert result.scores == ()
    assert ("align_conse", "there is no picture to score") in result.skipped
    assert len(result.failed) == 16
    one = _score((run[0], run[1][:1]), plan)
    assert ("fd_effnet_lite0", "a Fréchet distance needs at least 2 pictures, got 1") in one.skipped
    alone = _overall(one, "align_conse")
    assert (alone.low, alone.high) == (-100.0, 100.0)


def test_pictures_are_looked_at_once(run: tuple[Path, list[Sample]], monkeypatch: pytest.MonkeyPatch) -> None:
    first = _score(run, ALIGN_ONLY)

    def refuse(*_: object) -> None:
        raise AssertionError("looked at again")

    monkeypatch.setattr("harness.extractors.effnet.EffNetLite0.extract_prepared", refuse)
    monkeypatch.setattr("harness.extractors.minilm.MiniLM.extract_texts", refuse)
    assert _score(run, ALIGN_ONLY).scores == first.scores


def test_progress_names_every_stage_and_ends_full(
    run: tuple[Path, list[Sample]], reference_folder: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    plan = ScorePlan(reference=ReferenceSource("folder", str(reference_folder)))
    score_samples(run[1], PROMPTS, run[0], plan, lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "reference features",
        "picture features",
        "metrics",
    ]
    assert {("reference features", 12, 12), ("picture features", 16, 16), ("metrics", 2, 2)} <= set(told)


def test_scenes_as_reference(run: tuple[Path, list[Sample]]) -> None:
    plan = ScorePlan(("fd_effnet_lite0",), ReferenceSource.parse("scenes:n=10,size=64"))
    (score,) = _score(run, plan).scores
    assert "|scenes-test:" in score.identity
    assert score.identity.endswith("|64px|seed0|ref_n=10|png]")


def test_long_prompts_are_named(run: tuple[Path, list[Sample]]) -> None:
    prompts = {**PROMPTS, "p3": replace(PROMPTS["p3"], text="a cat " * 1700)}
    result = _score(run, ALIGN_ONLY, prompts)
    assert result.truncated_prompts == ("p3",)
    assert any("longer than" in note for note in result.notes)


def test_the_file_type_is_part_of_the_identity(run: tuple[Path, list[Sample]]) -> None:
    folder, samples = run
    path = folder / str(samples[0].path)
    Image.open(path).save(path.with_suffix(".jpg"))
    samples[0] = replace(samples[0], path=str(samples[0].path).replace(".png", ".jpg"), sha256=None)
    assert _score(run, ALIGN_ONLY).scores[0].identity.endswith("|jpeg+png]")


def test_prompts_without_categories_give_one_score(run: tuple[Path, list[Sample]]) -> None:
    prompts = {i: replace(p, category="") for i, p in PROMPTS.items()}
    assert [s.category for s in _score(run, ALIGN_ONLY, prompts).scores] == [None]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (ScorePlan(metrics=("clipscore",)), "unknown metric 'clipscore'; did you mean clip_score"),
        (ScorePlan(metrics=("fid",)), "fid needs reference pictures; give --reference"),
        (
            ScorePlan(metrics=("fid",), reference=ReferenceSource.parse("scenes")),
            r"fid cannot be computed: .*inception-2015-12-05\.pt.*--weights DIR.*stand-in fd_effnet_lite0",
        ),
        (ScorePlan(metrics=("clip_score",)), r"ViT-L-14\.pt.*use its stand-in align_conse"),
        (ScorePlan(metrics=("clip_score",), clip_model="ViT-L-14"), "MODEL/TAG"),
        (ScorePlan(weights_dir=Path("no/such/folder")), "is not a folder"),
        (ScorePlan(reference=ReferenceSource.parse("no/such/folder")), "is not a folder"),
    ],
)
def test_plans_that_cannot_be_carried_out_stop_at_once(plan: ScorePlan, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        choose_metrics(plan)
    assert "\n" not in str(caught.value)


def test_a_sample_of_an_unknown_prompt_is_refused(run: tuple[Path, list[Sample]]) -> None:
    with pytest.raises(InputError, match="belongs to prompt 'p7'"):
        _score(run, ALIGN_ONLY, {i: p for i, p in PROMPTS.items() if i != "p7"})


@pytest.fixture
def scene_run(tmp_path: Path) -> tuple[Path, list[Sample], dict[str, Prompt]]:
    """True pictures of twelve scenes and of one written word, all of one prompt each."""
    prompts = list(scenes.load(n=12).prompts)
    word = Scene((), word="HELLO")
    prompts.append(Prompt("word", 'the word "HELLO"', "text", {**scene_to_dict(word), "layout_seed": 1}))
    samples = []
    for prompt in prompts:
        path = tmp_path / "scenes" / f"{prompt.id}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(render(scene_from_dict(prompt.meta), 96, prompt.meta["layout_seed"])).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        samples.append(Sample(prompt.id, prompt.id, 0, 0, "ok", path=path.name, sha256=sha256))
    return tmp_path / "scenes", samples, {prompt.id: prompt for prompt in prompts}


SCENES_PLAN = ScorePlan(metrics=("scenes_accuracy", "scenes_relations", "scenes_relations_strict"))


def test_parts_count_the_pictures_to_which_they_apply(
    scene_run: tuple[Path, list[Sample], dict[str, Prompt]],
) -> None:
    root, samples, prompts = scene_run
    result = score_samples(samples, prompts, root, SCENES_PLAN)
    related = [p.id for p in prompts.values() if p.meta["relation"]]
    assert 1 < len(related) < 12
    accuracy, relations = _overall(result, "scenes_accuracy"), _overall(result, "scenes_relations")
    assert (accuracy.value, accuracy.n) == (1.0, 12)
    assert (relations.value, relations.n) == (1.0, len(related))
    assert [s.category for s in result.scores if s.metric == "scenes_relations"] == [None, "relation"]
    by_place = {(row.prompt_id, row.metric): row for row in result.per_sample}
    assert len(by_place) == 13 * 3
    for prompt_id in prompts:
        row = by_place[prompt_id, "scenes_relations"]
        assert row.status == "ok"
        assert (row.value is None) == (prompt_id not in related)
        assert row.reason is None
        why = by_place[prompt_id, "scenes_accuracy"].reason
        assert str(why).startswith("asked for a written word" if prompt_id == "word" else "right: asked for ")
    table = pd.read_parquet(write_scores(result, root))
    assert table["reason"].notna().sum() == 13
    assert table["value"].isna().sum() == 1 + 2 * (13 - len(related))


def test_failed_samples_widen_a_part_only_where_it_was_asked(
    scene_run: tuple[Path, list[Sample], dict[str, Prompt]],
) -> None:
    root, samples, prompts = scene_run
    related = next(i for i, s in enumerate(samples) if prompts[s.prompt_id].meta["relation"])
    other = next(i for i, s in enumerate(samples) if not prompts[s.prompt_id].meta["relation"])
    for lost, bounds in ((other, None), (related, 1)):
        failed = [replace(s, status="black", path=None) if i == lost else s for i, s in enumerate(samples)]
        result = score_samples(failed, prompts, root, SCENES_PLAN)
        strict = _overall(result, "scenes_relations_strict")
        expected = None if bounds is None else (strict.n / (strict.n + 1), 1.0)
        assert strict.if_failed == pytest.approx(expected)
        assert _overall(result, "scenes_accuracy").if_failed == pytest.approx((11 / 12, 1.0))


def test_a_part_that_nothing_asks_is_skipped(
    scene_run: tuple[Path, list[Sample], dict[str, Prompt]],
) -> None:
    root, samples, prompts = scene_run
    alone = [s for s in samples if not prompts[s.prompt_id].meta["relation"]]
    result = score_samples(alone, prompts, root, SCENES_PLAN)
    assert {s.metric for s in result.scores} == {"scenes_accuracy"}
    why = "it applies to none of the pictures"
    assert result.skipped == (("scenes_relations", why), ("scenes_relations_strict", why))


def test_naming_a_metric_twice_scores_it_once(run: tuple[Path, list[Sample]]) -> None:
    plan = ScorePlan(metrics=("align_conse", "align_conse"))
    assert choose_metrics(plan).names == ("align_conse",)
    assert _score(run, ScorePlan(metrics=())).scores == ()


def test_table_on_disk(run: tuple[Path, list[Sample]]) -> None:
    run[1][0] = replace(run[1][0], status="black", path=None, sha256=None)
    result = _score(run, ALIGN_ONLY)
    path = write_scores(result, run[0])
    table = pd.read_parquet(path)
    assert list(table.columns) == [
        "key",
        "prompt_id",
        "index",
        "category",
        "metric",
        "value",
        "identity",
        "status",
        "reason",
    ]
    assert len(table) == 16
    assert table["value"].isna().tolist() == [True] + [False] * 15
    assert table["value"].mean() == pytest.approx(_overall(result, "align_conse").value, rel=1e-6)
    empty = write_scores(ScoreResult((), ()), run[0])
    assert len(pd.read_parquet(empty)) == 0
    assert [p.name for p in run[0].iterdir() if p.is_file()] == ["scores.parquet"]


_FINITE = st.floats(-1e6, 1e6)
_SCORES = st.builds(
    Score,
    metric=st.text(max_size=8),
    value=_FINITE,
    low=_FINITE | st.just(math.nan),
    high=_FINITE | st.just(math.nan),
    n=st.integers(1, 10**6),
    identity=st.text(max_size=20),
    direction=st.sampled_from(get_args(Direction)),
    method=st.text(max_size=8),
    category=st.none() | st.text(max_size=5),
    if_failed=st.none() | st.tuples(_FINITE, _FINITE),
)


@given(_SCORES)
def test_scores_survive_json(score: Score) -> None:
    import json

    entry = json.loads(json.dumps(score_to_dict(score), allow_nan=False))
    back = score_from_dict({**entry, "added_later": 1})
    assert repr(back) == repr(score)  # repr, as NaN is not equal to itself


@pytest.mark.parametrize(
    "change", [{"metric": None, "value": "x"}, {"direction": "sideways"}, {"if_failed": [1]}, {"low": [1]}]
)
def test_objects_that_are_no_scores(change: dict[str, object]) -> None:
    good = score_to_dict(Score("m", 1.0, 0.0, 2.0, 3, "m[x]", "higher", "t"))
    with pytest.raises(InputError, match="not a score"):
        score_from_dict({**good, **change})
    with pytest.raises(InputError, match="not a score"):
        score_from_dict({k: v for k, v in good.items() if k != "identity"})


@given(st.floats(-1e9, 1e9))
def test_seven_digits_are_kept(value: float) -> None:
    assert seven_digits(value) == pytest.approx(value, rel=1e-6)
    assert seven_digits(seven_digits(value)) == seven_digits(value)
