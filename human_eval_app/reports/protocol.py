"""What a paper must say about its human evaluation, filled in as far as the study knows.

The points are those that Otani et al. (CVPR 2023, "Toward Verifiable and Reproducible Human Evaluation for
Text-to-Image Generation") found missing from most papers. What only the researcher knows is marked as such.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterator, Sequence

from human_eval_app.store.records import Rater, StudyProgress
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.settings import raters_needed

PROTOCOL_FILE = "protocol.md"
UNKNOWN = "*to be filled in*"

_TASKS = {
    "realism": "Pairs: a model's picture beside the reference picture of its prompt.",
    "alignment": "Single pictures under their caption; models and reference are rated independently.",
    "side_by_side": "Pairs of sets: several pictures of each of two models for one prompt.",
}
_ESTIMANDS = {
    "realism": "Preference rate of the model over the reference: wins + ties / 2, in percent of answers; 50 "
    "means that raters cannot tell them apart. Wins, ties and losses are reported beside it.",
    "alignment": "Mean of 100 (yes), 50 (somewhat), 0 (no) for each model and for the reference, and their "
    "paired difference over prompts.",
    "side_by_side": "For each question the shares of A, indifferent and B, and the net preference A - B.",
}


def protocol_markdown(design: StudyDesign, progress: StudyProgress, raters: Sequence[Rater]) -> str:
    """The filled-in template as Markdown. Equal arguments give equal text."""
    sections = (
        ("Task", _task(design)),
        ("Pictures", _pictures(design)),
        ("Assignment", _assignment(design)),
        ("Raters", _raters(design, raters)),
        ("Quality control", _quality(design, progress)),
        ("Data", _data(design, progress)),
    )
    lines = [f"# Human evaluation: {design.name}", ""]
    for title, entries in sections:
        lines += [f"## {title}", ""]
        lines += [f"- **{name}**: {_one_line(text)}" for name, text in entries]
        lines.append("")
    if design.notices:
        lines += ["## Notices", "", *(f"- {_one_line(notice)}" for notice in design.notices), ""]
    return "\n".join(lines)


def _task(design: StudyDesign) -> Iterator[tuple[str, str]]:
    yield "Kind", _TASKS[design.kind] + (" Raters must pick one of the two." if design.strict else "")
    yield "Protocol", f"preset {design.preset}, after the Imagen paper" if design.preset else "own settings"
    for question in design.questions:
        choices = " / ".join(f"{choice.label} ({choice.value:g})" for choice in question.choices)
        yield f"Question ({question.name})", f"{question.text} {choices}"
    yield "Instructions", design.instructions
    yield "Measured", _ESTIMANDS[design.kind]
    yield "Practice", f"{len(design.items_of('practice'))} pages with feedback, which do not count"


def _pictures(design: StudyDesign) -> Iterator[tuple[str, str]]:
    rated = design.items_of("rating")
    prompts = {item.prompt_id for item in rated}
    yield (
        "Prompts",
        f"{len(prompts)} of {design.bench or 'the given folders'}; {len(design.left_out)} left out",
    )
    if design.left_out:
        reasons = Counter(entry.reason for entry in design.left_out)
        yield "Left out because", "; ".join(f"{n} {why}" for why, n in reasons.most_common(5))
    for model in design.models:
        identity = ", ".join(f"{key} {value}" for key, value in model.identity.items())
        yield f"Model {model.name}", f"{model.source}: {identity}" if identity else model.source
    sides = Counter(len(item.arms[0].pictures) for item in rated)
    yield (
        "Pictures a side",
        ", ".join(f"{size} on {n} pages" for size, n in sorted(sides.items(), reverse=True)),
    )
    yield "Choice of samples", f"drawn with seed {design.seed}, without looking at them"
    yield "Shown as", design.pictures_are or UNKNOWN


def _assignment(design: StudyDesign) -> Iterator[tuple[str, str]]:
    each = f"at most {design.items_per_rater}" if design.items_per_rater else "all"
    yield "Pages", f"{len(design.items_of('rating'))}, each to be rated {design.quota} times"
    yield "Raters", f"each rates {each} pages{' of one category' if design.nesting == 'category' else ''}"
    yield "Raters planned", str(sum(raters_needed(design).values()))
    yield "Order and sides", "drawn for each rater, sides balanced within a rater, least-rated pages first"
    yield "Blinding", "model names appear nowhere on the raters' side; file lengths and formats are equal"


def _raters(design: StudyDesign, raters: Sequence[Rater]) -> Iterator[tuple[str, str]]:
    entered = [rater for rater in raters if rater.entered_at is not None]
    yield "Entered", str(len(entered))
    yield "Finished", str(sum(rater.finished_at is not None for rater in entered))
    yield "Excluded", str(sum(rater.status == "excluded" for rater in entered))
    yield "Recruited from", design.reporting.recruitment or UNKNOWN
    yield "Language, country, expertise", design.reporting.demographics or UNKNOWN
    yield "Pay, and time it took", design.reporting.compensation or UNKNOWN
    yield "Ethical review", design.reporting.ethics or UNKNOWN
    yield "Consent text", design.consent


def _quality(design: StudyDesign, progress: StudyProgress) -> Iterator[tuple[str, str]]:
    controls = len(design.items_of("control"))
    if controls and design.control_every:
        yield "Control trials", f"{controls}, one after every {design.control_every} pages, answers known"
        right, seen = progress.controls_right, progress.controls_seen
        yield "Answered rightly", f"{right} of {seen}" if seen else "none seen yet"
    else:
        yield "Control trials", "none"
    gate = f"raters with at least {design.control_gate:.0%} of theirs right are kept"
    yield "Filter", gate if design.control_gate and controls else "none; every rater is kept"
    yield "Least time on a page", f"{design.min_dwell_ms} ms from paint to answer"
    if progress.median_dwell_ms is not None:
        yield "Median time on a page", f"{progress.median_dwell_ms / 1000:.1f} s"
    left_out = (progress.excluded_raters, progress.excluded_ratings, progress.excluded_items)
    yield "Left out by hand", "{} raters, {} ratings, {} pages".format(*left_out)
    yield "Agreement", "see the analysis (Krippendorff's alpha, ordinal, with interval)"


def _data(design: StudyDesign, progress: StudyProgress) -> Iterator[tuple[str, str]]:
    yield "Ratings", f"{progress.ratings} answers on {progress.presentations} pages"
    yield "Design digest (sha256)", design.digest
    yield "Content digest (sha256)", design.content_digest
    yield "Software", f"drawbench-suite {_version()}"
    yield "Intervals", "95%, two-way (prompts and raters), see the analysis"
    yield "Published", UNKNOWN + " (ratings one by one, this file, and the pictures where they may be shown)"


def _version() -> str:
    try:
        return importlib.metadata.version("drawbench-suite")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _one_line(text: str) -> str:
    return " ".join(text.split())
