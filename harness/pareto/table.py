"""The points of a sweep as rows, for a CSV file, a page, and the terminal."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from harness.pareto.curves import Pareto, Point, Value
from harness.types import canonical_json

FRONT = "front"


def pareto_rows(pareto: Pareto) -> list[dict[str, object]]:
    """One row a point, curve by curve, with plain numbers; None for what a point does not have."""
    front = pareto.front()
    rows: list[dict[str, object]] = []
    for c, curve in enumerate(pareto.curves):
        own, bend = pareto.curve_front(curve), pareto.knee(curve)
        for p, point in enumerate(curve.points):
            covariance = point.covariance
            rows.append(
                {
                    "curve": curve.label,
                    "along": pareto.along,
                    "at": value_text(point.at),
                    **_score(pareto.alignment.metric, point.alignment),
                    **_score(pareto.quality.metric, point.quality),
                    "covariance": _finite(float(covariance[0, 1])),
                    "correlation": _correlation(point),
                    "on_front": (c, p) in front,
                    "on_curve_front": p in own,
                    "knee": p == bend,
                    "planned": point.counts["planned"],
                    "ok": point.counts["ok"],
                    "failed": point.failed,
                    "reason": point.reason,
                    "run": point.run,
                }
            )
    return rows


def pareto_csv(pareto: Pareto) -> bytes:
    """The rows as CSV in UTF-8, with a line of names."""
    rows = pareto_rows(pareto)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def failure_lines(pareto: Pareto) -> list[str]:
    """A line for each point of which some samples have no picture, or which has no score."""
    lines = []
    for curve in pareto.curves:
        for point in curve.points:
            name = f"{curve.label} {value_text(point.at)}".strip()
            if point.failed:
                lines.append(f"{name}: {point.failed} of {point.counts['planned']} pictures missing")
            if point.reason is not None:
                lines.append(f"{name}: not scored, {point.reason}")
    return lines


def print_pareto(pareto: Pareto) -> None:
    """Prints points, hypervolumes, failures and identities on stdout."""
    from harness.results_table import new_table, show_table

    table = new_table("curve", pareto.along, pareto.alignment.metric, pareto.quality.metric, "n", FRONT)
    front = pareto.front()
    for c, curve in enumerate(pareto.curves):
        bend = pareto.knee(curve)
        for p, point in enumerate(curve.points):
            marks = [mark for mark, there in ((FRONT, (c, p) in front), ("knee", p == bend)) if there]
            n = point.alignment.n if point.alignment is not None else 0
            scores = (point.alignment, point.quality)
            shown = ["n/a" if s is None else interval_text(s.value, s.low, s.high) for s in scores]
            name = curve.label if p == 0 else ""
            table.add_row(name, value_text(point.at), *shown, str(n), ", ".join(marks))
    show_table(table)
    corner = ", ".join(number_text(value) for value in pareto.reference)
    for curve in pareto.curves:
        area, interval = pareto.hypervolume(curve.points)
        text = interval_text(area, interval.low, interval.high)
        print(f"hypervolume from ({corner}){': ' + curve.label if curve.label else ''}: {text}")
    for curve, difference in pareto.differences():
        text = interval_text(difference[0], difference[1].low, difference[1].high)
        print(f"  {curve.label} minus {pareto.curves[0].label}: {text}")
    for curve in pareto.curves:
        if curve.stopped:
            print(f"{curve.label or 'curve'}: no more points, as {curve.stopped}")
    for line in failure_lines(pareto):
        print(f"missing: {line}")
    for point in pareto.points:
        for failure in point.failures:
            print(f"  {point.run}: {failure}")
    print(pareto.alignment.identity)
    print(pareto.quality.identity)


def value_text(value: Any) -> str:
    """A setting's value as it is written in figures: 1.5, static, [0, 3], none."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}"
    return canonical_json(value).replace(",", ", ")


def number_text(value: float) -> str:
    """Four significant digits, none after the point from 1,000 on; "n/a" for what is not finite."""
    if not math.isfinite(value):
        return "n/a"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def interval_text(value: float, low: float, high: float) -> str:
    """value [low, high], with the decimals that the interval's length calls for."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return number_text(value)
    half = (high - low) / 2
    decimals = max(0, min(6, 1 - math.floor(math.log10(half)))) if half > 0 else 3
    return f"{value:,.{decimals}f} [{low:,.{decimals}f}, {high:,.{decimals}f}]"


def _score(metric: str, score: Value | None) -> dict[str, object]:
    fields = ("value", "low", "high", "n")
    numbers = [None if score is None else _finite(getattr(score, name)) for name in fields]
    names = [metric, f"{metric}_low", f"{metric}_high", f"{metric}_n"]
    return dict(zip(names, numbers, strict=True))


def _correlation(point: Point) -> float | None:
    covariance = point.covariance
    product = float(covariance[0, 0] * covariance[1, 1])
    if not product > 0:
        return None
    return float(f"{covariance[0, 1] / math.sqrt(product):.4g}")


def _finite(value: float) -> float | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.7g}") if math.isfinite(value) else None
