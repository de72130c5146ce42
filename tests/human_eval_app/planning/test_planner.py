"""Plans against simulated studies, and against arithmetic."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from human_eval_app.analysis.crossed import contrast_estimate
from human_eval_app.analysis.layout import Layout, macro_contrast
from human_eval_app.planning.latent_model import LatentModel, dealt, latent_model
from human_eval_app.planning.plan_plot import plan_png
from human_eval_app.planning.planner import Assumptions, plan, power_of, raters_for_width


@pytest.mark.parametrize(("mu", "cut", "rater_sd"), [(0.0, 0.5, 0.4), (1.0, 0.3, 0.8), (-0.7, 0.0, 0.0)])
def test_variance_components_are_those_of_simulated_answers(mu: float, cut: float, rater_sd: float) -> None:
    model = LatentModel(mu, 0.8, rater_sd, cut)
    rng = np.random.default_rng(0)
    by_prompt, by_rater, total, mean = [], [], [], []
    for _ in range(40):
        values = model.draw(rng, 150, 150)
        by_prompt.append(values.mean(1).var(ddof=1))
        by_rater.append(values.mean(0).var(ddof=1))
        total.append(values.var())
        mean.append(values.mean())
    parts = model.components
    assert np.mean(mean) == pytest.approx(model.mean, abs=0.01)
    assert np.mean(by_prompt) == pytest.approx(parts.prompt + parts.answer / 150, rel=0.06)
    assert np.mean(by_rater) == pytest.approx(parts.rater + parts.answer / 150, rel=0.08, abs=1e-4)
    assert np.mean(total) == pytest.approx(parts.total, rel=0.02)


@given(st.floats(0.03, 0.97), st.floats(0, 0.8), st.floats(0, 2))
def test_a_model_has_the_mean_and_the_ties_it_was_asked_for(mean: float, ties: float, spread: float) -> None:
    model = latent_model(mean, ties, prompt_sd=spread)
    assert model.mean == pytest.approx(mean, abs=1e-6)
    assert sum(model.shares) == pytest.approx(1)
    even = latent_model(0.5, ties, prompt_sd=spread)
    assert even.shares[1] == pytest.approx(ties, abs=1e-6)


@pytest.mark.parametrize(("prompts", "raters", "per_prompt"), [(60, 12, 12), (80, 20, 5)])
def test_the_planned_error_and_power_are_those_of_simulated_studies(
    prompts: int, raters: int, per_prompt: int
) -> None:
    effect = 12.0
    made = plan("realism", prompts=prompts, ratings_per_prompt=per_prompt, raters=raters, effect=effect)
    model = latent_model(0.5 + effect / 100, 0.2)
    rng = np.random.default_rng(1)
    values, errors, found = [], [], 0
    draws = 400
    for _ in range(draws):
        table = model.draw(rng, prompts, raters)
        row, column = np.nonzero(dealt(rng, prompts, raters, per_prompt))
        layout = Layout.of(row, column, np.zeros(row.size), np.zeros(row.size))
        estimate = contrast_estimate(layout, 100 * table[row, column], macro_contrast(layout, (1.0,)))
        values.append(estimate.value)
        errors.append(estimate.error)
        low, high = (end for end in (estimate.interval().low, estimate.interval().high))
        found += not low <= 50 <= high
    assert np.std(values) == pytest.approx(made.error, rel=0.12)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(made.error, rel=0.08)
    assert found / draws == pytest.approx(made.power, abs=0.08)


def test_the_design_effect_is_the_variance_over_that_of_independent_ratings() -> None:
    made = plan("realism", prompts=100, ratings_per_prompt=10, raters=20, effect=0)
    model = latent_model(0.5, 0.2)
    independent = 100 * math.sqrt(model.components.total / made.ratings)
    assert made.error**2 / independent**2 == pytest.approx(made.design_effect, rel=0.06)
    assert made.power == pytest.approx(0.05, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(100, 300), st.floats(24, 60), st.booleans())
def test_the_reverse_plan_is_the_smallest_that_will_do(prompts: int, width: float, all_of_them: bool) -> None:
    per_rater = None if all_of_them else prompts / 4
    made = raters_for_width(width, "side_by_side", prompts=prompts, ratings_per_rater=per_rater)
    assert made.width <= width
    fewest = 2 if all_of_them else 4
    if made.raters > fewest:
        less = plan(
            "side_by_side",
            prompts=prompts,
            ratings_per_prompt=(made.raters - 1) * made.ratings_per_rater / prompts,
            raters=made.raters - 1,
            effect=0,
        )
        assert less.width > width


def test_cost_and_hours_are_plain_arithmetic() -> None:
    given_ = Assumptions(seconds=9, pay_per_hour=12, controls=0.1, fee=0.25, fixed_seconds=60)
    made = plan("realism", prompts=200, ratings_per_prompt=10, raters=40, assumptions=given_)
    assert made.ratings == 2000
    assert made.hours == pytest.approx((2200 * 9 + 40 * 60) / 3600)
    assert made.cost == pytest.approx(made.hours * 12 * 1.25)
    assert json.loads(made.to_json())["assumptions"]["fee"] == 0.25
    assert "cost" in made.text()


def test_the_papers_designs_can_be_planned() -> None:
    nested = plan(
        "side_by_side", prompts=200, ratings_per_prompt=25, raters=25, categories=11, nested=True, effect=10
    )
    assert nested.raters == 275
    free = plan("side_by_side", prompts=200, ratings_per_prompt=25, raters=25, categories=11, effect=10)
    assert nested.width < free.width  # more raters
    assert nested.category_width == pytest.approx(free.category_width, rel=0.01)
    assert "11 categories" in nested.text()
    paired = plan("alignment", prompts=200, ratings_per_prompt=51, raters=204, effect=0)
    assert paired.ratings == 2 * 200 * 51
    assert power_of(paired.detectable, paired.error, paired.degrees) == pytest.approx(0.8, abs=0.02)


def test_a_plan_is_drawn_and_equal_plans_are_drawn_alike() -> None:
    made = plan("realism", prompts=100, ratings_per_prompt=5, raters=20)
    data = plan_png(made)
    assert data.startswith(b"\x89PNG")
    assert data == plan_png(plan("realism", prompts=100, ratings_per_prompt=5, raters=20))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "taste"}, "no kind"),
        ({"prompts": 1}, "at least 2 prompts"),
        ({"ratings_per_prompt": 30}, "no more than raters"),
        ({"effect": 60.0}, "out of reach"),
        ({"categories": 60}, "2 prompts each"),
        ({"assumptions": Assumptions(ties=1.0)}, "shares below 1"),
        ({"assumptions": Assumptions(pay_per_hour=-1)}, "negative"),
        ({"assumptions": Assumptions(seconds=0)}, "0 seconds"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], words: str) -> None:
    asked: dict[str, object] = {"kind": "realism", "prompts": 100, "ratings_per_prompt": 5, "raters": 20}
    asked |= change
    kind = asked.pop("kind")
    with pytest.raises(InputError, match=words):
        plan(kind, **asked)  # type: ignore[arg-type]


def test_a_width_that_no_raters_give_says_what_does() -> None:
    with pytest.raises(InputError, match="more prompts"):
        raters_for_width(5, "side_by_side", prompts=50)
    with pytest.raises(InputError, match="above 0"):
        raters_for_width(0, "realism", prompts=50)
