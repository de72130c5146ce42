"""The history grows by whole lines, is never rewritten, and shows when somebody did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawbench.errors import InputError
from harness.regression.history import (
    HISTORY_NAME,
    Event,
    Kind,
    Point,
    append_event,
    commit_here,
    read_history,
)


def _event(kind: Kind = "compare", value: float = 0.9, note: str = "") -> Event:
    point = Point("scenes_accuracy", value, value - 0.1, None, 48, "scenes_accuracy[x]", "higher")
    entry = None if kind == "compare" else "1234abcd-00000000"
    return Event(
        kind, "2026-01-01T00:00:00+00:00", "run", "f" * 64, "imagen", "abc", (point,), entry, None, note
    )


def test_events_come_back_in_order(tmp_path: Path) -> None:
    events = (_event("add"), _event(note='"quoted"\nand ünïcode \u2028'), _event("promote", 0.95))
    for event in events:
        append_event(tmp_path, event)
    assert read_history(tmp_path) == events
    assert len((tmp_path / HISTORY_NAME).read_bytes().splitlines()) >= 3


def test_appending_changes_no_earlier_byte(tmp_path: Path) -> None:
    append_event(tmp_path, _event("add"))
    before = (tmp_path / HISTORY_NAME).read_bytes()
    append_event(tmp_path, _event())
    assert (tmp_path / HISTORY_NAME).read_bytes().startswith(before)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400))
def test_a_torn_last_line_is_cut_off(tmp_path_factory: pytest.TempPathFactory, torn: int) -> None:
    folder = tmp_path_factory.mktemp("torn")
    for value in (0.1, 0.2):
        append_event(folder, _event(value=value))
    path = folder / HISTORY_NAME
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[: -min(torn, len(last) - 1)])
    assert [event.scores[0].value for event in read_history(folder)] == [0.1]
    append_event(folder, _event(value=0.3))
    assert [event.scores[0].value for event in read_history(folder)] == [0.1, 0.3]


@pytest.mark.parametrize("damage", ["alter", "remove", "swap"])
def test_a_rewritten_history_is_refused(tmp_path: Path, damage: str) -> None:
    for value in (0.1, 0.2, 0.3):
        append_event(tmp_path, _event(value=value))
    path = tmp_path / HISTORY_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "alter":
        entry = json.loads(lines[1])
        entry["scores"][0]["value"] = 0.9
        lines[1] = json.dumps(entry).encode() + b"\n"
    elif damage == "remove":
        del lines[1]
    else:
        lines[0], lines[1] = lines[1], lines[0]
    path.write_bytes(b"".join(lines))
    before = path.read_bytes()
    with pytest.raises(InputError, match="line"):
        read_history(tmp_path)
    with pytest.raises(InputError, match="line"):
        append_event(tmp_path, _event())
    assert path.read_bytes() == before


def test_the_pipelines_commit_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0123abc")
    assert commit_here() == "0123abc"
    monkeypatch.delenv("GITHUB_SHA")
    monkeypatch.delenv("CI_COMMIT_SHA", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert commit_here() == ""
