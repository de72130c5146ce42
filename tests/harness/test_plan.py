from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt
from harness.plan import choose_prompts, configuration_hash, make_plan, run_name

IDENTITY = {"name": "imagen-mini", "weights": "ab12"}


def prompts(categories: str) -> tuple[Prompt, ...]:
    """One prompt a letter, the letter being its category."""
    return tuple(Prompt(f"p{i:03}", f"text {i}", letter) for i, letter in enumerate(categories))


def bench(categories: str = "aabbbc", samples: int = 1) -> Bench:
    return Bench("tiny", "1", prompts(categories), samples)


def test_a_limit_takes_turns_over_the_categories() -> None:
    chosen = choose_prompts(prompts("aaaabbc"), 5)
    assert [p.id for p in chosen] == ["p000", "p001", "p004", "p005", "p006"]


@given(st.text("abcd", max_size=40), st.integers(1, 45))
def test_a_limit_is_even_ordered_and_nested(categories: str, limit: int) -> None:
    everything = prompts(categories)
    chosen = choose_prompts(everything, limit)
    assert len(chosen) == min(limit, len(everything))
    assert list(chosen) == [p for p in everything if p in chosen]
    assert {p.id for p in chosen} <= {p.id for p in choose_prompts(everything, limit + 1)}
    counts, full = Counter(p.category for p in chosen), Counter(p.category for p in everything)
    largest = max(counts.values(), default=0)
    assert all(counts[name] >= min(full[name], largest - 1) for name in full)


def test_requests_are_prompt_by_prompt_with_their_own_seeds() -> None:
    plan = make_plan(bench("ab"), settings={"stages": 64}, seed=3, samples_per_prompt=2)
    requests = plan.requests
    assert [(r.prompt.id, r.index) for r in requests] == [("p000", 0), ("p000", 1), ("p001", 0), ("p001", 1)]
    assert len({r.seed for r in requests}) == 4
    assert all(r.settings == {"stages": 64} for r in requests)


def test_a_prompt_keeps_its_seed_under_limit_and_among_other_prompts() -> None:
    full = {r.prompt.id: r.seed for r in make_plan(bench(), settings={}).requests}
    some = {r.prompt.id: r.seed for r in make_plan(bench(), settings={}, limit=2).requests}
    assert some.items() <= full.items()


def test_the_bench_says_how_many_samples_unless_told() -> None:
    assert len(make_plan(bench("ab", samples=3), settings={}).requests) == 6
    assert len(make_plan(bench("ab", samples=3), settings={}, samples_per_prompt=1).requests) == 2


def test_a_limit_that_leaves_nothing_out_is_none() -> None:
    full, limited = make_plan(bench(), settings={}), make_plan(bench(), settings={}, limit=6)
    assert limited.limit is None
    assert run_name(full.configuration(IDENTITY)) == run_name(limited.configuration(IDENTITY))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "no prompts"),
        (["a", "a"], "two prompts have the id 'a'"),
        (["../a"], "cannot be a file name"),
        ([".a"], "cannot be a file name"),
        (["a/b"], "cannot be a file name"),
        ([""], "cannot be a file name"),
        (["a\0b"], "cannot be a file name"),
        (["a\n"], "cannot be a file name"),
    ],
)
def test_benches_that_cannot_be_run(ids: list[str], message: str) -> None:
    bad = Bench("bad", "1", tuple(Prompt(prompt_id, "text") for prompt_id in ids))
    with pytest.raises(InputError, match=message):
        make_plan(bad, settings={})


def test_all_that_changes_a_picture_changes_the_name() -> None:
    def name(identity: dict[str, str] = IDENTITY, letters: str = "aabb", **changes: object) -> str:
        arguments: dict[str, object] = {"settings": {"guidance_scale": 4.0, "stages": 256}, **changes}
        plan = make_plan(bench(letters), **arguments)  # type: ignore[arg-type]
        return run_name(plan.configuration(identity))

    names = [
        name(),
        name(seed=1),
        name(limit=2),
        name(samples_per_prompt=2),
        name(settings={"guidance_scale": 4.5, "stages": 256}),
        name(settings={"guidance_scale": 4.0, "stages": 64}),
        name(settings={"guidance_scale": 4.0, "stages": 256, "steps": 9}),
        name(identity={**IDENTITY, "weights": "cd34"}),
        name(letters="aabc"),
    ]
    assert len({n.rsplit("__")[-1] for n in names}) == len(names)
    assert name() == names[0]
    assert names[0].rsplit("__", 1)[0] == "imagen-mini__tiny__256px-w4-seed0"
    assert names[2].rsplit("__", 1)[0] == "imagen-mini__tiny__256px-w4-seed0-limit2"


def test_names_are_safe_folders() -> None:
    plan = make_plan(Bench("file:/etc/ü x", "1", prompts("a")), settings={})
    name = run_name(plan.configuration({"name": "../" + "y" * 300}))
    assert name.count("__") == 3
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) < 180


def test_the_hash_ignores_the_order_of_fields() -> None:
    assert configuration_hash({"a": 1, "b": [2]}) == configuration_hash({"b": [2], "a": 1})
