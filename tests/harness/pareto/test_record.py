"""The JSON file gives back what was written, and says what is wrong with another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drawbench.errors import InputError
from harness.pareto.curves import Pareto, sort_key, worst_corner
from harness.pareto.record import pareto_json, read_pareto, write_pareto

Make = Callable[..., Pareto]


def test_what_is_written_comes_back(make_pareto: Make, tmp_path: Path) -> None:
    pareto = make_pareto(("static", "dynamic"), {("dynamic", 8): 3, ("dynamic", 9): 150})
    path = tmp_path / "a.json"
    write_pareto(pareto, path)
    again = read_pareto(path)
    assert pareto_json(again) == pareto_json(pareto)
    assert again.curves[1].points[-2].reason == "there is no picture to score"
    assert not again.curves[1].points[-2].scored
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_derived_numbers_stand_in_the_file(make_pareto: Make) -> None:
    content = pareto_json(make_pareto(("static", "dynamic")))
    static, dynamic = content["curves"]
    assert any(point["on_front"] for point in static["points"])
    assert not any(point["on_front"] for point in dynamic["points"])  # worse everywhere
    assert any(point["on_curve_front"] for point in dynamic["points"])
    assert sum(point["knee"] for point in static["points"]) == 1
    (difference,) = content["hypervolume_differences"]
    apart = dynamic["hypervolume"]["value"] - static["hypervolume"]["value"]
    assert difference["value"] == pytest.approx(apart, rel=1e-5)
    assert difference["high"] < 0  # shared noise cancels, so that a small difference is seen
    assert difference["high"] - difference["low"] < 0.5 * (
        static["hypervolume"]["high"] - static["hypervolume"]["low"]
    )


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda c: c.update(kind="something"), "not a file that drawbench pareto wrote"),
        (lambda c: c.update(schema=99), "schema 99"),
        (lambda c: c.pop("along"), "damaged: KeyError"),
        (lambda c: c["curves"][0]["points"][0].update(alignment=7), "damaged: TypeError"),
        (lambda c: c["curves"][0]["points"][0]["left_out"].pop(), "different numbers of groups"),
    ],
)
def test_damage_is_named(
    make_pareto: Make, tmp_path: Path, change: Callable[[dict[str, object]], object], wanted: str
) -> None:
    content = pareto_json(make_pareto())
    change(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=wanted):
        read_pareto(tmp_path / "a.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json"):
        read_pareto(tmp_path / "a.json")
    with pytest.raises(InputError, match="No such file"):
        read_pareto(tmp_path / "b.json")


def test_the_reference_point_is_beyond_the_worst_of_each() -> None:
    scores = np.array([[0.1, 210.0], [0.9, 280.0], [np.nan, 999.0]])
    alignment, quality = worst_corner(scores, ("higher", "lower"))
    assert alignment == pytest.approx(0.02)
    assert quality == pytest.approx(287.0)
    same = worst_corner(np.array([[0.5, 200.0]]), ("higher", "lower"))
    assert same[0] < 0.5
    assert same[1] > 200.0


def test_values_are_ordered_numbers_first() -> None:
    assert sorted([10, "b", 2.5, None, [1, 2], 1], key=sort_key) == [1, 2.5, 10, "b", [1, 2], None]
