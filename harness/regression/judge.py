"""From two runs to a verdict: opens and checks them, gathers the evidence, applies the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from drawbench.errors import InputError
from harness.comparable import NotComparable, check_runs, differing_fields
from harness.difference import Chosen, Pairing, Place, choose, pair_samples
from harness.difference_sets import (
    Look,
    check_set_identity,
    look_at_pairs,
    of_folder,
    paired_estimate,
    value_over,
)
from harness.manifest import manifest_reference, now
from harness.metrics import find_metric
from harness.options import ScoreOptions
from harness.progress import Progress
from harness.regression.baselines import KeptRun, open_kept
from harness.regression.evidence import (
    Evidence,
    PairedValues,
    mean_evidence,
    paired_values,
    set_evidence,
    values_of,
)
from harness.regression.integrity import open_whole
from harness.regression.kept_inputs import of_kept
from harness.regression.margins import FAILURES_METRIC, Margin, margin_of
from harness.regression.noise_band import LEAST_REPEATS, NoiseBand, noise_band
from harness.regression.verdict import Policy, RowVerdict, RunLabel, Verdict, judge_rows, judge_whole
from harness.regression.worst import worst_prompts
from harness.run_view import RunView
from harness.scoring import make_scorer

REGISTRY = "registry:"
Seeds = Literal["same", "differ"]


@dataclass(frozen=True)
class CompareOptions:
    """What is compared and how strictly.

    `margins` replaces defaults by metric. `repeats` are further runs of the baseline. `seeds` "differ" lets
    the two sides have other run seeds. `full` decodes every picture in the check of the folders.
    """

    scoring: ScoreOptions = field(default_factory=ScoreOptions)
    margins: Mapping[str, Margin] = field(default_factory=dict)
    repeats: tuple[Path, ...] = ()
    seeds: Seeds = "same"
    policy: Policy = "exit"
    shared_seeds: bool = False
    full: bool = False
    registry: Path = Path("results/baselines")


@dataclass(frozen=True)
class Opened:
    """One side of a comparison: the run, how its pictures are looked at, and the kept run it may be."""

    view: RunView
    look: Look
    kept: KeptRun | None = None


@dataclass(frozen=True)
class Judged:
    """A verdict with both sides, which are None where they could not be opened."""

    verdict: Verdict
    baseline: Opened | None = None
    candidate: Opened | None = None


def open_side(spec: str, role: str, options: CompareOptions, progress: Progress) -> Opened:
    """A run folder, or "registry:NAME". Raises InputError without one, NotComparable where it is altered."""
    if spec.startswith(REGISTRY):
        kept = open_kept(options.registry, spec.removeprefix(REGISTRY))
        return Opened(kept.view, of_kept(kept, progress), kept)
    view = open_whole(Path(spec), role, progress, full=options.full)
    return Opened(view, of_folder(view, progress))


def judge(baseline: str, candidate: str, options: CompareOptions, progress: Progress) -> Judged:
    """The verdict on `candidate` beside `baseline`, each a run folder or "registry:NAME".

    What cannot be compared is a verdict too. Raises InputError where the input cannot be used at all.
    """
    a: Opened | None = None
    b: Opened | None = None
    try:
        a = open_side(baseline, "baseline", options, progress)
        b = open_side(candidate, "candidate", options, progress)
        repeats = [open_side(str(path), f"repeat {path}", options, progress) for path in options.repeats]
        return Judged(_verdict(a, b, repeats, options), a, b)
    except NotComparable as error:
        return Judged(_not_comparable(error, a, b, (baseline, candidate), options), a, b)


def _verdict(a: Opened, b: Opened, repeats: Sequence[Opened], options: CompareOptions) -> Verdict:
    if a.view.counts["ok"] and not b.view.counts["ok"]:
        return _nothing_drawn(a, b, options)
    pairing = pair_samples(a.view, b.view, other_seeds=options.seeds == "differ")
    if options.shared_seeds and len({index for _, index in pairing.places}) < 2:
        raise InputError("--shared-seeds needs runs with at least 2 samples a prompt")
    chosen = choose(a.view, b.view, options.scoring.metrics)
    unknown = [name for name in options.margins if name not in (*chosen.scores, FAILURES_METRIC)]
    if unknown:
        raise InputError(
            f"--margin names {unknown[0]}, which is not compared; compared: {', '.join(chosen.scores)}"
        )
    _check_repeats(a, repeats)
    evidence, skipped, notes = gather(a, b, repeats, pairing, chosen, options)
    rows = judge_rows(evidence)
    margins = {name: margin_of(name, options.margins) for name in (FAILURES_METRIC, *chosen.scores)}
    regressed = [row.evidence.metric for row in rows if row.outcome == "regression"]
    per_image = {
        name: (chosen.scores[name].direction, margins[name].at(chosen.scores[name].value))
        for name in chosen.per_image
    }
    first = [name for name in dict.fromkeys(regressed) if name in per_image]
    return replace(
        _of_rows(a, b, rows, pairing, options),
        identities={name: score.identity for name, score in chosen.scores.items()},
        margins={name: f"{margin.text}: {margin.reason}" for name, margin in margins.items()},
        worst=worst_prompts(a.view, b.view, pairing, per_image, first),
        skipped=(*chosen.left_out, *skipped),
        notes=tuple(notes),
        repeats=len(repeats) + 1 if repeats else 0,
    )


def _nothing_drawn(a: Opened, b: Opened, options: CompareOptions) -> Verdict:
    """The verdict on a candidate without any picture, which rests on that alone."""
    check_runs(a.view.manifest, b.view.manifest, ("run_seed",) if options.seeds == "differ" else ())
    nothing = Pairing((), without_b=a.view.counts["ok"])
    return replace(
        _of_rows(a, b, judge_rows([_failures(a, b, options)]), nothing, options),
        worst=worst_prompts(a.view, b.view, nothing, {}),
        notes=("the candidate has no picture, so no metric can be compared",),
    )


def _of_rows(
    a: Opened, b: Opened, rows: tuple[RowVerdict, ...], pairing: Pairing, options: CompareOptions
) -> Verdict:
    """What every verdict on two opened runs says: what its rows come to, and what was compared."""
    outcome, headline = judge_whole(rows)
    return Verdict(
        outcome=outcome,
        headline=headline,
        baseline=label(a.view),
        candidate=label(b.view),
        rows=rows,
        policy=options.policy,
        bench=a.view.bench_name,
        counts=_counts(pairing),
        differing=tuple(differing_fields(a.view.manifest, b.view.manifest)),
        notices=a.view.notices,
        date=now(),
    )


def gather(
    a: Opened,
    b: Opened,
    repeats: Sequence[Opened],
    pairing: Pairing,
    chosen: Chosen,
    options: CompareOptions,
) -> tuple[list[Evidence], list[tuple[str, str]], list[str]]:
    """Evidence on failures and on every metric, metrics that could not be compared, and remarks."""
    identical = _identical(a.view, b.view, pairing)
    category_of = {prompt.id: prompt.category for prompt in a.view.prompts}
    notes = _remarks(a, b, pairing, options)
    found: list[Evidence] = [_failures(a, b, options)]
    for name in chosen.per_image:
        score = chosen.scores[name]
        try:
            bounds = find_metric(name).bounds
        except InputError:  # another package's metric, which is not here any more
            bounds = None
        margin = margin_of(name, options.margins)
        values = [values_of(side.view, name) for side in (a, b, *repeats)]
        for pairs in paired_values(values[0], values[1], pairing.places, category_of):
            if pairs.category is None and pairs.one_sided:
                notes.append(
                    f"{name}: {pairs.one_sided} pairs are not in it: it applies to one of their pictures only"
                )
            found.append(
                mean_evidence(
                    name,
                    score.direction,
                    pairs,
                    margin.at(float(pairs.a.mean())),
                    bounds,
                    shared_seeds=options.shared_seeds,
                    identical=identical,
                    noise=_band_of_means([values[0], *values[2:]], pairs) if repeats else None,
                )
            )
    skipped: list[tuple[str, str]] = []
    for name in chosen.whole_set:
        try:
            evidence, remarks = _whole_set(name, a, b, repeats, pairing.places, chosen, options, identical)
        except NotComparable:
            raise
        except InputError as error:
            if options.scoring.metrics is not None:
                raise
            skipped.append((name, str(error)))
            continue
        found.append(evidence)
        notes += [remark for remark in remarks if remark not in notes]
    return found, skipped, notes


def label(run: RunView) -> RunLabel:
    """What a verdict says about a side."""
    manifest = run.manifest
    return RunLabel(
        str(manifest["name"]),
        str(manifest["run_hash"]),
        run.model_name,
        str(manifest.get("created", "")),
        str(manifest.get("git_commit") or ""),
    )


def reference_of(run: RunView, scoring: ScoreOptions) -> str | None:
    """The reference pictures asked for, else those that the run was scored with when it was drawn."""
    if scoring.reference is not None:
        return scoring.reference
    recorded = run.manifest.get("options", {}).get("scoring", {})
    known = recorded.get("reference") if isinstance(recorded, Mapping) else None
    return None if known is None else str(known)


def _whole_set(
    name: str,
    a: Opened,
    b: Opened,
    repeats: Sequence[Opened],
    places: Sequence[Place],
    chosen: Chosen,
    options: CompareOptions,
    identical: bool,
) -> tuple[Evidence, tuple[str, ...]]:
    scoring = replace(options.scoring, metrics=(name,), reference=reference_of(a.view, options.scoring))
    plan = make_scorer(scoring, manifest_reference(a.view.manifest), a.view.prompts).plan
    looked = look_at_pairs((a.view, b.view), (a.look, b.look), places, plan)
    (metric,) = looked.metrics
    score = chosen.scores[name]
    check_set_identity(metric, looked.sides[0].inputs, looked.sides[1].inputs, score)
    value_a, value_b, estimate = paired_estimate(metric, looked, plan.seed)
    noise = None
    if repeats:
        values = [value_a]
        for repeat in repeats:
            made = {(s.prompt_id, s.index) for s in repeat.view.samples if s.status == "ok"}
            again = look_at_pairs(
                (a.view, repeat.view), (a.look, repeat.look), [p for p in looked.places if p in made], plan
            )
            side = again.sides[1]
            check_set_identity(metric, again.sides[0].inputs, side.inputs, score)
            values.append(value_over(metric, side.inputs)(np.sort(side.at)))
        noise = noise_band(values)
    margin = margin_of(name, options.margins).at(value_a)
    evidence = set_evidence(
        name,
        score.direction,
        (value_a, value_b),
        estimate,
        looked.places,
        margin,
        identical=identical,
        noise=noise,
    )
    return evidence, looked.remarks


def _failures(a: Opened, b: Opened, options: CompareOptions) -> Evidence:
    """The share of samples without a picture, over all that both runs planned."""
    failed = [{(s.prompt_id, s.index): float(s.status != "ok") for s in side.view.samples} for side in (a, b)]
    common = tuple(place for place in failed[0] if place in failed[1])
    (pairs,) = paired_values(failed[0], failed[1], common, {})
    margin = margin_of(FAILURES_METRIC, options.margins).at(float(pairs.a.mean()))
    return mean_evidence(FAILURES_METRIC, "lower", pairs, margin, (0.0, 1.0))


def _band_of_means(values: Sequence[Mapping[Place, float]], pairs: PairedValues) -> NoiseBand | None:
    """The band of the repeats' means over the same prompts and categories; None where too few have any."""
    means = []
    for run in values:
        known = [run[place] for place in pairs.places if place in run]
        if known:
            means.append(float(np.mean(known)))
    return noise_band(means) if len(means) >= LEAST_REPEATS else None


