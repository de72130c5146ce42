from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from small_studies import small_design

from drawbench.errors import InputError
from human_eval_app.simulated.crowd import Crowd, read_effects
from human_eval_app.simulated.judging import Judge
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.questions import canonical


def _values(design: StudyDesign, crowd: Crowd, raters: int, question: int = 0) -> np.ndarray:
    """Values of the first model's answers, raters x rating items, sides alternating."""
    asked = design.questions[question]
    found = []
    for rater in range(raters):
        judge = Judge(crowd, design, rater)
        for at, item in enumerate(design.items_of("rating")):
            swapped = (rater + at) % 2 == 1
            found.append(asked.value(canonical(judge.answers(item, swapped, at)[asked.name], swapped)))
    return np.array(found).reshape(raters, -1)


def test_the_effect_of_pairs_is_the_preference_found() -> None:
    design = small_design("side_by_side", prompts=400, size=1)
    crowd = Crowd(effects={"imagen-xl": 65, "imagen-xl:text": 40}, rater_sd=0.1, lapse=0, fatigue=0)
    assert 100 * _values(design, crowd, 15, 0).mean() == pytest.approx(65, abs=4)
    assert 100 * _values(design, crowd, 15, 1).mean() == pytest.approx(40, abs=4)


def test_the_effect_of_alignment_is_the_score_found_for_each_model() -> None:
    design = small_design("alignment", prompts=300, size=1)
    crowd = Crowd(effects={"imagen-xl": 80, "glide-base": 55}, rater_sd=0.1, lapse=0, fatigue=0)
    values = _values(design, crowd, 12)
    models = np.array([item.arms[0].model for item in design.items_of("rating")])
    assert values[:, models == "imagen-xl"].mean() == pytest.approx(80, abs=4)
    assert values[:, models == "glide-base"].mean() == pytest.approx(55, abs=4)


def test_strict_raters_are_never_indifferent_and_others_are() -> None:
    for strict in (True, False):
        design = small_design("realism", prompts=100, strict=strict)
        values = _values(design, Crowd(threshold=0.5), 5)
        assert (0.5 in values) is not strict


def test_attentive_raters_pass_controls_and_careless_ones_guess() -> None:
    design = small_design("side_by_side", controls=300)
    controls = design.items_of("control")

    def right(crowd: Crowd) -> float:
        judge = Judge(crowd, design, 0)
        return float(np.mean([judge.answers(item, False, 0)["quality"] == "left" for item in controls]))

    assert right(Crowd(control_accuracy=0.97)) == pytest.approx(0.96, abs=0.03)
    assert right(Crowd(careless=1.0, careless_lapse=1.0)) == pytest.approx(1 / 3, abs=0.08)


def test_prompt_and_rater_effects_are_shared_as_they_should_be() -> None:
    design = small_design("side_by_side", prompts=200, size=1)
    prompts_only = _values(design, Crowd(prompt_sd=2, rater_sd=0, side_sd=0, lapse=0), 20)
    raters_only = _values(design, Crowd(prompt_sd=0, rater_sd=2, side_sd=0, lapse=0), 20)
    assert prompts_only.mean(axis=0).std() > 5 * prompts_only.mean(axis=1).std()
    assert raters_only.mean(axis=1).std() > 3 * raters_only.mean(axis=0).std()


def test_a_side_bias_shows_in_the_sides_and_cancels_over_them() -> None:
    design = small_design("side_by_side", prompts=300, size=1)
    crowd = Crowd(side_sd=1.5, prompt_sd=0, rater_sd=0, lapse=0)
    items = design.items_of("rating")
    left = []
    for rater in range(10):
        judge = Judge(crowd, design, rater)
        left.append(np.mean([judge.answers(item, False, 0)["quality"] == "left" for item in items]))
    assert np.std(left) > 0.2
    assert _values(design, crowd, 10).mean() == pytest.approx(0.5, abs=0.04)


def test_lapses_grow_with_fatigue_and_careless_raters_are_quick() -> None:
    crowd = Crowd(lapse=0.1, fatigue=0.2, careless=0.5)
    kinds = Counter(crowd.is_careless(rater) for rater in range(400))
    assert 150 < kinds[True] < 250
    steady = next(rater for rater in range(400) if not crowd.is_careless(rater))
    assert crowd.lapse_at(steady, 200) == pytest.approx(0.5)
    assert crowd.lapse_at(steady, 10_000) == 1.0
    times = {
        careless: np.median([crowd.seconds_at(r, 0) for r in range(400) if crowd.is_careless(r) is careless])
        for careless in (True, False)
    }
    assert times[False] / times[True] == pytest.approx(4, rel=0.25)


def test_answers_depend_on_nothing_but_seed_rater_and_item() -> None:
    design = small_design("side_by_side", prompts=30)
    crowd = Crowd(seed=3, side_sd=0)
    items = design.items_of("rating")
    forward = {item.id: Judge(crowd, design, 1).answers(item, False, 0) for item in items}
    backward = {item.id: Judge(crowd, design, 1).answers(item, False, 0) for item in reversed(items)}
    assert forward == backward
    swapped = {item.id: Judge(crowd, design, 1).answers(item, True, 0) for item in items}
    for item in items:
        for question in design.questions:
            assert canonical(swapped[item.id][question.name], True) == canonical(
                forward[item.id][question.name], False
            )
    other = {item.id: Judge(Crowd(seed=4, side_sd=0), design, 1).answers(item, False, 0) for item in items}
    assert other != forward


def test_effects_are_read_as_written() -> None:
    design = small_design("side_by_side")
    assert read_effects(design, ["60"]) == {"imagen-xl": 60}
    assert read_effects(design, ["glide-base=30", "imagen-xl:text=70"]) == {
        "glide-base": 30,
        "imagen-xl:text": 70,
    }


@pytest.mark.parametrize("text", ["many", "dalle=60", "imagen-xl:alignment=60", "imagen-xl=", "=60=", ""])
def test_unusable_effects_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--effect"):
        read_effects(small_design("side_by_side"), [text])


@pytest.mark.parametrize(
    "wrong", [{"lapse": 1.5}, {"prompt_sd": -1}, {"effects": {"m": 100}}, {"seconds": -1}]
)
def test_impossible_crowds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Crowd(**wrong)
