import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.progress import Advance, BarProgress, PlainProgress, StageCalls, duration


def test_plain_lines_tell_the_time_left() -> None:
    clock = iter([0.0, 1.0, 20.0, 21.0, 40.0])
    stream = io.StringIO()
    with PlainProgress(stream, lambda: next(clock)).stage("drawing", 4) as advance:
        for _ in range(3):
            advance(1)
    assert stream.getvalue().splitlines() == [
        "drawing: 0 of 4",
        "drawing: 2 of 4, about 20 s left",
        "drawing: 3 of 4, took 40 s",
    ]


def test_the_bar_runs_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with BarProgress().stage("drawing", 3) as advance:
        advance(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err


def test_calls_become_stages() -> None:
    told: list[tuple[str, object]] = []

    class Recorder:
        @contextmanager
        def stage(self, name: str, total: int) -> Iterator[Advance]:
            told.append((name, total))
            yield lambda amount: told.append((name, f"+{amount}"))
            told.append((name, "end"))

    with StageCalls(Recorder()) as call:
        call("a", 0, 5)
        call("a", 3, 5)
        call("a", 5, 5)
        call("b", 1, 1)
    assert told == [
        ("a", 5), ("a", "+0"), ("a", "+3"), ("a", "+2"), ("a", "end"), ("b", 1), ("b", "+1"), ("b", "end"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (0.5, "0.5 s"), (12.4, "12 s"), (89, "89 s"), (150, "2 min"), (7500, "2 h 5 min")],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert duration(seconds) == words
