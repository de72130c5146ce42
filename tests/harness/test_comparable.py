"""Which runs and numbers may be set against each other, and what is said where not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from drawbench.errors import InputError
from harness.comparable import (
    NotComparable,
    check_identities,
    check_runs,
    differing_fields,
    identity_parts,
)

MANIFEST: dict[str, Any] = {
    "name": "run",
    "model": {"spec": "m", "identity": {"name": "m", "weights": {"base": "ab"}}},
    "bench": {"name": "drawbench", "version": "1", "digest": "d1", "prompts": []},
    "settings": {"guidance_scale": 1.5},
    "run_seed": 0,
    "seed_rule": "sha256",
    "samples_per_prompt": 1,
}


def _with(field: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(MANIFEST)
    *path, last = field.split(".")
    inner = changed
    for name in path:
        inner = inner[name]
    inner[last] = value
    return changed


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("bench.name", "drawbench-open", '"drawbench" in A and "drawbench-open" in B'),
        ("bench.version", "2", '"1" in A and "2" in B'),
        ("bench.digest", "d2", '"d1" in A and "d2" in B'),
        ("run_seed", 7, "0 in A and 7 in B"),
        ("seed_rule", "counter", '"sha256" in A and "counter" in B'),
    ],
)
def test_another_bench_or_seed_is_refused_by_its_name(field: str, value: object, told: str) -> None:
    with pytest.raises(NotComparable, match=rf"not comparable: {field} is {told}"):
        check_runs(MANIFEST, _with(field, value))
    assert issubclass(NotComparable, InputError)


@pytest.mark.parametrize(
    ("field", "value"),
    [("model.identity.name", "n"), ("settings.guidance_scale", 4), ("samples_per_prompt", 2), ("limit", 9)],
)
def test_what_is_to_be_compared_may_differ(field: str, value: object) -> None:
    check_runs(MANIFEST, _with(field, value))


def test_differing_fields_are_listed_one_by_one() -> None:
    other = _with("settings", {"guidance_scale": 4, "steps": 8})
    other["model"]["identity"]["weights"] = {"base": "cd"}
    assert differing_fields(MANIFEST, other) == [
        ("model.identity.weights.base", '"ab"', '"cd"'),
        ("settings.guidance_scale", "1.5", "4"),
        ("settings.steps", "null", "8"),
    ]
    assert differing_fields(MANIFEST, MANIFEST) == []


def test_the_part_of_an_identity_that_differs_is_named() -> None:
    assert identity_parts("fid[a|b|png]") == ["fid", "a", "b", "png"]
    check_identities("fid", "fid[a|b|png]", "fid[a|b|png]")
    with pytest.raises(
        NotComparable, match=r"metric fid is not comparable.*'ref_n=10' in A and 'ref_n=20' in B;"
    ):
        check_identities("fid", "fid[a|ref_n=10|png]", "fid[a|ref_n=20|png]")
    with pytest.raises(NotComparable, match=r"'b' in A and 'c' in B \(1 more parts differ\)"):
        check_identities("fid", "fid[a|b|png]", "fid[a|c|jpeg]")
    with pytest.raises(NotComparable, match=r"'fid\[a\]' in A and 'fid\[a\|png\]' in B"):
        check_identities("fid", "fid[a]", "fid[a|png]")
