"""The difference between two runs on the same prompts and seeds, pair by pair: B minus A.

What prompts and noise do to a score they do to both runs, so the differences of pairs vary less than the
scores themselves, and a difference is seen that two intervals side by side would hide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from harness.comparable import check_identities, check_runs, differing_fields
from harness.run_view import RunView
from harness.score import seven_digits
from harness.stats import (
    Interval,
    TEstimate,
    detectable_difference,
    holm,
    mean_difference_interval,
    sign_flip_test,
    two_way_mean,
)
from harness.types import Direction, Score

Place = tuple[str, int]
_NUMBERS = ("a", "b", "difference", "low", "high", "p", "p_holm", "detectable")


@dataclass(frozen=True, slots=True)
class Pairing:
    """The samples (prompt id, index) that both runs have a picture of, in A's order, and what is left out.

    `only_a` and `only_b` count samples that one run alone has planned; of those that both have, `without_a`,
    `without_b` and `without_both` count those of which A, B or both have no picture. `other_noise` counts the
    pairs whose two pictures were drawn from different seeds, as one of them was drawn again.
    """

    places: tuple[Place, ...]
    only_a: int = 0
    only_b: int = 0
    without_a: int = 0
    without_b: int = 0
    without_both: int = 0
    other_noise: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric's difference over all pairs, or over those of a category.

    `a` and `b` are the two runs' values over the `pairs` pairs of `prompts` prompts, `difference` is b - a
    with its 95% interval `low`..`high`. `p` is two-sided, `p_holm` the same adjusted over all rows.
    `detectable` is the true difference that such a comparison finds with 80% power. `one_sided` counts the
    pairs of which one picture alone has a value. What cannot be said is NaN.
    """

    metric: str
    category: str | None
    direction: Direction
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    detectable: float
    pairs: int
    prompts: int
    one_sided: int
    method: str
    p_holm: float = math.nan


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two runs. `differing` has (field, in A, in B) of their models and settings."""

    a: str
    b: str
    differing: tuple[tuple[str, str, str], ...]
    pairing: Pairing
    rows: tuple[Difference, ...]
    identities: Mapping[str, str]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Chosen:
    """The metrics to compare, by name: those with a value for each picture, and those of whole sets.

    `scores` has A's score of each; `left_out` pairs a metric with why it is not compared.
    """

    per_image: tuple[str, ...]
    whole_set: tuple[str, ...]
    scores: Mapping[str, Score]
    left_out: tuple[tuple[str, str], ...]


def pair_samples(a: RunView, b: RunView, *, other_seeds: bool = False) -> Pairing:
    """Pairs the samples of two runs by prompt and index.

    Raises NotComparable where the runs are not of one bench and, but for `other_seeds`, of one seed;
    InputError where no pair is left.
    """
    check_runs(a.manifest, b.manifest, ("run_seed",) if other_seeds else ())
    planned_b = set(_planned(b))
    planned_a = list(_planned(a))
    common = [place for place in planned_a if place in planned_b]
    made_a, made_b = ({(s.prompt_id, s.index): s for s in run.samples if s.status == "ok"} for run in (a, b))
    places = tuple(place for place in common if place in made_a and place in made_b)
    if not places:
        raise InputError(f"{a.folder} and {b.folder} have no prompt and index of which both have a picture")
    return Pairing(
        places,
        only_a=len(planned_a) - len(common),
        only_b=len(planned_b) - len(common),
        without_a=sum(place not in made_a and place in made_b for place in common),
        without_b=sum(place in made_a and place not in made_b for place in common),
        without_both=sum(place not in made_a and place not in made_b for place in common),
        other_noise=sum(made_a[place].seed != made_b[place].seed for place in places),
    )


def choose(a: RunView, b: RunView, wanted: Sequence[str] | None = None) -> Chosen:
    """The metrics of `wanted` (None: all that both runs are scored by).

    Raises InputError where a wanted one, or every one, is not scored in both; NotComparable where a metric's
    identities differ.
    """
    scores_a, scores_b = _overall(a), _overall(b)
    for name in wanted or ():
        for run, scores in ((a, scores_a), (b, scores_b)):
            if name not in scores:
                raise InputError(
                    f"{run.folder} is not scored by {name}; score it: drawbench score {run.folder} "
                    f"--metrics {name}"
                )
    names = list(wanted) if wanted is not None else [name for name in scores_a if name in scores_b]
    if not names:
        raise InputError(f"{a.folder} and {b.folder} share no metric; score both: drawbench score RUN")
    left_out = []
    if wanted is None:
        left_out = [(n, "B is not scored by it") for n in scores_a if n not in scores_b]
        left_out += [(n, "A is not scored by it") for n in scores_b if n not in scores_a]
    for name in names:
        check_identities(name, scores_a[name].identity, scores_b[name].identity)
    valued = {name for values in (*a.per_sample.values(), *b.per_sample.values()) for name in values}
    return Chosen(
        per_image=tuple(name for name in names if name in valued),
        whole_set=tuple(name for name in names if name not in valued),
        scores={name: scores_a[name] for name in names},
        left_out=tuple(left_out),
    )


def image_differences(
    a: RunView,
    b: RunView,
    places: Sequence[Place],
    score: Score,
    bounds: tuple[float, float] | None,
    *,
    shared_seeds: bool = False,
    by_category: bool = True,
) -> list[Difference]:
    """A per-image metric's difference over all pairs, then over each category in the bench's order.

    Pairs of which neither picture has a value, as the metric does not apply, are left out, and so are
    categories where not `by_category`. `shared_seeds` says that sample i of every prompt was drawn from the
    same noise: then prompt and index are two crossed factors.
    """
    metric = score.metric
    category = {prompt.id: prompt.category for prompt in a.prompts}
    groups: list[str | None] = [None]
    if by_category and any(category.values()):
        groups += dict.fromkeys(category.values())
    rows = []
    for group in groups:
        chosen = [place for place in places if group is None or category[place[0]] == group]
        values = np.array(
            [[run.per_sample.get(place, {}).get(metric, math.nan) for place in chosen] for run in (a, b)]
        )
        known = ~np.isnan(values)
        both = known.all(0)
        if both.any():
            kept = [place for place, there in zip(chosen, both, strict=True) if there]
            one_sided = int((known.any(0) & ~both).sum())
            rows.append(
                _of_means(score, group, values[:, both], kept, bounds, one_sided, shared_seeds=shared_seeds)
            )
    return rows


def set_difference(
    score: Score, a: float, b: float, estimate: TEstimate, places: Sequence[Place]
) -> Difference:
    """A whole-set metric's row from its values on both sides and the estimate of their difference."""
    interval = estimate.interval()
    return _row(score, None, (a, b), interval, estimate.p, estimate.degrees, places, 0)


