"""What a paper should say about its raters, after the reporting template of Otani et al. (CVPR 2023)."""

from __future__ import annotations

from collections.abc import Iterator

from human_eval_app.analysis.study_analysis import Analysis
from human_eval_app.studies.design import StudyDesign
from human_eval_app.studies.questions import questions_of

NOT_STATED = "not stated"
KIND_WORDS = {
    "realism": "realism: a model's picture beside the reference picture of the same caption",
    "alignment": "alignment: one picture and its caption; model and reference rated independently",
    "side_by_side": "side by side: two models' sets of pictures of one caption",
}
ESTIMANDS = {
    "preference": (
        "preference rate: answers for the first model plus half of the indifferent ones, in percent; 50 "
        "means that raters cannot tell which is better. The shares of wins, ties and losses stand beside it."
    ),
    "net": (
        "net preference: percent of answers for the first model less percent for the second; 0 means that "
        "neither is ahead. The three shares stand beside it."
    ),
    "difference": (
        "difference of the two models' mean scores (yes 100, somewhat 50, no 0), over prompts rated for both."
    ),
}
STRICT = "The protocol is the strict pick of one of two, without 'indifferent': no ties, as in the paper."
MACRO = (
    "Primary is the mean over categories, each counting the same; in it each prompt counts the same, "
    "by the mean of its ratings. 'All ratings' pools all answers alike, as the paper does."
)
INTERVALS = (
    "95% intervals allow for other prompts and other raters at once. Two-way bootstrap: prompts "
    "(within their category) and raters (within theirs where nested) drawn with replacement, an "
    "answer's weight being the product; percentiles. Where there are fewer than ten prompts or "
    "raters, or the bootstrap's spread is not like that of the variance components: two-way Wilson t, "
    "the t interval of the analysis of variance of two crossed random factors kept within bounds. "
    "Each estimate names its method; the other interval stands in estimates.csv."
)
TESTS = (
    "p is of no preference, by the method of the interval. Confirmatory: Holm over the questions for "
    "the means over categories, and over all categories and questions for the categories. Sign test "
    "(exact binomial over prompts by majority, ties counted apart) and sign flips over prompts "
    "(permutation) hold for these raters only."
)
AGREEMENT = (
    "Krippendorff's alpha, ordinal, over pairs of raters of one item; two-way bootstrap interval. "
    "Raw: share of pairs with the same answer. Control accuracy: Wilson. Side bias: exact binomial "
    "for each rater, Holm over raters."
)
DETECTABLE = (
    "Detectable is the true difference that such a study finds in four of five cases, two-sided at 5%."
)


def methods(analysis: Analysis, design: StudyDesign) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(heading, [(name, value), ...]) of the methods section."""
    totals = analysis.totals
    rating = [item for item in design.items if item.role == "rating"]
    control = sum(item.role == "control" for item in design.items)
    practice = sum(item.role == "practice" for item in design.items)
    sources = "; ".join(
        f"{source.name} ({source.source}{', ' if source.identity else ''}"
        f"{', '.join(f'{k} {v}' for k, v in sorted(source.identity.items()) if k != 'settings')})"
        for source in design.models
    )
    per_item = totals["ratings"] / max(1, totals["items"])
    yield (
        "Task",
        [
            ("kind", KIND_WORDS[design.kind]),
            ("models", sources),
            ("prompts", f"{totals['prompts']}, in {_categories(totals['categories'])}{_bench(design)}"),
            ("pictures shown", _pictures(design)),
            *_questions(design),
            ("protocol", STRICT if design.strict else "with a middle answer"),
        ],
    )
    yield (
        "Raters",
        [
            ("number", f"{totals['raters']} counted, of {len(analysis.raters)} who answered"),
            ("assignment", _assignment(design)),
            ("recruitment", design.reporting.recruitment or NOT_STATED),
            ("qualification", _gate(analysis, design)),
            ("compensation", design.reporting.compensation or NOT_STATED),
            ("ethics approval", design.reporting.ethics or NOT_STATED),
            ("demographics", design.reporting.demographics or NOT_STATED),
            ("consent", design.consent or NOT_STATED),
        ],
    )
    yield (
        "Interface",
        [
            ("instructions", design.instructions or NOT_STATED),
            (
                "sides",
                "drawn for each rater and item, balanced within a rater, recorded; models never named",
            ),
            ("least time on a page", f"{design.min_dwell_ms} ms"),
            ("practice and control trials", f"{practice} practice items, {control} control items"),
        ],
    )
    yield (
        "Data",
        [
            ("items", f"{len(rating)} designed, {totals['items']} rated"),
            (
                "ratings",
                f"{totals['ratings']} answers counted, {per_item:.1f} an item (quota {design.quota} a page)",
            ),
            ("not counted", _left_out(analysis)),
            (
                "collected",
                f"{_minute(analysis.times[0])} to {_minute(analysis.times[1])}, UTC"
                if analysis.times[0]
                else NOT_STATED,
            ),
            ("design", f"sha256 {analysis.design_digest}"),
        ],
    )
    yield (
        "Statistics",
        [
            ("primary estimand", ESTIMANDS[analysis.primary]),
            ("aggregation", MACRO),
            ("intervals", INTERVALS),
            ("tests", TESTS),
            ("agreement", AGREEMENT),
            ("smallest detectable difference", DETECTABLE),
            ("resamples and seed", f"{analysis.resamples}, seed {analysis.seed}"),
            ("versions", ", ".join(f"{name} {version}" for name, version in analysis.versions.items())),
        ],
    )


def _categories(number: int) -> str:
    return "1 category" if number == 1 else f"{number} categories"


def _minute(instant: str) -> str:
    """ "2026-01-02T03:04:05+00:00" without seconds."""
    return instant[:16].replace("T", " ")


def _bench(design: StudyDesign) -> str:
    return f", of {design.bench}" if design.bench else ""


def _pictures(design: StudyDesign) -> str:
    sets = sorted({len(arm.pictures) for item in design.items if item.role == "rating" for arm in item.arms})
    sizes = sorted({(p.width, p.height) for p in design.pictures})
    shown = ", ".join(f"{w} x {h}" for w, h in sizes[:4]) + (" ..." if len(sizes) > 4 else "")
    about = f"; {design.pictures_are}" if design.pictures_are else ""
    return f"{' or '.join(map(str, sets))} a side, {shown} pixels{about}"


def _questions(design: StudyDesign) -> Iterator[tuple[str, str]]:
    for question in questions_of(design.kind, design.strict):
        labels = ", ".join(f"“{choice.label}”" for choice in question.choices)
        yield f"question “{question.name}”", f"{question.text} Answers: {labels}"


def _assignment(design: StudyDesign) -> str:
    nested = "one category each" if design.nesting == "category" else "any prompt"
    most = f", at most {design.items_per_rater} items a rater" if design.items_per_rater else ""
    return f"{nested}{most}, least-rated items first"


def _gate(analysis: Analysis, design: StudyDesign) -> str:
    if analysis.gate > 0:
        low = sum(habit.control_share < analysis.gate - 1e-9 for habit in analysis.raters)  # NaN: no trial
        return (
            f"at least {analysis.gate:.0%} of control trials right; {low} of {len(analysis.raters)} raters "
            "are below that and do not count"
        )
    return "none: every rater counts" + (", whatever the control trials" if design.control_every else "")


def _left_out(analysis: Analysis) -> str:
    parts = [f"{n} ({words})" for words, n in analysis.counts.items() if words not in ("all", "used") and n]
    return ", ".join(parts) or "nothing"
