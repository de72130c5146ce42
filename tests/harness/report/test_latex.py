from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pair_of_runs import make_scored, score

from harness.report.findings import find
from harness.report.latex import escape_latex, report_latex

MakeRun = Callable[..., Path]
COMMANDS = (
    r"\\(?:textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textquotedbl|ldots)\{\}"
    r"|\$-\$|\$\\rightarrow\$|\\[{}$&#%_]"
)


@given(st.text(max_size=60))
def test_escaped_text_leaves_nothing_special(text: str) -> None:
    plain = re.sub(COMMANDS, "", escape_latex(text))
    assert not set(plain) & set('\\{}$&#%_^~<>|"\n\r')


def test_a_table_is_whole_and_marks_what_may_be_best(make_run: MakeRun) -> None:
    a = make_scored(make_run, "a", 0, settings={"a_b": 1})
    b = make_scored(make_run, "b", 0.2, settings={"a_b": 2}, notices=())
    text = report_latex(find([a, b]))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    assert r"\begin{tabular}{lc}" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"striped, a\_b 1" in text
    assert r"{\footnotesize [0.5500, 0.6500]}" in text
    assert r"align\_conse $\uparrow$" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines()[1:] if line.strip()]
    assert len(rows) == 4
    assert all(row.count(" & ") == 1 and row.endswith(r"\\") for row in rows)
    # Five prompts cannot tell the runs apart, so both are tied.
    assert text.count(r"\textbf{") == 2
    depth = 0
    for character in re.sub(r"\\[{}]", "", "\n".join(line for line in text.splitlines() if line[0] != "%")):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0


def test_runs_that_were_not_tested_are_not_called_tied(make_run: MakeRun) -> None:
    text = report_latex(find([make_scored(make_run, "a", 0), make_scored(make_run, "b", 0.2, seed=8)]))
    assert re.findall(r"\\textbf\{(.*?)\}", text) == ["0.8000"]
    assert "not tested" in text


def test_many_metrics_become_several_tables(make_run: MakeRun) -> None:
    scores = [score(0.5, metric=f"metric_{n}", identity=f"metric_{n}[%x]") for n in range(6)]
    text = report_latex(find([make_scored(make_run, "a", 0, scores=scores)]))
    assert re.findall(r"\\begin\{tabular\}\{(l\w+)\}", text) == ["lcccc", "lcc"]
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:test-bench", "tab:test-bench-2"]
    assert text.count(r"\textbf") == 0


def test_no_scores_are_a_comment(make_run: MakeRun) -> None:
    assert report_latex(find([make_scored(make_run, "a", 0, scores=[])])) == "% no run has scores\n"
