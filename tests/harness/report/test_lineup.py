from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pair_of_runs import make_scored

from drawbench.errors import InputError
from harness.comparable import NotComparable
from harness.report.lineup import Lineup, short_spec
from harness.run_view import RunView

MakeRun = Callable[..., Path]


def test_runs_are_named_by_what_sets_them_apart(make_run: MakeRun) -> None:
    runs = [
        make_scored(make_run, name, 0, settings={"steps": steps, "same": 1})
        for name, steps in (("a", 4), ("b", 8))
    ]
    lineup = Lineup.of(runs)
    assert [(e.letter, e.name) for e in lineup.entries] == [
        ("A", "striped, steps 4"),
        ("B", "striped, steps 8"),
    ]


def test_runs_alike_in_all_settings_are_told_apart_by_seed_or_hash(make_run: MakeRun) -> None:
    runs = [make_scored(make_run, name, 0, seed=seed) for name, seed in (("a", 1), ("b", 2))]
    assert [e.name for e in Lineup.of(runs).entries] == ["striped, seed 1", "striped, seed 2"]
    names = [e.name for e in Lineup.of([make_scored(make_run, n, 0) for n in ("c", "d")]).entries]
    assert all(name.startswith("striped, seed 7, run ") for name in names)


def test_many_differing_settings_do_not_make_an_endless_name(make_run: MakeRun) -> None:
    runs = [
        make_scored(make_run, name, 0, settings={f"setting{n}": (n, name) for n in range(9)})
        for name in ("a", "b")
    ]
    assert Lineup.of(runs).entries[0].name.endswith(", 6 more")


def test_what_is_no_line_up_is_refused(make_run: MakeRun) -> None:
    run = make_scored(make_run, "a", 0)
    with pytest.raises(InputError, match="given twice"):
        Lineup.of([run, run])
    with pytest.raises(InputError, match="1 to 26 runs, not 0"):
        Lineup.of([])
    other = RunView.load(make_run({"A": ["another prompt"]}, name="b"))
    with pytest.raises(NotComparable, match="digest"):
        Lineup.of([run, other])


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("imagen", "imagen"),
        ("folder:/some/where/mine/", "folder:mine"),
        ("diffusers:mine", "diffusers:mine"),
        ("my_pkg.module:MyModel", "my_pkg.module:MyModel"),
        ("folder:/", "folder:/"),
    ],
)
def test_short_names_have_no_folders(spec: str, name: str) -> None:
    assert short_spec(spec) == name
