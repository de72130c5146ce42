"""What a study can show before anyone is asked: width of its interval, power, hours and money.

Answers follow `latent_model`; their variance splits into what belongs to prompts, to raters and to the single
answer, and the variance of the mean over P prompts and R raters with m ratings a prompt is
V_prompt / P + V_rater / R + V_answer / (P m). Effects and widths are in the estimand's own unit, points of
100: preference rate less 50 (realism), net preference (side by side), difference of scores (alignment).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

from scipy.stats import nct

from drawbench.errors import InputError
from harness.stats import detectable_effect, t_quantile
from human_eval_app.planning.latent_model import Components, latent_model
from human_eval_app.studies.questions import KINDS, Kind

LEVEL = 0.95
POWER = 0.8
MOST_RATERS = 100_000
SCALE = {"realism": 100.0, "side_by_side": 200.0, "alignment": 100.0}
UNIT = {
    "realism": "points of preference rate",
    "side_by_side": "points of net preference",
    "alignment": "points of alignment score",
}


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is not known beforehand. A pilot study's analysis tells better.

    `ties` is the share of middle answers were neither side ahead; `prompt_sd` and `rater_sd` are in standard
    deviations of a single answer's noise; `score` is the alignment score around which models lie; `shared` is
    how much of prompts' and raters' variance two models' alignment scores have in common, which cancels in
    their difference. `seconds` are for one page, `pay_per_hour` in any currency; `controls` are control pages
    per rating page, `fee` what a recruiting site takes on top (0.3: 30%), `fixed_seconds` for consent,
    instructions and practice.
    """

    ties: float = 0.2
    prompt_sd: float = 0.8
    rater_sd: float = 0.4
    score: float = 85.0
    shared: float = 0.5
    seconds: float = 10.0
    pay_per_hour: float = 15.0
    controls: float = 0.1
    fee: float = 0.0
    fixed_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned study. `raters` are all of them, in a nested study those of each category times categories.

    `width` is of the whole 95% interval; `detectable` the effect found four times in five; `power` the chance
    to find `effect`; the `category_` values are of one category of average size. `design_effect` is how many
    times the variance of as many independent ratings it has: 1 + (m - 1) ICC_prompt + (k - 1) ICC_rater for k
    ratings a rater; `independent` is the number of independent ratings it is worth.
    """

    kind: Kind
    unit: str
    prompts: int
    categories: int
    nested: bool
    raters: int
    ratings_per_prompt: float
    ratings_per_rater: float
    ratings: float
    effect: float
    error: float
    degrees: float
    width: float
    power: float
    detectable: float
    category_width: float
    category_detectable: float
    prompt_icc: float
    rater_icc: float
    design_effect: float
    independent: float
    hours: float
    cost: float
    assumptions: Assumptions
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """All fields as JSON."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    def text(self) -> str:
        """The plan in plain lines."""
        return "\n".join(_lines(self))


