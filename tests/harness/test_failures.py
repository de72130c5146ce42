"""Whatever fails and whenever the process is killed: planned = ok + each failure status + missing.

The kills are real SIGKILLs of a forked process, each at a chosen call that writes: before it or, where ledger
lines are written, after half of their bytes.
"""

import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.types import Bench, Prompt
from harness import atomic
from harness.engines.local import LocalEngine
from harness.generate import OnFailure, generate_missing
from harness.ledger import LEDGER_NAME, read_ledger
from harness.manifest import build_manifest, write_manifest
from harness.plan import Plan, make_plan
from harness.progress import NoProgress
from harness.report.page import STATUS_WORDS, write_report
from harness.results_table import counts_line, print_summary
from harness.store import RunStore
from harness.summary import build_summary, write_summary
from harness.types import FAILURES, Failure, Request

MOODS = ("ok", *FAILURES)


class Fickle:
    """Does what the prompt says; with other noise, or asked again after an error, what the seed says."""

    def identity(self) -> Mapping[str, Any]:
        return {"name": "fickle"}

    def picture_size(self, settings: Mapping[str, Any]) -> tuple[int, int]:
        return (4, 4)

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        return [self._draw(request) for request in requests]

    def _draw(self, request: Request) -> object:
        moods = request.prompt.text.split()
        first = request.seed == request.settings["first seeds"][request.prompt.id][request.index]
        mood = moods[0] if first else moods[request.seed % len(moods)]
        picture = np.random.default_rng(request.seed).integers(9, 256, (4, 4, 3), dtype=np.uint8)
        if mood == "error":
            raise RuntimeError("out of memory")
        return {
            "ok": picture,
            "nan": picture * np.nan,
            "black": picture * np.uint8(0),
            "wrong_size": picture[:2],
            "filtered": Failure("filtered", "not allowed"),
        }[mood]


def plan_of(moods: Sequence[str], samples: int) -> Plan:
    prompts = tuple(Prompt(f"p{i}", mood) for i, mood in enumerate(moods))
    plan = make_plan(Bench("moods", "1", prompts, samples), settings={})
    seeds = {p.id: [plan.request(p, index).seed for index in range(samples)] for p in prompts}
    return replace(plan, settings={"first seeds": seeds})


def draw(plan: Plan, folder: Path, batch_size: int, on_failure: OnFailure) -> None:
    model = Fickle()
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
        store.mark_checked()


def summary_of(plan: Plan, folder: Path) -> dict[str, Any]:
    manifest = build_manifest(plan, Fickle().identity(), model_spec="fickle", bench_spec="moods")
    return build_summary(manifest, read_ledger(folder), on_failure="count")


def check_sum(counts: Mapping[str, int], planned: int) -> None:
    assert counts.keys() == {"planned", "ok", *FAILURES, "missing"}
    assert counts["planned"] == planned == sum(counts[name] for name in counts if name != "planned")


