"""Numbers and words that all outputs of a verdict share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness import rounding
from harness.regression.evidence import LEVEL, Evidence
from harness.regression.verdict import RANK, RowVerdict, Verdict

SIGNS = {
    "improved": "improved",
    "pass": "pass",
    "inconclusive": "inconclusive",
    "regression": "REGRESSION",
    "not comparable": "NOT COMPARABLE",
}


def sentence(verdict: Verdict) -> str:
    """The verdict in one line, the same in every output."""
    said = f"{SIGNS[verdict.outcome]}: {verdict.headline}"
    if verdict.outcome == "inconclusive" and verdict.policy != "exit":
        said += f" (--inconclusive={verdict.policy})"
    return said


def basis(verdict: Verdict) -> str:
    """What the verdict was made by, with the numbers that it depends on."""
    tests = sum(math.isfinite(row.evidence.p_worse) for row in verdict.rows)
    text = (
        f"A row is a regression where the {LEVEL:.0%} interval of the gain, corrected by Holm over {tests} "
        f"rows, lies below -margin, and passes where it lies above. The verdict rests on the rows over all "
        f"prompts and on every regression."
    )
    if verdict.repeats:
        text += (
            f" A loss counts only outside the band of {verdict.repeats} repeats of the baseline, in which "
            f"the next one lies 95 times in 100."
        )
    return text


def counted(verdict: Verdict) -> str:
    """ "198 pairs, 2 without a picture in the candidate alone"."""
    return ", ".join(f"{count} {name}" for name, count in verdict.counts.items())


def by_weight(verdict: Verdict) -> list[RowVerdict]:
    """The rows, the worst outcomes first, rows over all prompts before categories, else in their order."""
    return sorted(verdict.rows, key=lambda row: (-RANK[row.outcome], not row.decides))


def number(value: float | None) -> str:
    """A value with four significant digits, "n/a" for none."""
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{value:.4g}" if abs(value) < 10000 else f"{value:.0f}"


def rounded(value: float, evidence: Evidence, sign: str = "") -> str:
    """The value with the decimals that the row's interval calls for."""
    return rounding.rounded(value, evidence.low, evidence.high, sign)


def interval(evidence: Evidence) -> str:
    """ "-0.12 to +0.01"."""
    if not (math.isfinite(evidence.low) and math.isfinite(evidence.high)):
        return "n/a"
    return f"{rounded(evidence.low, evidence, '+')} to {rounded(evidence.high, evidence, '+')}"


def cut(text: str, most: int) -> str:
    """The text on one line, at most `most` characters, with an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: max(0, most - 1)] + "…"


def listed(parts: Sequence[str], most: int) -> str:
    """The parts with commas, and how many more there are."""
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more
