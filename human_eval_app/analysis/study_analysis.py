"""The whole analysis of a study as one value, and as JSON.

Everything in it is a function of the ratings, the design, the runs' scores and the seed: no date, no path and
no order of rows. So the same database and seed give the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drawbench.errors import InputError
from harness.progress import NoProgress, Progress
from human_eval_app.analysis.agreement import Agreement, agreement_rows
from human_eval_app.analysis.answers import Answers, answers_that_count, sorted_answers
from human_eval_app.analysis.davidson import Ranking, rankings
from human_eval_app.analysis.estimates import PRIMARY, Row, part_rows, parts
from human_eval_app.analysis.metric_agreement import MetricAgreement, Paired, metric_agreement, paired_scores
from human_eval_app.analysis.rater_habits import RaterHabits, rater_habits
from human_eval_app.analysis.run_scores import run_scores
from human_eval_app.analysis.sensitivity import Variant, sensitivity
from human_eval_app.analysis.significance import Decision, decisions

if TYPE_CHECKING:
    import pandas as pd

    from human_eval_app.studies.design import StudyDesign

SCHEMA = 1
PAPER_GATE = 0.8
FEW = 10
SMALL = "few {what}: with fewer than {few}, intervals rest on little; read them with care"


@dataclass(frozen=True)
class Analysis:
    """Everything `drawbench study analyse` says. See the modules for what each part is.

    `gate` is the least share of control trials right for a rater to count, 0 for none; `times` the first and
    last submission (ISO UTC); `paired` holds the points behind `metrics`, for figures.
    """

    name: str
    kind: str
    strict: bool
    design_digest: str
    primary: str
    gate: float
    counts: Mapping[str, int]
    totals: Mapping[str, int]
    rows: tuple[Row, ...]
    decisions: tuple[Decision, ...]
    agreement: tuple[Agreement, ...]
    raters: tuple[RaterHabits, ...]
    sensitivity: tuple[Variant, ...]
    rankings: tuple[Ranking, ...]
    metrics: tuple[MetricAgreement, ...]
    notes: tuple[str, ...]
    times: tuple[str, str]
    seed: int
    resamples: int
    versions: Mapping[str, str]
    paired: tuple[Paired, ...] = ()

    def primary_rows(self) -> list[Row]:
        """The rows of the primary quantity, mean over categories."""
        return [row for row in self.rows if row.quantity == self.primary and row.scope == "macro"]

    def to_dict(self) -> dict[str, Any]:
        """The content of analysis.json; what is not a number is null."""
        apart = ("rows", "sensitivity", "paired")
        shown = {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in apart}
        return {
            "schema": SCHEMA,
            **shown,
            "estimates": _plain(self.rows),
            "sensitivity": [{"counted": v.counted, **_plain(v.row)} for v in self.sensitivity],
        }

    def to_json(self) -> str:
        """analysis.json as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def text(self) -> str:
        """The main results in plain lines, for a terminal."""
        return "\n".join(_lines(self))


