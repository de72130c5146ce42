"""The verdict as one HTML page that opens anywhere: every row, and the worst prompts side by side."""

from __future__ import annotations

from collections.abc import Mapping

from harness.regression.gain_plot import gain_axis_svg, gain_svg, reach_of
from harness.regression.small_pictures import data_uri
from harness.regression.verdict import Verdict
from harness.regression.wording import (
    basis,
    by_weight,
    counted,
    interval,
    number,
    rounded,
    sentence,
)
from harness.rounding import p_text

Thumbnails = Mapping[tuple[str, int, str], bytes]
"""(prompt id, index, "baseline" or "candidate") -> WebP."""


def verdict_html(verdict: Verdict, thumbnails: Thumbnails) -> bytes:
    """The page, UTF-8. Whatever comes from prompts, models and reasons is escaped; no request leaves it."""
    from markupsafe import Markup

    from harness.page_templates import page_environment, template_part

    environment = page_environment()
    environment.filters["number"] = number
    rows = by_weight(verdict)
    groups = [row for row in rows if row.decides], [row for row in rows if not row.decides]
    reaches = [reach_of(group) for group in groups]
    page = environment.get_template("verdict.html.jinja").render(
        verdict=verdict,
        style=Markup(template_part("verdict.css")),
        sentence=sentence(verdict),
        basis=basis(verdict),
        counted=counted(verdict),
        rows=groups[0],
        categories=groups[1],
        plots={
            id(row): Markup(gain_svg(row, reach))
            for group, reach in zip(groups, reaches, strict=True)
            for row in group
        },
        row_id=id,
        axes=[Markup(gain_axis_svg(reach)) for reach in reaches],
        rounded=rounded,
        interval=interval,
        p_text=p_text,
        picture=lambda worst, side: _uri(thumbnails.get((worst.prompt_id, worst.index, side))),
    )
    return page.encode("utf-8", errors="replace")


def _uri(webp: bytes | None) -> str:
    return "" if webp is None else data_uri(webp)
