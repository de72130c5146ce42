"""report.html: one run as one page that opens anywhere, without a network and without the run's folder.

Thumbnails, style and script are inside the file; only "open the full picture" links lead into the run
folder. The page's own security policy forbids every request, so nothing in a prompt can cause one.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from harness.atomic import write_atomic, writing_to
from harness.curve_plot import bias_curve_svg
from harness.grid import failure_label
from harness.metrics.clip_score import CLIP_SCORES
from harness.metrics.fid_infinity import BiasCurve
from harness.metrics.geneval import GENEVAL_METRICS
from harness.metrics.scenes import SCENES_METRICS
from harness.metrics.written_text import WRITTEN_TEXT_METRICS
from harness.plots import axis_svg, interval_svg, make_axis
from harness.run_log import stages_in_words
from harness.run_view import RunView, spread
from harness.stats import Interval
from harness.types import FAILURES, Sample, Score

THUMBNAIL_SIDE = 256
MAX_PICTURES = 600
PICTURES_BYTES = 12_000_000
LOSSLESS_SIDE = 64
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
    "missing": "not made yet",
}


@dataclass(frozen=True)
class Card:
    """One sample on the page. `thumbnail` is a data URI, None where there is no picture to show."""

    prompt_id: str
    index: int
    prompt: str
    category: str
    thumbnail: str | None
    size: tuple[int, int]
    pixelated: bool
    link: str | None
    label: str
    reason: str
    values: Mapping[str, float]
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class CategoryRow:
    """One line of a metric's table by category; `plot` is an SVG."""

    name: str
    score: Score
    plot: str


@dataclass(frozen=True)
class CategoryTable:
    """A metric's scores by category on one axis."""

    overall: Score
    axis: str
    rows: tuple[CategoryRow, ...]


def write_report(run_dir: Path, run: RunView | None = None) -> Path:
    """Writes `run_dir/report.html` from what is in the run folder and returns its path.

    `run` is the folder's content where it was read already.

    Up to 600 pictures are shown, spread evenly over the categories, in thumbnails of at most 256 pixels and
    12 MB together. Raises InputError where `run_dir` is no run folder or the page cannot be written.
    """
    page = render_report(RunView.load(run_dir) if run is None else run)
    target = run_dir / "report.html"
    with writing_to(run_dir):
        write_atomic(target, page.encode("utf-8", errors="replace"))
    return target


def render_report(run: RunView) -> str:
    """The page as text. Whatever comes from prompts, models and reasons is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("harness"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = format_number
    environment.filters["short"] = format_short
    environment.filters["plain"] = plain_value
    environment.filters["breakable"] = lambda text: Markup(str(escape(text)).replace("|", "|<wbr>"))
    style, script = _part("report.css"), _part("report.js")
    groups = list(_cards(run))
    return environment.get_template("report.html.jinja").render(
        run=run,
        manifest=run.manifest,
        style=Markup(style),
        script=Markup(script),
        script_hash=_source_hash(script),
        overall=[score for score in run.scores if score.category is None],
        tables=list(category_tables(run.scores)),
        curves={score.metric: curve for score in run.scores if (curve := _curve(score)) is not None},
        metric_notes=METRIC_NOTES,
        status_words=STATUS_WORDS,
        statuses=[s for s in ("ok", *FAILURES, "missing") if s != "missing" or run.counts["missing"]],
        groups=groups,
        pictures_shown=sum(len(cards) for _, cards in groups),
        sample_metrics=_sample_metrics(run),
        largest=_largest(run),
        texts={prompt.id: prompt.text for prompt in run.prompts},
        methods=list(methods(run)),
        files=[name for name in RUN_FILES if (run.folder / name).is_file()],
    )


def format_number(value: float | None) -> str:
    """A score's value with 4 significant figures and no exponent in the usual range; "n/a" for none."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    text = f"{value:.3e}" if not -5 <= magnitude < 9 else f"{value:,.{max(0, 3 - magnitude)}f}"
    return text.replace("-", "−")


def format_short(value: float, largest: float) -> str:
    """A picture's own value, with the decimals that `largest`, its metric's greatest size, calls for."""
    decimals = 3 if largest < 1 else 2 if largest < 100 else 1
    return f"{value:,.{decimals}f}".replace("-", "−")