def analyse(
    frame: pd.DataFrame,
    design: StudyDesign,
    *,
    runs: Sequence[Path] = (),
    seed: int = 0,
    resamples: int = 2000,
    rater_gate: float | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Analyses a table of ratings. See `human_eval_app.reports.report.write_analysis`.

    Raises InputError where no rating counts, the ratings are of another design, or a run is none of the
    study's.
    """
    gate = design.control_gate if rater_gate is None else rater_gate
    _check(frame, design, gate, resamples)
    scores = run_scores(runs, design)
    order = tuple(source.name for source in design.models)
    ready = sorted_answers(frame, order)
    answers = answers_that_count(ready, gate=gate)
    if answers.table.empty:
        raise InputError(f"no rating counts: {_in_words(answers)}")
    primary = PRIMARY[answers.kind]
    everyone = answers_that_count(ready, include_excluded=True)
    laid_out = list(parts(answers))
    pairings = list(paired_scores(laid_out, scores))
    shower = progress if progress is not None else NoProgress()
    steps = 2 * len(laid_out) + len(pairings) + 2
    rows: list[Row] = []
    metrics = []
    with shower.stage("analysing", steps) as advance:
        for part in laid_out:
            rows += part_rows(part, resamples=resamples, seed=seed)
            advance(1)
        tested = decisions(laid_out, rows, primary, seed=seed)
        advance(len(laid_out))
        agreement = agreement_rows(answers, resamples=resamples, seed=seed)
        habits = rater_habits(ready, everyone, answers)
        advance(1)
        for pairing in pairings:
            metrics.append(metric_agreement(pairing, resamples=min(resamples, 1000), seed=seed))
            advance(1)
        variants = sensitivity(
            ready, answers, habits, gate=gate, other_gate=PAPER_GATE, resamples=resamples, seed=seed
        )
        ranked = rankings(answers, resamples=min(resamples, 500), seed=seed)
        advance(1)
    table = answers.table
    times = sorted(table["submitted_at"].dropna().astype(str)) if "submitted_at" in table else []
    return Analysis(
        name=design.name,
        kind=answers.kind,
        strict=design.strict,
        design_digest=design.digest,
        primary=primary,
        gate=gate,
        counts=answers.counts,
        totals={
            "ratings": len(table),
            "raters": int(table["rater"].nunique()),
            "prompts": int(table["prompt_id"].nunique()),
            "items": int(table["item"].nunique()),
            "categories": int(table["category"].nunique()),
        },
        rows=tuple(rows),
        decisions=tuple(tested),
        agreement=tuple(agreement),
        raters=tuple(habits),
        sensitivity=tuple(variants),
        rankings=tuple(ranked),
        metrics=tuple(metrics),
        notes=tuple(_notes(answers, design, rows, gate)),
        times=(times[0], times[-1]) if times else ("", ""),
        seed=seed,
        resamples=resamples,
        versions={name: metadata.version(name) for name in ("numpy", "scipy", "pandas", "matplotlib")},
        paired=tuple(pairings),
    )


def _check(frame: pd.DataFrame, design: StudyDesign, gate: float, resamples: int) -> None:
    if not 0 <= gate <= 1:
        raise InputError(f"a gate is a share of control trials from 0 to 1, not {gate:g}")
    if not 200 <= resamples <= 100_000:
        raise InputError(f"{resamples} resamples: give 200 to 100000")
    if frame.empty:
        raise InputError("the study has no rating yet: there is nothing to analyse")
    digests = set(frame["design_digest"]) if "design_digest" in frame else set()
    if digests - {design.digest}:
        raise InputError(
            f"the ratings were given under another design ({sorted(digests)[0][:12]}, "
            f"this one is {design.digest[:12]}): analyse them with the study they belong to"
        )


def _notes(answers: Answers, design: StudyDesign, rows: Sequence[Row], gate: float) -> Iterator[str]:
    yield from design.notices
    table = answers.table
    for what, column in (("raters", "rater"), ("prompts", "prompt_id")):
        number = int(table[column].nunique())
        if number < FEW:
            yield SMALL.format(what=f"{what} ({number})", few=FEW)
    small = sorted({row.category for row in rows if row.scope == "category" and row.prompts < FEW})
    if small:
        yield f"categories with fewer than {FEW} prompts show large differences only: {', '.join(small)}"
    planned = [item for item in design.items if item.role == "rating"]
    each = table[~table.duplicated(["item", "rater"])].groupby("item").size()
    short = sum(1 for item in planned if each.get(item.id, 0) < design.quota)
    if short:
        yield f"{short} of {len(planned)} items have fewer counted ratings than the {design.quota} asked for"
    if gate <= 0 and any(item.role == "control" for item in design.items):
        as_paper = ", as in the paper's DrawBench study" if answers.kind == "side_by_side" else ""
        yield f"no rater is left out for control trials{as_paper}"
    if design.strict:
        yield "raters had to pick one of two (no 'indifferent'): not comparable with studies that offered it"


def _in_words(answers: Answers) -> str:
    return ", ".join(f"{number} {words}" for words, number in answers.counts.items() if number)


def _lines(analysis: Analysis) -> Iterator[str]:
    totals = analysis.totals
    counted = f"{totals['ratings']} ratings of {totals['prompts']} prompts by {totals['raters']} raters"
    yield f"{analysis.name}: {counted}"
    for words, number in analysis.counts.items():
        if words not in ("all", "used"):
            yield f"  not counted: {number} ({words})"
    for row in analysis.rows:
        wanted = row.quantity in (analysis.primary, "score")
        if wanted and row.scope != "category":
            who = f"{row.model_a} against {row.model_b}" if row.model_b else row.model_a
            over = "each category alike" if row.scope == "macro" else "all ratings alike"
            p = "" if math.isnan(row.p) else f", p = {row.p:.2g}"
            yield (
                f"{row.question}: {row.quantity} of {who}, {over}: {row.value:.1f} "
                f"[{row.low:.1f}, {row.high:.1f}]{p}"
            )
    for agreement in analysis.agreement:
        if not agreement.category:
            alpha = agreement.why or f"{agreement.alpha:.2f} [{agreement.low:.2f}, {agreement.high:.2f}]"
            yield f"{agreement.question}: Krippendorff's alpha {alpha}"
    for note in analysis.notes:
        yield f"note: {note}"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
