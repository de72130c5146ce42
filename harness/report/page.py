"""The report as one HTML file that opens anywhere, without a network and without the run folders.

Thumbnails, style and script are inside the file; only "open the full picture" links lead into the run
folders. The page's own security policy forbids every request, so nothing in a prompt can cause one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from harness.atomic import write_atomic, writing_to
from harness.curve_plot import bias_curve_svg
from harness.metrics.clip_score import CLIP_SCORES
from harness.metrics.fid_infinity import BiasCurve
from harness.metrics.geneval import GENEVAL_METRICS
from harness.metrics.scenes import SCENES_METRICS
from harness.metrics.written_text import WRITTEN_TEXT_METRICS
from harness.page_templates import source_hash, template_part
from harness.progress import NoProgress, Progress
from harness.report.cards import link_to, make_cards, script_json
from harness.report.environment import report_environment
from harness.report.findings import Findings, find
from harness.report.forest import forests, sentence
from harness.report.methods import methods
from harness.report.numbers import format_change, format_p
from harness.report.pareto import ParetoFigure
from harness.report.ratings import Ratings
from harness.run_view import RunView
from harness.stats import Interval
from harness.types import FAILURES, Score

RUN_FILES = ("grid.png", "manifest.json", "ledger.jsonl", "summary.json", "scores.parquet")

METRIC_NOTES = {
    "align_conse": (
        "How well picture and prompt agree, by EfficientNet-Lite0's classes and MiniLM's sentences. "
        "It is no CLIP score: it sees which object is there, hardly its colour, count or place."
    ),
    "fd_effnet_lite0": (
        "Fréchet distance between the EfficientNet-Lite0 features of the pictures and of the references. "
        "It is no FID: only values of the same identity can be compared."
    ),
    **{metric.name: metric.summary for metric in CLIP_SCORES},
    **{metric.name: metric.summary for metric in SCENES_METRICS},
    **{metric.name: metric.summary for metric in GENEVAL_METRICS},
    **{metric.name: metric.summary for metric in WRITTEN_TEXT_METRICS},
}
STATUS_WORDS = {
    "ok": "ok",
    "filtered": "filtered",
    "black": "black",
    "nan": "not a number",
    "wrong_size": "wrong size",
    "error": "error",
    "unreadable": "unreadable",
    "missing": "not made yet",
}


def write_report(run_dir: Path, run: RunView | None = None, progress: Progress | None = None) -> Path:
    """Writes `run_dir/report.html` from what is in the run folder and returns its path.

    `run` is the folder's content where it was read already. Raises InputError where `run_dir` is no run
    folder or the page cannot be written.
    """
    findings = find([RunView.load(run_dir) if run is None else run])
    return write_page(findings, run_dir / "report.html", progress=progress)


def write_page(
    findings: Findings,
    target: Path,
    *,
    command: Sequence[str] = (),
    ratings: Ratings | None = None,
    pareto: ParetoFigure | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes the page whole or not at all and returns its path. Raises InputError where it cannot be."""
    page = render_report(
        findings, target.parent, command=command, ratings=ratings, pareto=pareto, progress=progress
    )
    with writing_to(target.parent):
        write_atomic(target, page.encode("utf-8", errors="replace"))
    return target


def render_report(
    findings: Findings,
    page_folder: Path,
    *,
    command: Sequence[str] = (),
    ratings: Ratings | None = None,
    pareto: ParetoFigure | None = None,
    progress: Progress | None = None,
) -> str:
    """The page as text, to lie in `page_folder`. Whatever prompts, models and reasons say is escaped."""
    lineup = findings.lineup
    cards = make_cards(lineup, page_folder, progress or NoProgress())
    environment = report_environment()
    environment.filters["change"] = format_change
    environment.filters["p"] = format_p
    style, script = template_part("page.css") + template_part("report.css"), template_part("report.js")
    runs = lineup.runs
    missing = any(run.counts["missing"] for run in runs)
    return environment.get_template("report.html.jinja").render(
        alone=len(lineup) == 1,
        lineup=lineup,
        first=lineup.entries[0],
        findings=findings,
        style=Markup(style),
        script=Markup(script),
        script_hash=source_hash(script),
        curves=_curves(runs),
        metric_notes=METRIC_NOTES,
        forests=[(pair, list(forests(pair)), sentence(pair)) for pair in findings.with_first],
        status_words=STATUS_WORDS,
        statuses=[s for s in ("ok", *FAILURES, "missing") if s != "missing" or missing],
        shown_statuses=[
            s for s in STATUS_WORDS if any(t.status == s for card in cards.all for t in card.tiles)
        ],
        cards=cards,
        anchors={card.prompt.id: card.anchor for card in cards.all},
        data=Markup(script_json(cards.as_data())),
        failures=[(entry.letter, sample) for entry in lineup.entries for sample in entry.run.failures],
        texts={prompt.id: prompt.text for prompt in lineup.prompts},
        ratings=ratings,
        pareto=pareto,
        methods=list(methods(lineup)),
        command=" ".join(command),
        files=[
            (
                entry,
                link_to(entry.run.folder, page_folder),
                [n for n in RUN_FILES if (entry.run.folder / n).is_file()],
            )
            for entry in lineup.entries
        ],
    )


def _curves(runs: Sequence[RunView]) -> dict[tuple[str, str], str]:
    """(letter, metric) -> the curve of a limit over the number of pictures."""
    from harness.report.lineup import LETTERS

    return {
        (letter, score.metric): curve
        for letter, run in zip(LETTERS, runs, strict=False)
        for score in run.scores
        if score.category is None and (curve := _curve(score)) is not None
    }


def _curve(score: Score) -> str | None:
    """A limit's curve over the number of pictures, drawn; None where the score is no limit."""
    if score.curve is None:
        return None
    interval = Interval(score.low, score.high, score.method)
    counts, values = tuple(score.curve["counts"]), tuple(score.curve["values"])
    curve = BiasCurve(counts, values, score.value, score.curve["slope"], interval)
    label = f"{score.metric} over one by the number of pictures, with its limit {score.value:.4g}"
    return bias_curve_svg(curve, label)
