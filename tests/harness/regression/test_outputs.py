"""All outputs say the same, stay within their limits, and are not moved by what prompts hold."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.regression.junit import junit_xml
from harness.regression.markdown import (
    COMMENT_BYTES,
    SUMMARY_BYTES,
    comment_markdown,
    escaped,
    summary_markdown,
)
from harness.regression.page import verdict_html
from harness.regression.verdict import Verdict
from harness.regression.verdict_json import verdict_json
from harness.regression.verdict_text import verdict_text

MakeVerdict = Callable[..., Verdict]
MONSTERS = (
    "a" * 200_000,
    "|" * 5000 + "\n\n## not a heading\n" + "```" * 1000,
    "<script>alert(1)</script><img src=x onerror=alert(1)>]]><!--",
    "@everyone #1 [x](http://example.org) ![y](z) **bold** | a | b |",
    "\x00\x01\x1b[31m\ud800 \ufffe 🤖" + "漢" * 40_000,
)
OUTCOMES = ("improved", "pass", "inconclusive", "regression", "not comparable")


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("policy", ["exit", "fail", "warn"])
def test_every_output_says_the_same_verdict(make_verdict: MakeVerdict, outcome: str, policy: str) -> None:
    verdict = replace(make_verdict(), outcome=outcome, policy=policy, field="bench.digest")
    entry = json.loads(json.dumps(verdict_json(verdict)))
    assert (entry["schema"], entry["outcome"]) == (1, outcome)
    assert entry["exit_status"] == verdict.exit_status
    assert verdict_text(verdict).lower().startswith(outcome)
    assert comment_markdown(verdict).splitlines()[0].lower().endswith(outcome)
    assert f"<title>{outcome}: run-b</title>" in verdict_html(verdict, {}).decode()
    suite = ElementTree.fromstring(junit_xml(verdict)).find("testsuite")
    assert suite is not None
    properties = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert properties["outcome"] == outcome
    assert properties["exit_status"] == str(verdict.exit_status)
    case = next(c for c in suite.iter("testcase") if c.get("name") == "verdict")
    bad = case.find("failure") is not None or case.find("error") is not None
    assert bad == (verdict.exit_status != 0)


def test_the_json_has_every_row_with_its_evidence(make_verdict: MakeVerdict) -> None:
    entry = verdict_json(make_verdict(rows=3))
    assert len(entry["rows"]) == 4
    row = entry["rows"][0]
    assert row["outcome"] == "regression"
    assert row["low"] <= row["gain"] <= row["high"] < -row["margin"]
    assert row["detectable_80"] < row["detectable_95"]
    json.dumps(entry, allow_nan=False)


def test_junit_has_a_case_a_row_and_skips_what_is_open(make_verdict: MakeVerdict) -> None:
    verdict = make_verdict(rows=2)
    verdict = replace(verdict, rows=(*verdict.rows[:2], replace(verdict.rows[2], outcome="inconclusive")))
    suite = ElementTree.fromstring(junit_xml(verdict)).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == 4 == int(suite.attrib["tests"])
    assert int(suite.attrib["failures"]) == sum(c.find("failure") is not None for c in cases) == 3
    assert int(suite.attrib["skipped"]) == sum(c.find("skipped") is not None for c in cases) == 1
    assert {c.get("classname") for c in cases[1:]} == {"drawbench.scenes.scenes_accuracy"}
    assert "p00/0: a red cube" in (cases[1].findtext("failure") or "")


@pytest.mark.parametrize("text", MONSTERS)
def test_monstrous_prompts_break_no_output_and_no_limit(make_verdict: MakeVerdict, text: str) -> None:
    verdict = make_verdict(text=text, category=text[:300], rows=800, reason=text, prompt_id=text[:200])
    comment, summary = (
        f(verdict, "https://example.org/x").encode("utf-8", "replace")
        for f in (
            comment_markdown,
            summary_markdown,
        )
    )
    assert len(comment) <= COMMENT_BYTES
    assert len(summary) <= SUMMARY_BYTES
    assert b"rows are not shown here" in comment
    ElementTree.fromstring(junit_xml(verdict))
    page = verdict_html(verdict, {}).decode()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert verdict_text(verdict)


def test_a_summary_of_very_many_rows_stays_within_its_limit(make_verdict: MakeVerdict) -> None:
    verdict = make_verdict(rows=1)
    verdict = replace(verdict, rows=verdict.rows * 6000)
    summary = summary_markdown(verdict)
    assert len(summary.encode()) <= SUMMARY_BYTES
    assert re.search(r"\d+ of 12000 rows are not shown", summary)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300))
def test_escaped_text_is_one_line_without_markup(text: str) -> None:
    made = escaped(text)
    assert "\n" not in made
    assert "\r" not in made
    for sign in "`*_[]<>|#!":
        assert not re.search(rf"(?<!\\)(?:\\\\)*{re.escape(sign)}", made), (sign, made)
    assert not re.search("@(?!\u200b)", made)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab \\`*_[]<>#!|~$&:/.@-+1)(\n", max_size=60))
def test_escaped_text_is_rendered_as_itself(text: str) -> None:
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    (line,) = renderer.render(f"- row: {escaped(text)}").replace("<ul>\n<li>", "").splitlines()[:1]
    shown = html.unescape(line.removesuffix("</li>").removeprefix("row: "))
    assert shown.replace("\u200b", "").rstrip() == " ".join(text.split()).rstrip() or shown == "row:"


def test_pictures_are_named_by_relative_path_or_address(make_verdict: MakeVerdict) -> None:
    verdict = make_verdict()
    worst = tuple(
        replace(one, pictures={"baseline": "worst/1 a.png", "candidate": "worst/1-b.png"})
        for one in verdict.worst
    )
    verdict = replace(verdict, worst=worst)
    plain, served = comment_markdown(verdict), comment_markdown(verdict, "https://example.org/job 7/")
    assert plain.count("](worst/1%20a.png)") == 3
    assert served.count("](https://example.org/job%207/worst/1-b.png)") == 3
    for one in verdict.worst:
        assert one.prompt_id in plain
        assert one.prompt_id in junit_xml(verdict).decode()
