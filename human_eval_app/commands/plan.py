"""`drawbench study plan`: what a study of some size can tell, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from drawbench.errors import InputError
from harness.exits import FINE
from harness.flags import JsonFlag
from human_eval_app.commands.create import KindChoice


def plan(
    kind: Annotated[KindChoice, typer.Argument(help="What raters judge.")],
    prompts: Annotated[int, typer.Option(min=2, help="Prompts asked about.")],
    raters: Annotated[
        int | None, typer.Option(min=2, help="Raters; with --nested, of each category.")
    ] = None,
    per_prompt: Annotated[
        float | None, typer.Option(help="Ratings of each prompt (and model); default: every rater rates all.")
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="Instead of --raters: the widest 95% interval to accept, in points.")
    ] = None,
    per_rater: Annotated[
        float | None, typer.Option(help="With --width: pages a rater rates; default: all.")
    ] = None,
    effect: Annotated[float, typer.Option(help="The difference to find, in points of 100.")] = 10.0,
    categories: Annotated[int, typer.Option(min=1, help="Categories the prompts are in.")] = 1,
    nested: Annotated[bool, typer.Option("--nested", help="Each rater rates one category only.")] = False,
    ties: Annotated[float | None, typer.Option(help="Share of middle answers.")] = None,
    prompt_sd: Annotated[
        float | None, typer.Option(help="How much prompts differ, in units of an answer's noise.")
    ] = None,
    rater_sd: Annotated[float | None, typer.Option(help="How much raters differ.")] = None,
    score: Annotated[float | None, typer.Option(help="Alignment: the score around which models lie.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Seconds for a page.")] = None,
    pay_per_hour: Annotated[float | None, typer.Option(help="Pay, in any currency.")] = None,
    controls: Annotated[float | None, typer.Option(help="Control pages for each page to rate.")] = None,
    fee: Annotated[float | None, typer.Option(help="A recruiting site's share on top; 0.3 is 30%.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A PNG file to draw the trade-offs in.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Tells the interval's width, the smallest effect that would be found, and hours and cost."""
    from human_eval_app.planning.planner import Assumptions, raters_for_width
    from human_eval_app.planning.planner import plan as make_plan

    if (raters is None) == (width is None):
        raise InputError("give either --raters or --width")
    if width is not None and per_prompt is not None:
        raise InputError("--per-prompt goes with --raters; with --width give --per-rater")
    if raters is not None and per_rater is not None:
        raise InputError("--per-rater goes with --width; with --raters give --per-prompt")
    if plot is not None and (plot.suffix.lower() != ".png" or not plot.parent.is_dir()):
        raise InputError(f"--plot {plot}: give a .png file in a folder that exists")
    given: dict[str, Any] = {
        "ties": ties,
        "prompt_sd": prompt_sd,
        "rater_sd": rater_sd,
        "score": score,
        "seconds": seconds,
        "pay_per_hour": pay_per_hour,
        "controls": controls,
        "fee": fee,
    }
    assumptions = Assumptions(**{name: value for name, value in given.items() if value is not None})
    named: Any = kind.value.replace("-", "_")
    if raters is not None:
        made = make_plan(
            named,
            prompts=prompts,
            ratings_per_prompt=float(raters) if per_prompt is None else per_prompt,
            raters=raters,
            effect=effect,
            categories=categories,
            nested=nested,
            assumptions=assumptions,
        )
    else:
        assert width is not None
        made = raters_for_width(
            width,
            named,
            prompts=prompts,
            ratings_per_rater=per_rater,
            effect=effect,
            categories=categories,
            nested=nested,
            assumptions=assumptions,
        )
    if plot is not None:
        from harness.atomic import write_atomic
        from human_eval_app.planning.plan_plot import plan_png

        write_atomic(plot, plan_png(made))
    print(made.to_json() if as_json else made.text())
    return FINE
