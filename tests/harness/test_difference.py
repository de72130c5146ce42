"""Differences of runs, pair by pair, from what is known of two runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.comparable import NotComparable
from harness.difference import (
    Difference,
    adjusted,
    choose,
    comparison,
    comparison_json,
    image_differences,
    pair_samples,
)
from harness.run_view import RunView
from harness.stats import cluster_mean_interval, holm, two_way_mean
from harness.types import Sample, Score, Status

PROMPTS = tuple(Prompt(f"p{i}", f"text {i}", ("Colors", "Counting")[i % 2]) for i in range(10))
SCORE = Score("m", 0.0, 0.0, 0.0, 1, "m[x|png]", "higher", "t")
Values = Mapping[tuple[str, int], float]


def _run(
    values: Values,
    *,
    samples: int = 2,
    prompts: tuple[Prompt, ...] = PROMPTS,
    failed: Mapping[tuple[str, int], Status] | None = None,
    scores: tuple[Score, ...] = (SCORE,),
    name: str = "run",
    attempts: tuple[tuple[str, int], ...] = (),
    **fields: object,
) -> RunView:
    places = [(p.id, i) for p in prompts for i in range(samples)]
    manifest = {
        "name": name,
        "model": {"spec": "m", "identity": {"name": "m"}},
        "bench": {"name": "b", "version": "1", "digest": "d"},
        "settings": {},
        "run_seed": 0,
        "seed_rule": "r",
        "samples_per_prompt": samples,
        **fields,
    }
    made = tuple(
        Sample(f"k{p}{i}", p, i, 9 if (p, i) in attempts else 5, (failed or {}).get((p, i), "ok"))
        for p, i in places
    )
    return RunView(
        Path(name), manifest, {}, prompts, made, scores, {place: {"m": v} for place, v in values.items()}
    )


def _values(seed: int, shift: float = 0.0, samples: int = 2) -> dict[tuple[str, int], float]:
    rng = np.random.default_rng(seed)
    return {(p.id, i): shift + float(rng.normal()) for p in PROMPTS for i in range(samples)}


def test_every_planned_sample_is_a_pair_or_counted() -> None:
    a = _run(_values(0), failed={("p0", 0): "black", ("p1", 1): "error"}, attempts=(("p5", 0),))
    b = _run(_values(1), samples=3, prompts=PROMPTS[1:], failed={("p1", 1): "nan", ("p2", 0): "filtered"})
    pairing = pair_samples(a, b)
    assert (pairing.only_a, pairing.only_b) == (2, 9)  # p0's two samples, and the third of nine prompts
    assert (pairing.without_a, pairing.without_b, pairing.without_both) == (0, 1, 1)
    assert len(pairing.places) == 18 - 2
    assert pairing.other_noise == 1
    assert pairing.places == tuple(place for place in pairing.places if place[0] != "p0")
    mirrored = pair_samples(b, a)
    assert (mirrored.without_a, mirrored.without_b) == (1, 0)
    assert set(mirrored.places) == set(pairing.places)


def test_runs_without_a_common_picture_or_of_other_seeds_are_refused() -> None:
    lost: dict[tuple[str, int], Status] = {(p.id, i): "error" for p in PROMPTS for i in range(2)}
    with pytest.raises(InputError, match="no prompt and index of which both have a picture"):
        pair_samples(_run({}), _run({}, failed=lost))
    with pytest.raises(NotComparable, match="run_seed is 0 in A and 3 in B"):
        pair_samples(_run({}), _run({}, run_seed=3))


@given(st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_a_row_is_the_difference_of_the_pairs(seed: int) -> None:
    one, other = _values(seed), _values(seed + 1, 0.5)
    a, b = _run(one), _run(other)
    whole, colours, counting = image_differences(a, b, pair_samples(a, b).places, SCORE, None)
    d = np.array([other[place] - one[place] for place in one])
    mean, interval = cluster_mean_interval(d, [place[0] for place in one])
    assert whole.difference == pytest.approx(mean, rel=1e-6)
    assert (whole.low, whole.high) == pytest.approx((interval.low, interval.high), rel=1e-6)
    assert whole.b - whole.a == pytest.approx(whole.difference, abs=1e-5)
    assert (whole.category, colours.category, counting.category) == (None, "Colors", "Counting")
    assert (whole.pairs, whole.prompts) == (20, 10)
    assert (colours.pairs, colours.prompts) == (10, 5)
    assert whole.difference == pytest.approx((colours.difference + counting.difference) / 2, abs=1e-6)
    back, *_ = image_differences(b, a, pair_samples(b, a).places, SCORE, None)
    assert (back.difference, back.p) == (-whole.difference, whole.p)
    assert (back.low, back.high) == pytest.approx((-whole.high, -whole.low))


def test_a_shift_that_two_intervals_side_by_side_hide_is_seen() -> None:
    rng = np.random.default_rng(0)
    one = {(p.id, i): float(10 * rng.normal()) for p in PROMPTS for i in range(2)}
    other = {place: value + 0.5 + 0.1 * float(rng.normal()) for place, value in one.items()}
    a, b = _run(one), _run(other)
    row, *_ = image_differences(a, b, pair_samples(a, b).places, SCORE, None)
    assert row.low > 0.3
    assert row.p == pytest.approx(2 / 2**10)  # every one of ten prompts rose: the least exact p there is
    assert row.detectable < 0.5
    _, alone = cluster_mean_interval(list(one.values()), [place[0] for place in one])
    assert alone.high - alone.low > 5


def test_pairs_of_which_one_picture_has_a_value_are_counted() -> None:
    one, other = _values(0), _values(1)
    for place in (("p0", 0), ("p2", 1)):
        del one[place]
    for place in (("p0", 0), ("p3", 0)):
        del other[place]
    a, b = _run(one), _run(other)
    rows = image_differences(a, b, pair_samples(a, b).places, SCORE, None)
    assert [(row.pairs, row.one_sided) for row in rows] == [(17, 2), (8, 1), (9, 1)]
    result = comparison(a, b, pair_samples(a, b), choose(a, b), rows)
    assert result.notes == ("m: 2 pairs are not in it, as it applies to one of their pictures only",)
    assert image_differences(_run({}), _run({}), pair_samples(a, b).places, SCORE, None) == []


def test_one_prompt_alone_gives_no_certainty() -> None:
    a, b = (_run(_values(seed), prompts=PROMPTS[:1]) for seed in (0, 1))
    row, *_ = image_differences(a, b, pair_samples(a, b).places, SCORE, (-9.0, 9.0))
    assert (row.low, row.high) == (-18.0, 18.0)
    assert math.isnan(row.p)
    assert math.isnan(row.detectable)


def test_all_right_against_all_right_is_no_certainty_either() -> None:
    ones = dict.fromkeys(_values(0), 1.0)
    a, b = _run(ones), _run(ones)
    row, *_ = image_differences(a, b, pair_samples(a, b).places, SCORE, (0.0, 1.0))
    assert (row.difference, row.p) == (0.0, 1.0)
    assert row.low < -0.2
    assert row.detectable > 0.2


def test_shared_seeds_make_prompt_and_index_two_factors() -> None:
    rng = np.random.default_rng(0)
    of_index = 2 * rng.normal(size=4)
    one = _values(0, samples=4)
    other = {(p, i): value + float(of_index[i] + 0.1 * rng.normal()) for (p, i), value in one.items()}
    a, b = _run(one, samples=4), _run(other, samples=4)
    places = pair_samples(a, b).places
    nested, *_ = image_differences(a, b, places, SCORE, None)
    crossed, *_ = image_differences(a, b, places, SCORE, None, shared_seeds=True)
    d = [other[place] - one[place] for place in places]
    estimate = two_way_mean(d, [p for p, _ in places], [i for _, i in places])
    assert (crossed.low, crossed.p) == pytest.approx((estimate.interval().low, estimate.p), rel=1e-6)
    assert crossed.high - crossed.low > 10 * (nested.high - nested.low)


def test_metrics_of_both_are_chosen_and_the_others_named() -> None:
    extra, alone = replace(SCORE, metric="n", identity="n[x]"), replace(SCORE, metric="s", identity="s[y]")
    a = _run(_values(0), scores=(SCORE, extra, replace(SCORE, category="Colors")))
    b = _run(_values(1), scores=(alone, SCORE))
    chosen = choose(a, b)
    assert (chosen.per_image, chosen.whole_set) == (("m",), ())
    assert chosen.left_out == (("n", "B is not scored by it"), ("s", "A is not scored by it"))
    assert choose(_run({}, scores=(extra,)), _run({}, scores=(extra,))).whole_set == ("n",)
    with pytest.raises(InputError, match="run is not scored by n; score it: drawbench score run --metrics n"):
        choose(a, b, ("m", "n"))
    with pytest.raises(InputError, match="share no metric"):
        choose(_run({}, scores=(extra,)), b)
    with pytest.raises(NotComparable, match="'png' in A and 'jpeg' in B"):
        choose(a, _run({}, scores=(replace(SCORE, identity="m[x|jpeg]"),)))


_ROW = Difference("m", None, "higher", 1.0, 2.0, 1.0, 0.5, 1.5, 0.01, 0.7, 9, 9, 0, "t")


def test_p_is_adjusted_over_all_rows_that_have_one() -> None:
    p = [0.01, math.nan, 0.2, 0.04]
    rows = adjusted(replace(_ROW, p=value) for value in p)
    np.testing.assert_allclose([row.p_holm for row in rows], holm(p))
    assert [row.p for row in rows][2:] == [0.2, 0.04]


def test_json_has_no_nan_and_counts_the_pairs() -> None:
    a, b = (
        _run(_values(0), failed={("p0", 0): "black"}, name="a"),
        _run(_values(1), name="b", settings={"x": 1}),
    )
    rows = [_ROW, replace(_ROW, category="Colors", p=math.nan, low=math.nan, high=math.nan)]
    entry = json.loads(
        json.dumps(comparison_json(comparison(a, b, pair_samples(a, b), choose(a, b), rows)), allow_nan=False)
    )
    assert (entry["a"], entry["b"]) == ("a", "b")
    assert entry["differing"] == [["settings.x", "null", "1"]]
    assert entry["pairing"] == {
        "pairs": 19,
        "only_a": 0,
        "only_b": 0,
        "without_a": 1,
        "without_b": 0,
        "without_both": 0,
        "other_noise": 0,
    }
    assert [row["p"] for row in entry["rows"]] == [0.01, None]
    assert entry["identities"] == {"m": "m[x|png]"}
    assert "favours the run that fails more often" in entry["notes"][0]
