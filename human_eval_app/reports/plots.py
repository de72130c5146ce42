"""The figures of a study's analysis, for papers and for its report; PNG and SVG.

All read in black and white: bars differ by lightness and hatching, points by shape, and values stand beside
them. Equal analyses give equal bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.plots import make_axis
from human_eval_app.analysis.estimates import Row
from human_eval_app.analysis.metric_agreement import MetricAgreement, Paired
from human_eval_app.analysis.rater_habits import RaterHabits
from human_eval_app.analysis.study_analysis import Analysis
from human_eval_app.reports.figure_style import COLUMN, PAGE, drawn
from human_eval_app.reports.file_names import pair_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

WIN, TIE, LOSS = "0.25", "0.72", "1.0"
SHADES = ((WIN, "", "white"), (TIE, "", "black"), (LOSS, "////", "black"))
SHARES = {"pair": ("wins", "ties", "losses"), "score": ("yes", "somewhat", "no")}
OVERALL = {"macro": "Mean of categories", "pooled": "All ratings"}
ALONE = {"macro": "All prompts", "pooled": "All ratings"}
AXIS_WORDS = {
    "preference": "preference rate, %",
    "net": "net preference, percentage points",
    "difference": "difference of alignment scores, points",
}
MOST_METRICS = 6


def figures(analysis: Analysis) -> dict[str, Figure]:
    """Every figure that the analysis has something for, by file name without its ending."""
    made = {}
    names = pair_names(analysis.rows)
    for (question, a, b), rows in _by_part(analysis.rows, SHARES["pair"] + SHARES["score"]).items():
        made[f"shares-{names[question, a, b]}"] = shares_figure(rows, question, a, b)
    primary = [row for row in analysis.rows if row.quantity == analysis.primary]
    if primary:
        made["forest"] = forest_figure(primary, analysis.primary)
    if any(not math.isnan(agreement.alpha) for agreement in analysis.agreement):
        made["agreement"] = agreement_figure(analysis)
    if any(habit.control_seen for habit in analysis.raters):
        made["controls"] = controls_figure(analysis.raters, analysis.gate)
    for ranking in analysis.rankings:
        if ranking.strengths:
            made[f"ranking-{ranking.question}"] = ranking_figure(analysis, ranking.question)
    if analysis.metrics:
        made["metrics"] = metrics_figure(analysis.paired, analysis.metrics)
    return made


def shares_figure(rows: Sequence[Row], question: str, model_a: str, model_b: str) -> Figure:
    """Stacked bars of the three answers, a bar a category.

    The line below a bar is the interval of its first share, the one above that of its last.
    """
    places = list(dict.fromkeys((row.scope, row.category) for row in rows))
    by_place: dict[tuple[str, str, str], Row] = {(row.scope, row.category, row.quantity): row for row in rows}
    names = SHARES["pair"] if model_b else SHARES["score"]
    labels = (
        (f"prefer {plain(model_a)}", "indifferent", f"prefer {plain(model_b)}")
        if model_b
        else ("yes", "somewhat", "no")
    )

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for place, (scope, category) in enumerate(places):
            start = 0.0
            for name, (shade, hatch, ink) in zip(names, SHADES, strict=True):
                value = by_place[scope, category, name].value
                panel.barh(
                    place, value, 0.56, start, facecolor=shade, edgecolor="black", hatch=hatch, linewidth=0.7
                )
                if value >= 9:
                    box = {"facecolor": shade, "edgecolor": "none", "pad": 0.8} if hatch else None
                    panel.text(
                        start + value / 2, place, f"{value:.0f}", color=ink, ha="center", va="center",
                        fontsize=7, bbox=box,
                    )  # fmt: skip
                start += value
            first, last = by_place[scope, category, names[0]], by_place[scope, category, names[2]]
            _whisker(panel, first.low, first.high, place + 0.39)
            _whisker(panel, 100 - last.high, 100 - last.low, place - 0.39)
        _category_axis(panel, places, by_place, names[0])
        panel.set_xlim(0, 100)
        panel.axvline(50, color="black", linewidth=0.6, linestyle=(0, (2, 2)))
        panel.set_xlabel("% of answers (lines: 95% intervals)")
        handles = [
            _patch(shade, hatch, label) for (shade, hatch, _), label in zip(SHADES, labels, strict=True)
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=7.5,
                      handlelength=1.3, columnspacing=1.2, title=f"Question: {question}",
                      alignment="left", title_fontsize=8.5)  # fmt: skip

    return drawn(COLUMN + 1.1, 0.95 + 0.27 * len(places), draw)


def forest_figure(rows: Sequence[Row], quantity: str) -> Figure:
    """The primary estimate of every category and overall, a panel a question and pair, the null dashed."""
    groups = list(_by_part(rows, (quantity,)).items())

    def draw(figure: Figure) -> None:
        heights = [len(part) + 2.0 for _, part in groups]
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
        ends = [end for row in rows for end in (row.low, row.value, row.high) if math.isfinite(end)]
        axis = make_axis([rows[0].null, *ends])
        for panel, ((question, a, b), part) in zip(panels, groups, strict=True):
            for place, row in enumerate(part):
                wide = row.scope != "category"
                _interval(panel, row.value, row.low, row.high, place, marker="D" if wide else "o")
            panel.axvline(rows[0].null, color="black", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
            keys = [(row.scope, row.category) for row in part]
            _category_axis(
                panel, keys, {(*key, quantity): r for key, r in zip(keys, part, strict=True)}, quantity
            )
            panel.set_xlim(axis.start, axis.stop)
            panel.set_xticks(axis.ticks, [axis.label(tick) for tick in axis.ticks])
            panel.grid(visible=True, axis="x", color="0.9", linewidth=0.6)
            panel.set_axisbelow(True)
            panel.set_title(plain(f"{question}: {a} against {b}"), loc="left")
        panels[-1].set_xlabel(f"{AXIS_WORDS[quantity]} (right: first model ahead)")

    return drawn(COLUMN + 1.1, sum(0.62 + 0.21 * len(part) for _, part in groups) + 0.3, draw)


def agreement_figure(analysis: Analysis) -> Figure:
    """Krippendorff's alpha over all items and by category, a panel a question; undefined ones say so."""
    questions = list(dict.fromkeys(agreement.question for agreement in analysis.agreement))
    most = max(sum(a.question == q for a in analysis.agreement) for q in questions)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(questions), squeeze=False, sharey=True)[0]
        for number, (panel, question) in enumerate(zip(panels, questions, strict=True)):
            rows = [a for a in analysis.agreement if a.question == question]
            rows = [*rows[1:], rows[0]]
            for place, row in enumerate(rows):
                if math.isnan(row.alpha):
                    panel.text(0.02, place, "unanimous" if "unanimous" in row.why else "undefined",
                               fontsize=6.5, va="center", color="0.3")  # fmt: skip
                else:
                    marker = "D" if not row.category else "o"
                    _interval(panel, row.alpha, row.low, row.high, place, marker=marker)
            panel.set_yticks(range(len(rows)), [plain(row.category) or "All items" for row in rows])
            panel.set_ylim(len(rows) - 0.4, -0.6)
            panel.axvline(0, color="black", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
            lows = [row.low for row in rows if math.isfinite(row.low)]
            panel.set_xlim(min(-0.1, *(lows or [0.0])) - 0.05, 1.05)
            panel.set_title(question, loc="left")
            panel.set_xlabel("Krippendorff's α (ordinal)")
            panel.tick_params(axis="y", length=0, labelleft=number == 0)
            panel.grid(visible=True, axis="x", color="0.9", linewidth=0.6)

    return drawn(min(PAGE, 1.6 + 2.3 * len(questions)), 0.75 + 0.21 * most, draw)


def controls_figure(raters: Sequence[RaterHabits], gate: float) -> Figure:
    """Every rater's control accuracy with Wilson's interval, worst first; who does not count is hollow."""
    seen = sorted((h for h in raters if h.control_seen), key=lambda h: h.control_share)

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for place, habit in enumerate(seen):
            panel.plot([place, place], [habit.control_low, habit.control_high], color="0.55", linewidth=0.9)
            panel.plot(
                [place], [habit.control_share], marker="o", markersize=4, color="black", linestyle="none",
                markerfacecolor="black" if habit.counted else "white",
            )  # fmt: skip
        if gate > 0:
            panel.axhline(gate, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
            panel.annotate(f"gate {gate:.0%}", (len(seen) - 0.4, gate), xytext=(0, 2),
                           textcoords="offset points", ha="right", fontsize=7)  # fmt: skip
        panel.set_ylim(0, 1.04)
        panel.set_xlim(-0.6, len(seen) - 0.4)
        if len(seen) <= 30:
            panel.set_xticks(range(len(seen)), [habit.rater for habit in seen], fontsize=6.5)
        panel.set_xlabel("rater, in order of accuracy (hollow: not counted)")
        panel.set_ylabel("control trials right")

    return drawn(COLUMN + 1.1, 2.3, draw)


def ranking_figure(analysis: Analysis, question: str) -> Figure:
    """Strengths of three or more models."""
    ranking = next(r for r in analysis.rankings if r.question == question)

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for place, strength in enumerate(ranking.strengths):
            _interval(panel, strength.value, strength.low, strength.high, place)
        panel.set_yticks(range(len(ranking.strengths)), [plain(s.model) for s in ranking.strengths])
        panel.set_ylim(len(ranking.strengths) - 0.4, -0.6)
        panel.axvline(0, color="black", linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
        panel.tick_params(axis="y", length=0)
        panel.set_title(question, loc="left")
        panel.set_xlabel("Davidson strength (log odds, mean 0)")

    return drawn(COLUMN + 1.1, 0.9 + 0.25 * len(ranking.strengths), draw)


def metrics_figure(paired: Sequence[Paired], metrics: Sequence[MetricAgreement]) -> Figure:
    """Prompts' ratings against automatic metrics, the pairings with the strongest correlation first."""
    order = sorted(range(len(metrics)), key=lambda n: -abs(np.nan_to_num(metrics[n].spearman)))[:MOST_METRICS]
    columns = min(3, len(order))
    lines = math.ceil(len(order) / columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
        for panel, number in zip(panels, order, strict=False):
            points, found = paired[number], metrics[number]
            panel.scatter(points.scores, points.ratings, s=9, facecolors="none", edgecolors="black",
                          linewidths=0.6)  # fmt: skip
            panel.axhline(0, color="0.6", linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
            panel.set_title(
                f"{found.question}: ρ = {found.spearman:.2f} "
                f"[{found.spearman_low:.2f}, {found.spearman_high:.2f}]",
                loc="left", fontsize=7,
            )  # fmt: skip
            panel.set_xlabel(plain(f"{found.metric}, {found.compared}"), fontsize=7)
            panel.set_ylabel("raters' mean", fontsize=7)
        for panel in panels[len(order) :]:
            panel.set_visible(False)

    return drawn(min(PAGE, 0.4 + 2.4 * columns), 2.2 * lines, draw)


def plain(text: str) -> str:
    """Text that matplotlib draws as it is, on one line: no formula between dollar signs."""
    return " ".join(text.split()).replace("$", r"\$")


def _by_part(rows: Sequence[Row], quantities: Sequence[str]) -> dict[tuple[str, str, str], list[Row]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.quantity in quantities:
            found.setdefault((row.question, row.model_a, row.model_b), []).append(row)
    return found


def _category_axis(
    panel: Axes,
    places: Sequence[tuple[str, str]],
    rows: dict[tuple[str, str, str], Row],
    quantity: str,
) -> None:
    names = []
    overall = OVERALL if any(scope == "category" for scope, _ in places) else ALONE
    for scope, category in places:
        row = rows[scope, category, quantity]
        names.append(f"{plain(category) if scope == 'category' else overall[scope]} ({row.prompts})")
    panel.set_yticks(range(len(places)), names)
    panel.set_ylim(len(places) - 0.35, -0.65)
    first_overall = next((n for n, (scope, _) in enumerate(places) if scope != "category"), 0)
    if first_overall:
        panel.axhline(first_overall - 0.5, color="0.5", linewidth=0.6)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)


def _interval(panel: Axes, value: float, low: float, high: float, place: float, marker: str = "o") -> None:
    if math.isfinite(low) and math.isfinite(high):
        panel.plot([low, high], [place, place], color="black", linewidth=1.1, marker="|", markersize=5)
    size = 5 if marker == "D" else 4.5
    panel.plot([value], [place], color="black", marker=marker, markersize=size, linestyle="none")


def _whisker(panel: Axes, low: float, high: float, place: float) -> None:
    if math.isfinite(low) and math.isfinite(high):
        panel.plot([low, high], [place, place], color="black", linewidth=0.9, marker="|", markersize=3.5,
                   clip_on=False)  # fmt: skip


def _patch(shade: str, hatch: str, label: str) -> Patch:
    from matplotlib.patches import Patch

    return Patch(facecolor=shade, edgecolor="black", hatch=hatch, linewidth=0.7, label=label)
