"""A plan as a picture: how the interval shrinks with raters and prompts, and the power over effects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drawbench.errors import InputError
from human_eval_app.planning.planner import Plan, plan, power_of
from human_eval_app.reports.figure_style import PAGE, drawn, png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES: tuple[str | tuple[int, tuple[int, ...]], ...] = ((0, (1, 2)), (0, (5, 2)), "solid")


def plan_png(made: Plan) -> bytes:
    """PNG bytes of the plan: left the interval over raters, for half, as many and twice the prompts; right
    the power over effects. Equal plans give equal bytes."""
    return png_of(drawn(PAGE, 3.0, lambda figure: _draw(figure, made)))


def _draw(figure: Figure, made: Plan) -> None:
    left, right = figure.subplots(1, 2)
    _widths(left, made)
    _power(right, made)


def _widths(panel: Axes, made: Plan) -> None:
    cells = made.categories if made.nested else 1
    here = made.raters // cells
    most = max(30, 3 * here)
    per_rater = made.ratings_per_prompt / here
    shown = {max(2 * made.categories, made.prompts // 2), made.prompts, 2 * made.prompts}
    for prompts, style in zip(sorted(shown), LINES, strict=False):
        counts = [number for number in range(3, most + 1) if number * per_rater > 0]
        widths = []
        for number in counts:
            try:
                widths.append(_like(made, prompts, number, per_rater * number).width / 2)
            except InputError:
                widths.append(np.nan)
        panel.plot(counts, widths, color="black", linewidth=1.2, linestyle=style, label=f"{prompts} prompts")
    panel.plot([here], [made.width / 2], "o", color="black", markersize=6)
    panel.set_ylim(0, min(2.2 * made.width, panel.get_ylim()[1]))
    panel.set_xlim(0, most)
    panel.set_xlabel("raters" + (" in each category" if made.nested else ""))
    panel.set_ylabel("95% interval, ±points")
    share = "everything" if per_rater >= 1 else f"{per_rater:.0%} of the prompts"
    panel.set_title(f"each rater rates {share}", loc="left")
    panel.legend(frameon=False)


def _power(panel: Axes, made: Plan) -> None:
    reach = 2 * made.detectable
    effects = np.linspace(0, reach, 120)
    panel.plot(
        effects, [power_of(e, made.error, made.degrees) for e in effects], color="black", linewidth=1.4
    )
    panel.axhline(0.8, color="0.45", linewidth=0.8, linestyle=(0, (4, 3)))
    panel.annotate("80%", (reach, 0.8), xytext=(0, 2), textcoords="offset points", ha="right", color="0.3")
    if abs(made.effect) <= reach:
        panel.plot([abs(made.effect)], [made.power], "o", color="black", markersize=6)
    panel.set_ylim(0, 1.02)
    panel.set_xlim(0, reach)
    panel.set_xlabel(f"true effect, {made.unit}")
    panel.set_ylabel("chance to find it")
    panel.set_title(f"{made.prompts} prompts, {made.raters} raters", loc="left")


def _like(made: Plan, prompts: int, raters: int, per_prompt: float) -> Plan:
    again = plan(
        made.kind,
        prompts=prompts,
        ratings_per_prompt=per_prompt,
        raters=raters,
        effect=made.effect,
        categories=made.categories,
        nested=made.nested,
        assumptions=made.assumptions,
    )
    return replace(again, notes=())
