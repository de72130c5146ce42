"""Which prompts are shown as the worst, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drawbench.types import Prompt
from harness.difference import Pairing
from harness.regression.worst import worst_prompts
from harness.run_view import RunView
from harness.types import Sample

METRICS: dict[str, Any] = {"accuracy": ("higher", 0.1), "distance": ("lower", 1.0)}


def _run(values: dict[str, dict[str, float]], failed: tuple[str, ...] = ()) -> RunView:
    prompts = tuple(Prompt(name, f"text of {name}") for name in "abcdef")
    samples = tuple(
        Sample("k", p.id, 0, 1, "black", reason="all black")
        if p.id in failed
        else Sample("k", p.id, 0, 1, "ok", "x.png", "0" * 64)
        for p in prompts
    )
    return RunView(
        Path("nowhere"), {"name": "x"}, {}, prompts, samples, (), {(k, 0): v for k, v in values.items()}
    )


def _pairing(a: RunView, b: RunView) -> Pairing:
    return Pairing(tuple(place for place in a.per_sample if place in b.per_sample))


BEFORE = {name: {"accuracy": 1.0, "distance": 5.0} for name in "abcdef"}


def _order(
    after: dict[str, dict[str, float]], failed: tuple[str, ...] = (), first: tuple[str, ...] = ()
) -> str:
    a, b = _run(BEFORE), _run(after, failed)
    return "".join(worst.prompt_id for worst in worst_prompts(a, b, _pairing(a, b), METRICS, first, 6))


def test_the_greatest_loss_in_margins_comes_first() -> None:
    after = {**BEFORE, "b": {"accuracy": 0.5, "distance": 5.0}, "d": {"accuracy": 1.0, "distance": 9.0}}
    assert _order(after) == "bd"  # 5 margins against 4
    assert _order(after, first=("distance",)) == "db"


def test_the_regressed_metric_counts_first_and_others_break_ties() -> None:
    after = {name: {"accuracy": 0.0, "distance": 5.0 + i} for i, name in enumerate("abcdef")}
    assert _order(after, first=("accuracy",)) == "fedcba"


def test_gains_are_not_shown() -> None:
    assert _order({name: {"accuracy": 1.0, "distance": 1.0} for name in "abcdef"}) == ""
    assert _order(BEFORE) == ""


def test_lost_pictures_come_before_all() -> None:
    after = {name: {"accuracy": 0.0, "distance": 9.0} for name in "abcde"}
    a, b = _run(BEFORE), _run(after, ("f",))
    worst = worst_prompts(a, b, _pairing(a, b), METRICS)
    assert [one.prompt_id for one in worst] == ["f", "a", "b"]
    assert worst[0].failed == "black: all black"


def test_values_on_one_side_alone_are_shown_and_do_not_count() -> None:
    after = {**BEFORE, "c": {"accuracy": 0.0}}
    a, b = _run(BEFORE), _run(after)
    (worst,) = worst_prompts(a, b, _pairing(a, b), METRICS)
    assert (worst.prompt_id, worst.loss) == ("c", 10.0)
    assert [(c.metric, c.b) for c in worst.changes] == [("accuracy", 0.0), ("distance", None)]
