from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawbench.errors import InputError
from drawbench.types import Bench, Prompt, Reference
from harness.manifest import (
    build_manifest,
    check_same_configuration,
    configuration_of,
    first_difference,
    manifest_prompts,
    manifest_reference,
    read_manifest,
    to_json,
    write_manifest,
)
from harness.plan import Plan, configuration_hash, make_plan

IDENTITY = {"name": "m", "weights": {"64": "ab"}, "parts": ("a", "b")}
PROMPTS = (Prompt("a", "ein grüner Apfel \u2028", "Colors", {"tag": "x"}), Prompt("b", "two", "Counting"))
BENCH = Bench("b", "1", PROMPTS, 2, Reference("scenes", "scenes:n=5", "d1"), ("a notice",), "a source")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=6,
)


def plan(**changes: object) -> Plan:
    return make_plan(BENCH, **{"settings": {"guidance_scale": 2.0}, "seed": 4, **changes})  # type: ignore[arg-type]


def written(folder: Path, chosen: Plan) -> dict[str, object]:
    manifest = build_manifest(chosen, IDENTITY, model_spec="m", bench_spec="b", command=["run", "a b"])
    write_manifest(folder, manifest)
    return read_manifest(folder)


def test_a_manifest_holds_what_the_run_is(tmp_path: Path) -> None:
    manifest = written(tmp_path, plan(limit=1))
    assert manifest_prompts(manifest) == PROMPTS[:1]
    assert manifest_reference(manifest) == BENCH.reference
    assert manifest["planned"] == 2
    assert manifest["bench"]["notices"] == ["a notice"]  # type: ignore[index]
    assert manifest["command"] == "run 'a b'"
    assert configuration_hash(configuration_of(manifest)) == manifest["run_hash"]


def test_the_same_configuration_is_let_in_and_another_is_named(tmp_path: Path) -> None:
    written(tmp_path, plan())
    check_same_configuration(tmp_path, plan().configuration(IDENTITY))
    for other, identity, field in (
        (plan(seed=5), IDENTITY, "seed is 4 there and 5 now"),
        (
            plan(settings={"guidance_scale": 3.0}),
            IDENTITY,
            "settings.guidance_scale is 2.0 there and 3.0 now",
        ),
        (plan(settings={}), IDENTITY, "settings.guidance_scale is 2.0 there and null now"),
        (plan(), {**IDENTITY, "weights": {"64": "cd"}}, 'model.weights.64 is "ab" there and "cd" now'),
        (plan(samples_per_prompt=3), IDENTITY, "samples_per_prompt is 2 there and 3 now"),
    ):
        with pytest.raises(InputError) as caught:
            check_same_configuration(tmp_path, other.configuration(identity))
        assert field in str(caught.value)


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run folder"):
        read_manifest(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is no run folder"):
        read_manifest(tmp_path / "file")


@given(VALUES, VALUES)
def test_a_difference_is_found_exactly_where_there_is_one(there: object, here: object) -> None:
    assert first_difference(there, there) is None
    if first_difference(there, here) is None:
        assert _without_none(there) == _without_none(here)
    else:
        assert to_json(there) != to_json(here)


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return value
