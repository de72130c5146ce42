import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt
from harness.engines.local import LocalEngine
from harness.generate import OnFailure, generate_missing
from harness.ledger import count_statuses, latest
from harness.manifest import build_manifest
from harness.models.dummy import DummyModel
from harness.plan import Plan, make_plan
from harness.progress import NoProgress
from harness.store import RunStore
from harness.summary import build_summary
from harness.types import FAILURES, Drawn, Failure, Request, Sample

MOODS = {
    "ok": "ok",
    "noted": "ok",
    "raises": "error",
    "no picture": "error",
    "bad failure": "error",
    "broken file": "error",
    "grey": "error",
    "nan": "nan",
    "black": "black",
    "small": "wrong_size",
    "filtered": "filtered",
}


class MoodyModel:
    """Does to each prompt what its text says; `moods` can say otherwise by the request's seed."""

    def __init__(self, moods: Mapping[int, str] | None = None) -> None:
        self.moods = dict(moods or {})
        self.asked: list[Request] = []
        self.batches: list[int] = []
        self.loaded = 0

    def identity(self) -> Mapping[str, Any]:
        return {"name": "moody"}

    def load(self) -> None:
        self.loaded += 1

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return (8, 8)

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        self.batches.append(len(requests))
        self.asked += requests
        return [self._draw(request) for request in requests]

    def _draw(self, request: Request) -> object:
        picture = np.random.default_rng(request.seed).integers(9, 256, (8, 8, 3), dtype=np.uint8)
        mood = self.moods.get(request.seed, request.prompt.text)
        if mood == "raises":
            raise RuntimeError("out\nof memory")
        return {
            "ok": picture,
            "noted": Drawn(Image.fromarray(picture), ("prompt truncated to 4 tokens",)),
            "no picture": None,
            "bad failure": Failure("ok", "fine"),
            "broken file": BrokenPicture(),
            "grey": picture[..., 0],
            "nan": picture * np.nan,
            "black": picture * np.uint8(0),
            "small": picture[:4],
            "filtered": Failure("filtered", "not allowed"),
        }[mood]


class BrokenPicture(Image.Image):
    """A picture whose file shows itself broken when it is first read."""

    def convert(self, *arguments: Any, **options: Any) -> Image.Image:
        raise OSError("image file is truncated")


def plan_of(moods: Sequence[str], samples: int = 1, seed: int = 0) -> Plan:
    prompts = tuple(Prompt(f"p{i}", mood) for i, mood in enumerate(moods))
    return make_plan(Bench("moods", "1", prompts, samples), settings={}, seed=seed)


def carry_out(
    model: MoodyModel, plan: Plan, folder: Path, batch_size: int = 3, on_failure: OnFailure = "count"
) -> list[Sample]:
    """Runs the plan in `folder` and returns all ledger lines."""
    with RunStore(folder) as store:
        generate_missing(
            model,
            model.identity(),
            plan,
            store,
            LocalEngine(),
            batch_size=batch_size,
            on_failure=on_failure,
            progress=NoProgress(),
        )
        return list(store.lines)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(MOODS)), min_size=1, max_size=9), st.integers(1, 5), st.integers(1, 3))
def test_planned_is_ok_and_each_failure(moods: list[str], batch_size: int, samples: int) -> None:
    plan, model = plan_of(moods, samples), MoodyModel()
    with tempfile.TemporaryDirectory() as folder:
        lines = carry_out(model, plan, Path(folder), batch_size)
        pictures = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.png")}
    assert [(s.prompt_id, s.index) for s in lines] == [(r.prompt.id, r.index) for r in plan.requests]
    expected = {f"p{i}": MOODS[mood] for i, mood in enumerate(moods)}
    assert all(sample.status == expected[sample.prompt_id] for sample in lines)
    assert all(sample.reason for sample in lines if sample.status != "ok")
    assert pictures == {sample.path for sample in lines if sample.status == "ok"}
    manifest = build_manifest(plan, model.identity(), model_spec="moody", bench_spec="moods")
    counts = build_summary(manifest, lines, on_failure="count")["counts"]
    assert counts["planned"] == len(plan.requests) == counts["ok"] + sum(counts[s] for s in FAILURES)
    assert counts["missing"] == 0


def test_one_sample_that_raises_fails_alone(tmp_path: Path) -> None:
    model = MoodyModel()
    lines = carry_out(model, plan_of(["ok", "raises", "noted", "ok"]), tmp_path, batch_size=4)
    assert [s.status for s in lines] == ["ok", "error", "ok", "ok"]
    assert lines[1].reason == "RuntimeError: out of memory"
    assert lines[2].notes == ("prompt truncated to 4 tokens",)
    assert model.batches == [4, 1, 1, 1, 1]


def test_too_few_results_fail_nobody_who_can_be_served(tmp_path: Path) -> None:
    class Lazy(MoodyModel):
        def generate(self, requests: Sequence[Request]) -> list[Any]:
            return super().generate(requests)[:1]

    lines = carry_out(Lazy(), plan_of(["ok"] * 3), tmp_path)
    assert [s.status for s in lines] == ["ok"] * 3