def adjusted(rows: Iterable[Difference]) -> tuple[Difference, ...]:
    """The rows with `p_holm`, over all of them."""
    given = tuple(rows)
    p = holm([row.p for row in given])
    return tuple(replace(row, p_holm=seven_digits(float(q))) for row, q in zip(given, p, strict=True))


def comparison(
    a: RunView,
    b: RunView,
    pairing: Pairing,
    chosen: Chosen,
    rows: Iterable[Difference],
    skipped: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Comparison:
    """Everything together, with what must be said beside it."""
    remarks = list(notes)
    if pairing.other_noise:
        remarks.append(
            f"{pairing.other_noise} pairs do not share their noise, as one of the two was drawn again"
        )
    done = adjusted(rows)
    lopsided = {row.metric: row.one_sided for row in done if row.category is None and row.one_sided}
    for metric, count in lopsided.items():
        remarks.append(f"{metric}: {count} pairs are not in it, as it applies to one of their pictures only")
    if pairing.without_a or pairing.without_b:
        remarks.append(
            "samples without a picture are in no difference, which favours the run that fails more often"
        )
    return Comparison(
        a=str(a.manifest["name"]),
        b=str(b.manifest["name"]),
        differing=tuple(differing_fields(a.manifest, b.manifest)),
        pairing=pairing,
        rows=done,
        identities={name: score.identity for name, score in chosen.scores.items()},
        skipped=(*chosen.left_out, *skipped),
        notes=tuple(remarks),
    )


def comparison_json(result: Comparison) -> dict[str, Any]:
    """A JSON object with every field and the number of pairs; NaN becomes null."""
    entry = asdict(result)
    pairing = entry.pop("pairing")
    pairing["pairs"] = len(pairing.pop("places"))
    for row in entry["rows"]:
        for name in _NUMBERS:
            if not math.isfinite(row[name]):
                row[name] = None
    return {"schema": 1, **entry, "pairing": pairing}


def _planned(run: RunView) -> list[Place]:
    number = int(run.manifest["samples_per_prompt"])
    return [(prompt.id, index) for prompt in run.prompts for index in range(number)]


def _overall(run: RunView) -> dict[str, Score]:
    return {score.metric: score for score in run.scores if score.category is None}


def _of_means(
    score: Score,
    category: str | None,
    values: NDArray[np.float64],
    places: Sequence[Place],
    bounds: tuple[float, float] | None,
    one_sided: int,
    *,
    shared_seeds: bool,
) -> Difference:
    a, b = values
    prompts = [prompt_id for prompt_id, _ in places]
    means = (float(a.mean()), float(b.mean()))
    if shared_seeds:
        estimate = two_way_mean(b - a, prompts, [index for _, index in places])
        return _row(
            score, category, means, estimate.interval(), estimate.p, estimate.degrees, places, one_sided
        )
    _, interval = mean_difference_interval(a, b, prompts, bounds=bounds)
    test = sign_flip_test(b - a, prompts)
    interval = Interval(interval.low, interval.high, f"{interval.method}; {test.method}")
    p = test.p if test.n > 1 else math.nan
    return _row(score, category, means, interval, p, test.n - 1, places, one_sided)


def _row(
    score: Score,
    category: str | None,
    values: tuple[float, float],
    interval: Interval,
    p: float,
    degrees: float,
    places: Sequence[Place],
    one_sided: int,
) -> Difference:
    detectable = detectable_difference(interval, degrees) if degrees >= 1 else math.nan
    return Difference(
        metric=score.metric,
        category=category,
        direction=score.direction,
        a=seven_digits(values[0]),
        b=seven_digits(values[1]),
        difference=seven_digits(values[1] - values[0]),
        low=seven_digits(interval.low),
        high=seven_digits(interval.high),
        p=seven_digits(p),
        detectable=seven_digits(detectable),
        pairs=len(places),
        prompts=len({prompt_id for prompt_id, _ in places}),
        one_sided=one_sided,
        method=interval.method,
    )