def plan(
    kind: Kind,
    *,
    prompts: int,
    ratings_per_prompt: float,
    raters: int,
    effect: float = 10.0,
    categories: int = 1,
    nested: bool = False,
    assumptions: Assumptions | None = None,
) -> Plan:
    """The plan of a study.

    `raters` are per category where `nested`. In alignment a prompt's ratings are those of each model. Raises
    InputError for numbers that no study can have.
    """
    given = assumptions if assumptions is not None else Assumptions()
    _check(kind, prompts, ratings_per_prompt, raters, effect, categories, given)
    scale = SCALE[kind]
    centre = given.score / 100 if kind == "alignment" else 0.5
    null, other = _components(given, centre), _components(given, _moved(centre, effect / scale))
    cells = categories if nested else 1
    everyone = raters * cells
    arms = 2 if kind == "alignment" else 1
    ratings = prompts * ratings_per_prompt * arms
    per_rater = ratings / everyone

    def error(parts: Components, of: int, people: int) -> tuple[float, float]:
        keep = arms * (1 - given.shared) if arms == 2 else 1.0
        by_prompt, by_rater = keep * parts.prompt / of, keep * parts.rater / people
        noise = arms * parts.answer / (of * ratings_per_prompt)
        variance = by_prompt + by_rater + noise
        squares = (by_prompt + noise) ** 2 / (of - 1) + (by_rater + noise) ** 2 / (people - 1)
        return scale * math.sqrt(variance), max(1.0, variance**2 / squares)

    whole, degrees = error(other, prompts, everyone)
    at_null, null_degrees = error(null, prompts, everyone)
    part, part_degrees = error(null, max(2, round(prompts / categories)), raters)
    effect_of_design = (
        1 + (ratings_per_prompt - 1) * null.prompt_icc + (per_rater / arms - 1) * null.rater_icc
    )
    pages = ratings * (1 + given.controls)
    hours = (pages * given.seconds + everyone * given.fixed_seconds) / 3600
    return Plan(
        kind=kind,
        unit=UNIT[kind],
        prompts=prompts,
        categories=categories,
        nested=nested,
        raters=everyone,
        ratings_per_prompt=ratings_per_prompt,
        ratings_per_rater=per_rater,
        ratings=ratings,
        effect=effect,
        error=whole,
        degrees=degrees,
        width=2 * t_quantile(LEVEL, degrees) * whole,
        power=power_of(effect, whole, degrees),
        detectable=detectable_effect(at_null, null_degrees, level=LEVEL, power=POWER),
        category_width=2 * t_quantile(LEVEL, part_degrees) * part,
        category_detectable=detectable_effect(part, part_degrees, level=LEVEL, power=POWER),
        prompt_icc=null.prompt_icc,
        rater_icc=null.rater_icc,
        design_effect=effect_of_design,
        independent=ratings / effect_of_design,
        hours=hours,
        cost=hours * given.pay_per_hour * (1 + given.fee),
        assumptions=given,
        notes=tuple(_notes(prompts, everyone, per_rater, given)),
    )


def raters_for_width(
    width: float,
    kind: Kind,
    *,
    prompts: int,
    ratings_per_rater: float | None = None,
    effect: float = 0.0,
    categories: int = 1,
    nested: bool = False,
    assumptions: Assumptions | None = None,
) -> Plan:
    """The plan with the fewest raters whose 95% interval is no wider than `width`.

    Each rater gives `ratings_per_rater` ratings (None: rates everything of the cell), spread evenly over the
    prompts. Raises InputError where no number of raters is enough: then the prompts are too few.
    """
    if not width > 0:
        raise InputError(f"a width must be above 0, not {width:g}")
    cells = categories if nested else 1
    arms = 2 if kind == "alignment" else 1
    most = prompts * arms / cells
    each = most if ratings_per_rater is None else ratings_per_rater
    if not 0 < each <= most:
        raise InputError(f"a rater can give from 1 to {most:g} ratings here, not {each:g}")

    def with_raters(number: int) -> Plan:
        per_prompt = number * each / most
        return plan(
            kind,
            prompts=prompts,
            ratings_per_prompt=per_prompt,
            raters=number,
            effect=effect,
            categories=categories,
            nested=nested,
            assumptions=assumptions,
        )

    fewest = max(2, math.ceil(most / each))
    best = with_raters(MOST_RATERS)
    if best.width > width:
        raise InputError(
            f"no number of raters gives a width of {width:g}: {prompts} prompts alone leave "
            f"{best.width:.1f} {best.unit}; ask about more prompts"
        )
    low, high = fewest, MOST_RATERS
    while low < high:
        middle = (low + high) // 2
        if with_raters(middle).width <= width:
            high = middle
        else:
            low = middle + 1
    return with_raters(low)