def plain_value(value: object) -> str:
    """A manifest's value as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def category_tables(scores: tuple[Score, ...]) -> Iterator[CategoryTable]:
    """For every score of the whole bench that also has scores by category: a table on a common axis."""
    for overall in scores:
        if overall.category is not None:
            continue
        parts = [s for s in scores if s.category is not None and s.metric == overall.metric]
        if not parts:
            continue
        shown = [*parts, overall]
        ends = [v for s in shown for v in (s.low, s.value, s.high) if math.isfinite(v)]
        if not ends:
            continue
        axis = make_axis(ends)
        rows = tuple(
            CategoryRow(
                name=score.category or ("All" if score is overall else "No category"),
                score=score,
                plot=interval_svg(
                    score.value,
                    score.low,
                    score.high,
                    axis,
                    overall=overall.value,
                    label=f"{format_number(score.value)}, 95% interval {format_number(score.low)} "
                    f"to {format_number(score.high)}",
                ),
            )
            for score in shown
        )
        yield CategoryTable(overall, axis_svg(axis), rows)


def thumbnail(picture: Image.Image, budget: int) -> tuple[str, tuple[int, int], bool]:
    """A data URI of the RGB `picture`, its size in pixels, and whether its pixels should stay squares.

    Pictures up to 64 pixels are kept without loss, larger ones become WebP of at most 256 pixels. Quality
    and then size give way until the picture takes at most `budget` bytes or cannot shrink further.
    """
    if max(picture.size) <= LOSSLESS_SIDE:
        return _data_uri(_webp(picture, lossless=True)), picture.size, True
    for side, quality in ((THUMBNAIL_SIDE, 82), (THUMBNAIL_SIDE, 60), (160, 60), (96, 50)):
        scale = min(1.0, side / max(picture.size))
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        data = _webp(small, quality=quality)
        if len(data) <= budget:
            break
    return _data_uri(data), size, False


def methods(run: RunView) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """All that made the numbers, as (heading, [(name, value), ...]): identities, versions, seeds, hashes."""
    manifest, summary = run.manifest, run.summary
    bench = {**manifest["bench"], "prompts asked": len(run.prompts)}
    settled = {name: summary[name] for name in ("on_failure", "drawn_again") if name in summary}
    seconds = {**summary.get("timings", {}), "a picture": summary.get("seconds_per_picture")}
    apart = {"schema", "model", "bench", "settings", "versions", "machine"}
    yield "Run", [*_flat({k: v for k, v in manifest.items() if k not in apart}), *_flat(settled)]
    yield "Model", list(_flat(manifest["model"]))
    yield "Bench", list(_flat({k: v for k, v in bench.items() if k not in ("prompts", "notices")}))
    yield "Settings", list(_flat(manifest["settings"]))
    overall = [score for score in run.scores if score.category is None]
    yield "Metrics", [(score.metric, f"{score.identity}; interval: {score.method}") for score in overall]
    yield "Versions", list(_flat(manifest.get("versions", {})))
    yield "Machine", list(_flat(manifest.get("machine", {})))
    yield "Seconds", list(_flat({k: v for k, v in seconds.items() if v is not None}))
    yield "Work of the last session", stages_in_words(summary.get("stages", []))
    if summary.get("cost") is not None:
        yield "Cost", [("all pictures", f"{summary['cost']:.2f} US dollars")]


def _curve(score: Score) -> str | None:
    """A limit's curve over the number of pictures, drawn; None where the score is no limit."""
    if score.curve is None:
        return None
    interval = Interval(score.low, score.high, score.method)
    counts, values = tuple(score.curve["counts"]), tuple(score.curve["values"])
    curve = BiasCurve(counts, values, score.value, score.curve["slope"], interval)
    label = f"{score.metric} over one by the number of pictures, with its limit {score.value:.4g}"
    return bias_curve_svg(curve, label)


def _cards(run: RunView) -> Iterator[tuple[str, list[Card]]]:
    """(category, cards) in the bench's order, at most `MAX_PICTURES` cards in all."""
    groups = [(category, prompts) for category, prompts in run.by_category()]
    quota = spread([sum(len(samples) for _, samples in prompts) for _, prompts in groups], MAX_PICTURES)
    budget = PICTURES_BYTES * 3 // 4 // max(1, sum(quota))
    for (category, prompts), count in zip(groups, quota, strict=True):
        pairs = [(prompt, sample) for prompt, samples in prompts for sample in samples]
        cards = [_card(run, sample, prompt.text, category, budget) for prompt, sample in pairs[:count]]
        if cards:
            yield category or "No category", cards


def _card(run: RunView, sample: Sample, text: str, category: str, budget: int) -> Card:
    picture = run.picture(sample)
    uri, size, pixelated = thumbnail(picture, budget) if picture is not None else (None, (1, 1), False)
    path = run.picture_path(sample)
    label, reason = failure_label(sample)
    return Card(
        prompt_id=sample.prompt_id,
        index=sample.index,
        prompt=text,
        category=category or "No category",
        thumbnail=uri,
        size=size,
        pixelated=pixelated,
        link=quote(str(path)) if path is not None and uri is not None else None,
        label=label,
        reason=reason,
        values=run.per_sample.get((sample.prompt_id, sample.index), {}),
        reasons=run.reasons.get((sample.prompt_id, sample.index), {}),
    )


def _sample_metrics(run: RunView) -> list[tuple[str, str]]:
    """(metric, direction) of every metric with a value per sample, those of the summary first."""
    present = {metric for values in run.per_sample.values() for metric in values}
    directions = {s.metric: s.direction for s in run.scores if s.metric in present}
    return [*directions.items(), *((metric, "higher") for metric in sorted(present - set(directions)))]


def _largest(run: RunView) -> dict[str, float]:
    """Every per-sample metric's greatest absolute value."""
    largest: dict[str, float] = {}
    for values in run.per_sample.values():
        for metric, value in values.items():
            largest[metric] = max(largest.get(metric, 0.0), abs(value))
    return largest


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings, and lists of them, as ("outer inner", value) pairs; what is empty is left out."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        value = {str(number): item for number, item in enumerate(value, start=1)}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif value not in (None, [], ""):
        yield name.replace("_", " "), plain_value(value)


def _webp(picture: Image.Image, *, lossless: bool = False, quality: int = 80) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, format="WEBP", lossless=lossless, quality=quality, method=4)
    return encoded.getvalue()


def _data_uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def _part(name: str) -> str:
    return (resources.files("harness") / "templates" / name).read_text(encoding="utf-8").strip()


def _source_hash(source: str) -> str:
    """What the page's policy allows as its only script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