def _check_repeats(a: Opened, repeats: Sequence[Opened]) -> None:
    """Repeats must be the baseline again: its model and settings on its bench, under a seed of their own."""
    if repeats and len(repeats) + 1 < LEAST_REPEATS:
        raise InputError(
            f"--repeats: a noise band needs {LEAST_REPEATS} runs of the baseline, itself included; "
            f"give at least {LEAST_REPEATS - 1}"
        )
    seen = {_fingerprint(a.view): "the baseline"}
    for repeat in repeats:
        check_runs(a.view.manifest, repeat.view.manifest, ("run_seed",))
        different = differing_fields(a.view.manifest, repeat.view.manifest)
        if different:
            name, there, here = different[0]
            raise NotComparable(
                f"{repeat.view.folder} is no repeat of the baseline: {name} is {here}, not {there}", name
            )
        mark = _fingerprint(repeat.view)
        if mark in seen:
            raise InputError(
                f"--repeats {repeat.view.folder} has the same pictures as {seen[mark]}, which says nothing"
            )
        seen[mark] = str(repeat.view.folder)


def _fingerprint(run: RunView) -> tuple[str | None, ...]:
    return tuple(sample.sha256 for sample in run.samples)


def _identical(a: RunView, b: RunView, pairing: Pairing) -> bool:
    """Whether every pair's two pictures are the same file."""
    hashes = [{(s.prompt_id, s.index): s.sha256 for s in run.samples} for run in (a, b)]
    return all(hashes[0][place] == hashes[1][place] for place in pairing.places)