def power_of(effect: float, error: float, degrees: float) -> float:
    """Chance that a two-sided test at 5% finds the effect; the chance of a false alarm where it is 0."""
    reach = t_quantile(LEVEL, degrees)
    lead = abs(effect) / error
    return float(nct.sf(reach, degrees, lead) + nct.cdf(-reach, degrees, lead))


@lru_cache(maxsize=256)
def _components(given: Assumptions, mean: float) -> Components:
    model = latent_model(mean, given.ties, prompt_sd=given.prompt_sd, rater_sd=given.rater_sd)
    return model.components


def _moved(centre: float, by: float) -> float:
    """The mean value that an effect leads to; towards the middle where it would leave 0..1."""
    return centre + by if 0.005 < centre + by < 0.995 else centre - by


def _check(
    kind: str,
    prompts: int,
    per_prompt: float,
    raters: int,
    effect: float,
    categories: int,
    given: Assumptions,
) -> None:
    if kind not in KINDS:
        raise InputError(f"{kind!r} is no kind of study; give one of {', '.join(KINDS)}")
    if prompts < 2 or raters < 2:
        raise InputError("a plan needs at least 2 prompts and 2 raters")
    if not 1 <= categories <= prompts // 2:
        raise InputError(f"{categories} categories need at least 2 prompts each; there are {prompts} prompts")
    if not 0 < per_prompt <= raters:
        raise InputError(
            f"{per_prompt:g} ratings a prompt by {raters} raters: give more than 0 and no more than raters"
        )
    if not abs(effect) < SCALE[kind] / 2:
        raise InputError(f"an effect of {effect:g} {UNIT[kind]} is out of reach")
    shares = (given.ties, given.shared, given.score / 100)
    if not (all(0 <= share < 1 for share in shares) and given.score > 0):
        raise InputError("ties and shared must be shares below 1, and the score between 0 and 100")
    if min(given.prompt_sd, given.rater_sd, given.pay_per_hour, given.controls, given.fee) < 0:
        raise InputError("spreads, pay, controls and fee cannot be negative")
    if not given.seconds > 0 or given.fixed_seconds < 0:
        raise InputError("a page takes more than 0 seconds")


def _notes(prompts: int, raters: int, per_rater: float, given: Assumptions) -> Iterator[str]:
    if raters < 10:
        yield f"{raters} raters: what they have in common with others is guesswork; ask at least 10"
    if prompts < 10:
        yield f"{prompts} prompts: differences between prompts are guesswork; ask about at least 10"
    minutes = (per_rater * (1 + given.controls) * given.seconds + given.fixed_seconds) / 60
    if minutes > 60:
        yield f"{minutes:.0f} minutes a rater: more than an hour tires; give fewer ratings to more raters"


def _lines(made: Plan) -> Iterator[str]:
    per = " in each category" if made.nested else ""
    raters = made.raters // made.categories if made.nested else made.raters
    yield (
        f"{made.kind}: {made.prompts} prompts, {made.ratings_per_prompt:g} ratings each"
        f"{' for each of two models' if made.kind == 'alignment' else ''}, {raters} raters{per}: "
        f"{made.ratings:,.0f} ratings, {made.ratings_per_rater:.0f} a rater"
    )
    yield f"95% interval: +-{made.width / 2:.1f} {made.unit}"
    yield f"an effect of {made.effect:g} is found with probability {made.power:.2f}"
    yield f"an effect of {made.detectable:.1f} is found with probability {POWER:g}"
    if made.categories > 1:
        yield (
            f"one of {made.categories} categories: +-{made.category_width / 2:.1f}, "
            f"finds an effect of {made.category_detectable:.1f}"
        )
    yield (
        f"worth {made.independent:,.0f} independent ratings (design effect {made.design_effect:.1f}; "
        f"ICC of prompts {made.prompt_icc:.2f}, of raters {made.rater_icc:.2f})"
    )
    yield f"{made.hours:.1f} hours of rating, cost {made.cost:,.2f}"
    for note in made.notes:
        yield f"note: {note}"
