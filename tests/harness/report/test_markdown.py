from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_of_runs import make_scored

from harness.report.findings import find
from harness.report.markdown import code, escaped, report_markdown
from harness.types import Failure

MakeRun = Callable[..., Path]


@given(st.text(max_size=80))
def test_escaped_text_is_one_line_without_live_markup(text: str) -> None:
    line = escaped(text)
    assert "\n" not in line
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()<>#!|~$@&]", line)
    assert not re.search(r"(?i)\b(?:https?|www)[:.]", line)
    assert not re.search(r"@\w", line)


@given(st.text(max_size=60))
def test_a_code_span_ends_where_it_should(text: str) -> None:
    span = code(text)
    fence = re.match("`+", span)
    assert fence is not None
    assert span.endswith(fence[0])
    assert fence[0] not in span[len(fence[0]) : -len(fence[0])].strip("`") or not text.strip("`")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a **bold** claim", r"a \*\*bold\*\* claim"),
        ("@team look", "\\@\u200bteam look"),
        ("see #12", "see \\#\u200b12"),
        ("![x](http://a.b)", "\\!\\[x\\]\\(http\u200b://a.b\\)"),
        ("a :rocket: now", "a :\u200brocket: now"),
        ("six | nine", r"six \| nine"),
        ("one\n\n# two", r"one \# two"),
    ],
)
def test_what_would_be_markup_is_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_comment_says_what_got_worse_and_where(make_run: MakeRun, tmp_path: Path) -> None:
    a = make_scored(make_run, "a", 0)
    values = {("p003", 0): 0.1, ("p003", 1): 0.1} | {(f"p{n:03d}", i): 0.7 for n in (0, 1, 4) for i in (0, 1)}
    b = make_scored(
        make_run,
        "b",
        -0.1,
        settings={"guidance_scale": 9},
        values=values,
        failures={"p002": Failure("filtered", "said *no*")},
        reasons={"p003": "saw one dog"},
        notices=(),
    )
    text = report_markdown(find([a, b]), tmp_path)
    lines = text.splitlines()
    assert lines[0] == "## 2 runs on test-bench"
    assert "- **B** striped, guidance\\_scale 9: 8 of 10 pictures, 2 filtered, seed 7" in text
    worst = lines[lines.index(next(line for line in lines if "Worst regressions" in line)) + 2]
    assert worst.startswith("1. 0.6565 → 0.1000 “nine dogs \\| birds”")
    assert "[A](<a/images/p003/1.png>), [B](<b/images/p003/1.png>)" in worst
    assert worst.endswith(": saw one dog")
    assert r"B filtered `p002/0`: said \*no\*" in text
    assert "`align_conse[lite0\\|k=50\\|png]`" in text
    rows = [line for line in lines if line.startswith("| align")]
    head = next(line for line in lines if line.startswith("| Metric | A | B"))
    assert rows[0].count(" | ") == head.count(" | ")


@pytest.mark.parametrize("room", [64_000, 3_000, 1_500])
def test_a_comment_is_never_too_long_and_names_what_is_left_out(
    make_run: MakeRun, room: int, tmp_path: Path
) -> None:
    texts = {f"Category {n} {'é' * 60}": ["long prompt " * 30] for n in range(60)}
    values = {(f"p{n:03d}", i): n / 60 for n in range(60) for i in (0, 1)}
    runs = [
        make_scored(
            make_run,
            name,
            0,
            texts=texts,
            values={k: v * factor for k, v in values.items()},
            settings={"x": name},
        )
        for name, factor in (("a", 1.0), ("b", 0.5))
    ]
    text = report_markdown(find(runs), tmp_path, max_bytes=room)
    assert len(text.encode()) <= room
    assert ("Left out, as a comment has little room" in text) == (room < 64_000)
    assert text.startswith("## 2 runs on test-bench")


def test_one_run_has_a_table_and_its_categories(make_run: MakeRun, tmp_path: Path) -> None:
    text = report_markdown(find([make_scored(make_run, "a", 0)]), tmp_path)
    assert "| align\\_conse ↑ | 0.6000 | 0.5500 to 0.6500 | 10 |" in text
    assert "| align\\_conse | Counts | 0.6500 |" in text