def _counts(pairing: Pairing) -> dict[str, int]:
    counts = {
        "pairs": len(pairing.places),
        "without a picture in the baseline alone": pairing.without_a,
        "without a picture in the candidate alone": pairing.without_b,
        "without a picture in both": pairing.without_both,
        "planned in the baseline alone": pairing.only_a,
        "planned in the candidate alone": pairing.only_b,
    }
    return {name: count for name, count in counts.items() if count or name == "pairs"}


def _remarks(a: Opened, b: Opened, pairing: Pairing, options: CompareOptions) -> list[str]:
    notes = []
    seeds = [side.view.manifest["run_seed"] for side in (a, b)]
    if seeds[0] != seeds[1]:
        notes.append(
            f"the runs have other seeds ({seeds[0]}, {seeds[1]}): pairs share the prompt, not the noise, "
            f"so intervals are wider than with equal seeds"
        )
    elif pairing.other_noise:
        notes.append(f"{pairing.other_noise} pairs do not share their noise: one side was drawn again")
    elif options.seeds == "differ":
        notes.append("the runs have equal seeds, so --seeds differ changes nothing")
    if pairing.without_a or pairing.without_b:
        notes.append(
            f"samples without a picture are in no metric but {FAILURES_METRIC}, which favours the run that "
            f"fails more often in all others"
        )
    if pairing.only_a or pairing.only_b:
        notes.append("samples that one run alone has planned are in no metric")
    return notes


def _not_comparable(
    error: NotComparable, a: Opened | None, b: Opened | None, specs: tuple[str, str], options: CompareOptions
) -> Verdict:
    labels = [
        label(side.view) if side is not None else RunLabel(Path(spec).name, "", "", "", "")
        for side, spec in zip((a, b), specs, strict=True)
    ]
    return Verdict(
        outcome="not comparable",
        headline=str(error),
        baseline=labels[0],
        candidate=labels[1],
        field=error.field,
        policy=options.policy,
        bench="" if a is None else a.view.bench_name,
        notices=() if a is None else a.view.notices,
        date=now(),
    )
