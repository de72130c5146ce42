"""Which item next and which side: the rules, for any counts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from human_eval_app.store.assignment import (
    SIDE_LEAD,
    Candidate,
    CellNeed,
    Load,
    choose_cell,
    choose_item,
    choose_swapped,
    draw,
    load_of,
    next_role,
    separation,
)

SEEDS = st.integers(0, 2**32)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        item_id=st.uuids().map(str),
        prompt_id=st.sampled_from([f"p{n}" for n in range(6)]),
        taken=st.integers(0, 4),
        taken_swapped=st.integers(0, 4),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.item_id,
)
PROMPTS = st.lists(st.sampled_from([f"p{n}" for n in range(6)]), max_size=8)


def order(items: list[Candidate], pages: int, seed: int, rater: int, gap: int) -> list[Candidate]:
    """The items that a rater alone gets, in order."""
    left, given_out = list(items), []
    for _ in range(pages):
        chosen = choose_item(left, [c.prompt_id for c in given_out], seed=seed, rater=rater, gap=gap)
        if chosen is None:
            break
        left.remove(chosen)
        given_out.append(chosen)
    return given_out


@given(CANDIDATES, PROMPTS, SEEDS, st.integers(1, 99), st.integers(0, 5))
def test_the_least_rated_of_prompts_not_just_seen_comes_first(
    items: list[Candidate], prompts: list[str], seed: int, rater: int, gap: int
) -> None:
    chosen = choose_item(items, prompts, seed=seed, rater=rater, gap=gap)
    if chosen is None:
        assert not items
        return
    recent = set(prompts[-gap:]) if gap else set()
    fresh = [item for item in items if item.prompt_id not in recent]
    assert chosen in (fresh or items)
    assert chosen.taken == min(item.taken for item in fresh or items)
    shuffled = sorted(items, key=lambda item: item.item_id)
    assert choose_item(shuffled, prompts, seed=seed, rater=rater, gap=gap) == chosen


def test_orders_differ_between_raters_and_seeds_and_come_again() -> None:
    items = [Candidate(f"i{n}", f"p{n}", 0, 0) for n in range(30)]
    orders = {
        (seed, rater): tuple(c.item_id for c in order(items, 30, seed, rater, 0))
        for seed in (1, 2)
        for rater in range(20)
    }
    assert len(set(orders.values())) == 40
    assert orders[1, 5] == tuple(c.item_id for c in order(items[::-1], 30, 1, 5, 0))
    firsts = Counter(ids[0] for ids in orders.values())
    assert max(firsts.values()) <= 6  # no item is everyone's first


@given(SEEDS, st.integers(1, 50), st.integers(2, 20))
@settings(max_examples=40)
def test_a_rater_of_everything_meets_the_two_pictures_of_a_prompt_far_apart(
    seed: int, rater: int, prompts: int
) -> None:
    items = [Candidate(f"i{n}{model}", f"p{n}", 0, 0) for n in range(prompts) for model in "ab"]
    gap = separation(prompts, Load(len(items), 0, 0))
    given_out = order(items, len(items), seed, rater, gap)
    assert sorted(c.item_id for c in given_out) == sorted(c.item_id for c in items)
    places: dict[str, list[int]] = {}
    for place, item in enumerate(given_out):
        places.setdefault(item.prompt_id, []).append(place)
    assert min(second - first for first, second in places.values()) > gap
    assert gap == (prompts - 1) // 2


@given(SEEDS, st.integers(1, 50), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=60))
def test_sides_are_balanced_within_a_rater_at_every_moment(
    seed: int, rater: int, counts: list[tuple[int, int]]
) -> None:
    straight = swapped = 0
    for number, (taken, of_them) in enumerate(counts):
        candidate = Candidate(f"i{number}", "p", taken, min(taken, of_them))
        if choose_swapped(candidate, straight=straight, swapped=swapped, seed=seed, rater=rater):
            swapped += 1
        else:
            straight += 1
        assert abs(straight - swapped) <= SIDE_LEAD


def test_sides_are_balanced_within_items_too() -> None:
    items = {f"i{n}": Candidate(f"i{n}", f"p{n}", 0, 0) for n in range(40)}
    for rater in range(1, 26):
        straight = swapped = 0
        for name in sorted(items, key=lambda name: draw(3, rater, name)):
            old = items[name]
            side = choose_swapped(old, straight=straight, swapped=swapped, seed=3, rater=rater)
            items[name] = Candidate(name, old.prompt_id, old.taken + 1, old.taken_swapped + side)
            straight, swapped = straight + (not side), swapped + side
    leads = [abs(item.taken - 2 * item.taken_swapped) for item in items.values()]
    # 25 fair coins would be 4.0 apart on average; odd counts are at least 1 apart.
    assert sum(leads) / len(leads) < 2.5


def test_a_side_says_nothing_of_the_place_in_the_order() -> None:
    firsts = [
        choose_swapped(Candidate("i", "p", 0, 0), straight=0, swapped=0, seed=seed, rater=rater)
        for seed in range(20)
        for rater in range(1, 21)
    ]
    assert 150 < sum(firsts) < 250  # 400 coins: 99.9999% of all times


@given(
    SEEDS, st.integers(1, 99), st.integers(1, 60), st.integers(0, 8), st.integers(0, 12), st.integers(0, 60)
)
def test_each_stretch_of_ratings_has_one_control_trial(
    seed: int, rater: int, items: int, controls: int, every: int, per_rater: int
) -> None:
    load = load_of(items, controls, items_per_rater=per_rater, control_every=every)
    assert load.ratings == (min(items, per_rater) if per_rater else items)
    assert load.controls == (min(controls, load.ratings // every) if every else 0)
    given_out = Counter[str]()
    places: list[int] = []
    while role := next_role(
        seed,
        rater,
        load,
        ratings=given_out["rating"],
        controls=given_out["control"],
        control_left=given_out["control"] < controls,
    ):
        given_out[role] += 1
        if role == "control":
            places.append(given_out["rating"])
    assert given_out == Counter(rating=load.ratings, control=load.controls)
    assert [(place - 1) // every for place in places] == list(range(load.controls))


def test_a_rating_takes_the_place_of_a_control_trial_that_is_gone() -> None:
    load = Load(ratings=10, controls=2, control_every=5)
    assert next_role(0, 1, load, ratings=10, controls=1, control_left=False) == "rating"
    assert next_role(0, 1, load, ratings=11, controls=1, control_left=False) is None


def test_a_new_rater_joins_the_cell_that_needs_one_most() -> None:
    def chosen(*needs: CellNeed, may_wait: bool = False) -> str | None:
        return choose_cell(needs, seed=1, rater=1, may_wait=may_wait)

    assert chosen(CellNeed("full", 10, 0, 0), CellNeed("half", 10, 5, 0)) == "half"
    assert chosen(CellNeed("small", 10, 10, 0), CellNeed("large", 100, 60, 0)) == "small"
    assert chosen(CellNeed("spoken for", 10, 10, 10), CellNeed("free", 10, 2, 0)) == "free"
    assert chosen(CellNeed("over", 10, 2, 20), CellNeed("full", 10, 0, 0)) == "over"
    assert chosen(CellNeed("full", 10, 0, 0, live=3)) is None
    assert chosen(CellNeed("full", 10, 0, 0, live=3), CellNeed("done", 10, 0, 0), may_wait=True) == "full"
    assert chosen() is None
    drawn = {
        choose_cell([CellNeed(c, 9, 9, 0) for c in "abc"], seed=1, rater=r, may_wait=True) for r in range(30)
    }
    assert drawn == set("abc")
