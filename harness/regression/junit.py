"""The verdict as JUnit XML, which pipelines show as tests: one test case a metric and category.

A regression is a failure, what is inconclusive is skipped, and runs that are not comparable are an error. The
first case is the verdict on the whole, and fails exactly where the exit status is not 0.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from harness.regression.verdict import RowVerdict, Verdict
from harness.regression.wording import interval, number, rounded, sentence
from harness.rounding import p_text

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdict: Verdict) -> bytes:
    """UTF-8 XML of one test suite."""
    cases = [_whole(verdict), *(_case(verdict, row) for row in verdict.rows)]
    counts = {
        kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")
    }
    attributes = {
        "name": "drawbench compare",
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "timestamp": verdict.date.partition("+")[0],
    }
    suite = ElementTree.Element("testsuite", attributes)
    told = {
        "outcome": verdict.outcome,
        "exit_status": str(verdict.exit_status),
        "inconclusive": verdict.policy,
        "baseline": f"{verdict.baseline.name} {verdict.baseline.run_hash}",
        "candidate": f"{verdict.candidate.name} {verdict.candidate.run_hash}",
        "field": verdict.field or "",
    }
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in told.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml + b"\n"


def _whole(verdict: Verdict) -> ElementTree.Element:
    case = ElementTree.Element("testcase", {"classname": "drawbench", "name": "verdict"})
    message = _clean(sentence(verdict))
    if verdict.outcome == "not comparable":
        kind = "error"
    elif verdict.exit_status:
        kind = "failure"
    else:
        kind = "skipped" if verdict.outcome == "inconclusive" else ""
    if kind:
        ElementTree.SubElement(case, kind, {"message": message})
    ElementTree.SubElement(case, "system-out").text = _worst_in_words(verdict) or message
    return case


def _case(verdict: Verdict, row: RowVerdict) -> ElementTree.Element:
    one = row.evidence
    name = "all prompts" if one.category is None else one.category or "no category"
    case = ElementTree.Element(
        "testcase", {"classname": _clean(f"drawbench.{verdict.bench}.{one.metric}"), "name": _clean(name)}
    )
    message = _clean(
        f"{row.reason}: gain {rounded(one.gain, one, '+')}, 95% interval {interval(one)}, "
        f"margin {number(one.margin)}, p {p_text(row.p_worse)}, {one.pairs} pairs"
    )
    if row.outcome == "regression":
        ElementTree.SubElement(case, "failure", {"message": message}).text = _worst_in_words(verdict)
    elif row.outcome == "inconclusive":
        ElementTree.SubElement(case, "skipped", {"message": message})
    ElementTree.SubElement(case, "system-out").text = message
    return case


def _worst_in_words(verdict: Verdict) -> str:
    lines = []
    for worst in verdict.worst:
        lines.append(f"{worst.prompt_id}/{worst.index}: {worst.text}")
        if worst.failed:
            lines.append(f"  no picture: {worst.failed}")
        for change in worst.changes:
            why = f" ({change.reason_b})" if change.reason_b else ""
            lines.append(f"  {change.metric}: {number(change.a)} -> {number(change.b)}{why}")
        lines += [f"  {side}: {path}" for side, path in worst.pictures.items()]
    return _clean("\n".join(lines))


def _clean(text: str) -> str:
    """The text without what XML 1.0 cannot hold, such as control characters and halves of pairs."""
    return _NO_XML.sub("\ufffd", text)