def killed_at(work: Callable[[], None], call: int, half: bool) -> bool:
    """Does `work` in a forked process that dies at its `call`-th writing call; False where it ends itself."""
    pid = os.fork()
    if pid == 0:
        calls = 0

        def dying(real: Callable[..., Any], is_write: bool) -> Callable[..., Any]:
            def counted(*arguments: Any, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == call:
                    if half and is_write:
                        real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **named)

            return counted

        status = 1
        try:
            for name in ("write", "fsync", "replace"):
                setattr(os, name, dying(getattr(os, name), name == "write"))
            if atomic._SYNC_FILESYSTEM is not None:
                atomic._SYNC_FILESYSTEM = dying(atomic._SYNC_FILESYSTEM, False)
            work()
            status = 0
        finally:
            os._exit(status)
    _, how = os.waitpid(pid, 0)
    if os.WIFSIGNALED(how):
        assert os.WTERMSIG(how) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(how) == 0, "the run failed by itself"
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(MOODS), min_size=1, max_size=3).map(" ".join), min_size=1, max_size=6),
    st.integers(1, 2),
    st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.integers(1, 9)), max_size=5),
    st.integers(1, 9),
    st.sampled_from(["count", "regenerate"]),
)
def test_planned_is_the_sum_of_statuses_whatever_fails_and_whenever_it_is_killed(
    moods: list[str],
    samples: int,
    kills: list[tuple[int, bool, int]],
    batch_size: int,
    on_failure: OnFailure,
) -> None:
    plan = plan_of(moods, samples)
    with tempfile.TemporaryDirectory() as name:
        killed, whole = Path(name) / "killed", Path(name) / "whole"
        finished: list[object] = []
        for call, half, size in kills:
            killed_at(partial(draw, plan, killed, size, on_failure), call, half)
            lines = list(read_ledger(killed))
            assert lines[: len(finished)] == finished, "a kill lost finished work"
            finished = list(lines)
            check_sum(summary_of(plan, killed)["counts"], plan.planned)
        draw(plan, killed, batch_size, "count")
        draw(plan, whole, batch_size, "count")
        summary = summary_of(plan, killed)
        check_sum(summary["counts"], plan.planned)
        assert summary["counts"]["missing"] == 0
        assert not list(killed.rglob("*.part"))
        if on_failure == "count":
            assert summary["counts"] == summary_of(plan, whole)["counts"]
            assert len(read_ledger(killed)) == plan.planned, "a finished sample was made again"
            made, wanted = (
                {path.relative_to(run): path.read_bytes() for path in run.glob("images/*/*.png")}
                for run in (killed, whole)
            )
            assert made == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
def test_killed_at_each_writing_call(tmp_path: Path) -> None:
    """One kill at every call there is, until the run comes to its end without one."""
    plan = plan_of(["ok", "black", "ok", "error", "ok", "ok", "filtered", "ok"], 1)
    draw(plan, tmp_path / "whole", 5, "count")
    wanted = {(s.key, s.status, s.sha256) for s in read_ledger(tmp_path / "whole")}
    for half in (False, True):
        for call in count(1):
            folder = tmp_path / f"{half}{call}"
            if not killed_at(partial(draw, plan, folder, 5, "count"), call, half):
                break
            before = read_ledger(folder)
            draw(plan, folder, 3, "count")
            assert {(s.key, s.status, s.sha256) for s in read_ledger(folder)} == wanted
            assert read_ledger(folder)[: len(before)] == before
            assert len(read_ledger(folder)) == 8
            assert not list(folder.rglob("*.part"))
        assert call > 10


@pytest.mark.parametrize("status", FAILURES)
def test_every_failure_is_shown_in_summary_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    plan = plan_of(["ok", status, "ok", status], 1)
    draw(plan, tmp_path, 4, "count")
    manifest = build_manifest(plan, Fickle().identity(), model_spec="fickle", bench_spec="moods")
    write_manifest(tmp_path, manifest)
    summary = build_summary(manifest, read_ledger(tmp_path), on_failure="count")
    write_summary(tmp_path, summary)
    check_sum(json.loads((tmp_path / "summary.json").read_text())["counts"], 4)
    assert counts_line(summary) == f"4 planned = 2 ok + 2 {status} (on failure: count)"
    (reason,) = {failure["reason"] for failure in summary["failures"]}
    print_summary(summary, "run")
    assert f"  {status} p1/0: {reason}" in capsys.readouterr().out
    page = write_report(tmp_path).read_text()
    words = STATUS_WORDS[status]
    assert re.search(rf"<dt>{words}</dt>\s*<dd>2</dd>", page), "the report's counts lack the status"
    assert page.count(reason) >= 2


def test_a_run_that_is_not_finished_says_what_is_missing(tmp_path: Path) -> None:
    plan = plan_of(["ok", "black", "ok"], 1)
    draw(plan, tmp_path, 1, "count")
    ledger = tmp_path / LEDGER_NAME
    ledger.write_bytes(ledger.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n")
    summary = summary_of(plan, tmp_path)
    check_sum(summary["counts"], 3)
    assert counts_line(summary) == "3 planned = 1 ok + 1 black + 1 missing (on failure: count)"
