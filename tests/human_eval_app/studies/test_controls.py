"""Control trials whose right answer is right because of how they were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import scenes_run, small_run

from drawbench.types import Prompt
from harness.run_view import RunView
from human_eval_app.pictures.framing import Frame
from human_eval_app.pictures.sources import SceneSource, reference_source, run_source
from human_eval_app.studies.controls import DEGRADED, NOISE, SCENES, Material, make_trials
from human_eval_app.studies.questions import Kind, questions_of

FRAME = Frame(64, 64)


def _material(
    kind: Kind, folder: Path, *, spare: int = 2, reference: bool = True, samples: int = 1
) -> Material:
    scenes = scenes_run(folder / "scenes", n=8) if reference else small_run(folder / "run", samples=samples)
    run = RunView.load(scenes)
    models = (run_source("imagen", run),)
    real = reference_source(None, run.manifest, run.prompts) if reference else None
    return Material(kind, models, real, run.prompts[spare:], run.prompts[:spare], samples, 0)


def test_realism_sets_a_reference_against_its_degraded_self(tmp_path: Path) -> None:
    trials = make_trials(_material("realism", tmp_path), practice=2, controls=4)
    assert [item.role for item in trials.items] == ["practice"] * 2 + ["control"] * 4
    for item in trials.items:
        (bad,), (good,) = item.arms
        assert (bad.source, good.source) == (DEGRADED, "reference")
        assert (bad.prompt_id, bad.index) == (good.prompt_id, good.index)
        assert item.expected == {"realism": "b"}
    bad = trials.items[0].arms[0][0]
    degraded = trials.sources[DEGRADED].pixels(bad.prompt_id, bad.index, FRAME)
    assert len(np.unique(degraded)) <= 4


def test_prompts_outside_the_study_come_first(tmp_path: Path) -> None:
    material = _material("realism", tmp_path, spare=3)
    used = [item.prompt_id for item in make_trials(material, 0, 5).items]
    assert set(used[:3]) == {prompt.id for prompt in material.spare}
    assert len(set(used)) == 5, "no two alike"


def test_alignment_has_fitting_and_unfitting_captions(tmp_path: Path) -> None:
    material = _material("alignment", tmp_path)
    every = {prompt.id: prompt for prompt in (*material.prompts, *material.spare)}
    trials = make_trials(material, 2, 4)
    assert [dict(item.expected)["alignment"] for item in trials.items] == ["yes", "no"] * 3
    for item in trials.items:
        shown = every[item.arms[0][0].prompt_id]
        assert (item.caption == shown.text) == (item.expected["alignment"] == "yes")
        if item.expected["alignment"] == "no":
            asked = next(prompt for prompt in every.values() if prompt.text == item.caption)
            assert asked.category != shown.category


def test_alignment_without_a_reference_draws_its_own(tmp_path: Path) -> None:
    trials = make_trials(_material("alignment", tmp_path, reference=False), 0, 4)
    fitting = [item for item in trials.items if item.expected["alignment"] == "yes"]
    assert {item.arms[0][0].source for item in fitting} == {SCENES}
    source = trials.sources[SCENES]
    assert isinstance(source, SceneSource)
    for item in fitting:
        assert source.prompts[item.prompt_id].text == item.caption
    others = [item for item in trials.items if item.expected["alignment"] == "no"]
    assert {item.arms[0][0].source for item in others} == {"imagen"}


def test_sides_are_noise_or_another_caption(tmp_path: Path) -> None:
    trials = make_trials(_material("side_by_side", tmp_path, reference=False, samples=3), 1, 3)
    kinds = [(item.arms[0][0].source, item.arms[1][0].source, dict(item.expected)) for item in trials.items]
    assert (
        kinds
        == [
            ("imagen", NOISE, {"quality": "a", "text": "a"}),
            (SCENES, SCENES, {"text": "a"}),
        ]
        * 2
    )
    for item in trials.items:
        assert [len(arm) for arm in item.arms] == [3, 3]
        if item.arms[0][0].source == SCENES:
            good, other = (trials.sources[SCENES].prompts[arm[0].prompt_id] for arm in item.arms)  # type: ignore[attr-defined]
            assert item.caption == good.text
            words = set(good.text.lower().split()) & set(other.text.lower().split())
            assert words <= {"a", "an", "the", "of", "on", "in", "picture", "photo", "drawing"}


@pytest.mark.parametrize("kind", ["realism", "alignment", "side_by_side"])
def test_equal_material_gives_equal_trials(kind: Kind, tmp_path: Path) -> None:
    material = _material(kind, tmp_path)
    first, second = make_trials(material, 2, 3), make_trials(material, 2, 3)
    assert first.items == second.items
    names = {question.name: question.keys for question in questions_of(kind)}
    for item in first.items:
        for question, key in item.expected.items():
            assert key in names[question]


def test_none_are_made_where_none_are_wanted(tmp_path: Path) -> None:
    assert make_trials(_material("realism", tmp_path), 0, 0).items == ()


def test_fewer_where_prompts_run_out(tmp_path: Path) -> None:
    assert len(make_trials(_material("realism", tmp_path), 3, 100).items) == 8


def test_one_prompt_gives_no_unfitting_caption(tmp_path: Path) -> None:
    run = RunView.load(small_run(tmp_path / "run", prompts=[Prompt("p0", "a cat")]))
    material = Material("alignment", (run_source("imagen", run),), None, run.prompts, (), 1, 0)
    assert {dict(item.expected)["alignment"] for item in make_trials(material, 0, 4).items} == {"yes"}


def test_two_pictures_under_one_wrong_caption_are_two_trials(tmp_path: Path) -> None:
    material = _material("alignment", tmp_path)
    odd, *rest = (Prompt(p.id, p.text, "one", p.meta) for p in material.prompts)
    lone = Prompt(odd.id, odd.text, "another", odd.meta)  # the only one unlike the rest
    items = make_trials(replace(material, prompts=(lone, *rest), spare=()), 0, 6).items
    wrong = [item for item in items if item.expected["alignment"] == "no"]
    assert len({item.caption for item in wrong}) < len(wrong)
    assert len({item.name for item in items}) == len(items)