def test_input_error_of_the_model_ends_the_run_and_keeps_what_is_done(tmp_path: Path) -> None:
    class Refusing(MoodyModel):
        def generate(self, requests: Sequence[Request]) -> list[Any]:
            if self.asked:
                raise InputError("the licence has run out")
            return super().generate(requests)

    plan = plan_of(["ok"] * 6)
    with pytest.raises(InputError, match="licence"):
        carry_out(Refusing(), plan, tmp_path)
    model = MoodyModel()
    assert len(carry_out(model, plan, tmp_path)) == 6
    assert [r.prompt.id for r in model.asked] == ["p3", "p4", "p5"]


def test_a_model_that_looks_ahead_sees_what_is_missing_before_it_loads(tmp_path: Path) -> None:
    class Foresighted(MoodyModel):
        seen: tuple[str, ...] = ()

        def look_ahead(self, requests: Sequence[Request]) -> None:
            assert self.loaded == 0
            self.seen += tuple(request.prompt.id for request in requests)

    carry_out(MoodyModel(), plan_of(["ok"] * 2), tmp_path)
    model = Foresighted()
    carry_out(model, plan_of(["ok"] * 4), tmp_path)
    assert model.seen == ("p2", "p3")
    assert model.loaded == 1
    done = Foresighted()
    carry_out(done, plan_of(["ok"] * 4), tmp_path)
    assert done.seen == ()


def test_a_finished_run_asks_for_nothing_and_loads_nothing(tmp_path: Path) -> None:
    plan = plan_of(["ok", "black", "raises"])
    first = carry_out(MoodyModel(), plan, tmp_path)
    again = MoodyModel()
    assert carry_out(again, plan, tmp_path) == first
    assert again.loaded == 0
    assert again.asked == []


@pytest.mark.parametrize("damage", ["removed", "changed", "emptied"])
def test_a_lost_picture_is_made_again(tmp_path: Path, damage: str) -> None:
    plan = plan_of(["ok"] * 3)
    before = carry_out(MoodyModel(), plan, tmp_path)
    path = tmp_path / "images" / "p1" / "0.png"
    whole = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] + b"x" if damage == "changed" else b"")
    model = MoodyModel()
    lines = carry_out(model, plan, tmp_path)
    assert [r.prompt.id for r in model.asked] == ["p1"]
    assert path.read_bytes() == whole
    assert latest(lines)["p1", 0].sha256 == before[1].sha256


def test_another_identity_takes_nothing_over(tmp_path: Path) -> None:
    plan = plan_of(["ok"] * 2)
    carry_out(MoodyModel(), plan, tmp_path)

    class Other(MoodyModel):
        def identity(self) -> Mapping[str, Any]:
            return {"name": "moody", "weights": "other"}

    model = Other()
    carry_out(model, plan, tmp_path)
    assert len(model.asked) == 2


def test_regenerate_gives_errors_the_same_noise_and_bad_pictures_other_noise(tmp_path: Path) -> None:
    plan = plan_of(["raises", "black", "ok"])
    base = [request.seed for request in plan.requests]
    second_try = plan.request(plan.prompts[1], 0, attempt=1).seed
    third_try = plan.request(plan.prompts[1], 0, attempt=2).seed
    carry_out(MoodyModel(), plan, tmp_path)
    model = MoodyModel({base[0]: "ok", second_try: "nan", third_try: "ok"})
    lines = carry_out(model, plan, tmp_path, on_failure="regenerate")
    assert [r.seed for r in model.asked] == [base[0], second_try, third_try]
    final = latest(lines)
    assert count_statuses(final.values())["ok"] == 3
    assert final["p0", 0].seed == base[0]
    assert final["p1", 0].seed == third_try
    assert len(lines) == 6
    again = MoodyModel()
    assert carry_out(again, plan, tmp_path) == lines
    assert again.asked == []


def test_regenerate_gives_up(tmp_path: Path) -> None:
    class Hopeless(MoodyModel):
        def _draw(self, request: Request) -> object:
            return Failure("filtered", "never")

    model = Hopeless()
    lines = carry_out(model, plan_of(["ok"]), tmp_path, on_failure="regenerate")
    assert [s.status for s in lines] == ["filtered"] * 4
    assert len({r.seed for r in model.asked}) == 4


def test_batch_size_changes_no_picture(tmp_path: Path) -> None:
    prompts = tuple(Prompt(f"p{i}", f"text {i}") for i in range(7))
    model = DummyModel()
    plan = make_plan(Bench("b", "1", prompts, 2), settings=model.resolve_settings({}), seed=5)
    found = []
    for batch_size in (1, 3, 14, 100):
        with RunStore(tmp_path / str(batch_size)) as store:
            generate_missing(
                model,
                model.identity(),
                plan,
                store,
                LocalEngine(),
                batch_size=batch_size,
                on_failure="count",
                progress=NoProgress(),
            )
            found.append({(s.prompt_id, s.index): s.sha256 for s in store.lines})
    assert len(found[0]) == 14
    assert len(set(found[0].values())) == 14
    assert all(other == found[0] for other in found)
