"""Sweeps of one setting, once for each variant: a run a point, on the same prompts and noise, and its scores.

Nothing is made twice. A run that is there is taken up, and a point whose run has not changed since it was
scored is taken from the sweep's file as it is.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drawbench.errors import InputError
from harness.comparable import NotComparable, check_identities
from harness.environment import git_commit, machine, package_versions
from harness.manifest import now
from harness.options import RunOptions
from harness.pareto.adaptive import next_weight
from harness.pareto.curves import Curve, Measure, Pareto, Point, sort_key, worst_corner
from harness.pareto.front import gains
from harness.pareto.measure import check_pair, measure_point, pictures_digest, unscored_point
from harness.pareto.table import value_text
from harness.pipeline import Prepared, execute, finished_before, prepare
from harness.progress import Progress
from harness.run_view import RunView
from harness.score_plan import FRECHET_CHOICES
from harness.summary import SUMMARY_NAME
from harness.sweep import Axis, at, points
from harness.types import canonical_json

_ALIGNMENT_FIRST = ("scenes_accuracy", "clip_score", "align_conse")


@dataclass(frozen=True)
class Ask:
    """What is swept: the `along` axis once for each combination of the `varied` ones.

    `reference` is the hypervolumes' reference point (alignment, quality), None for one from the points that
    were asked for. `most` is the number of points that an adaptive sweep stops at, None for another sweep.
    """

    along: Axis
    varied: tuple[Axis, ...]
    alignment: str
    quality: str
    reference: tuple[float, float] | None = None
    most: int | None = None

    @property
    def variants(self) -> list[dict[str, Any]]:
        """The settings of each curve."""
        return points(self.varied)

    def label(self, variant: Mapping[str, Any]) -> str:
        """A curve's name: the value of what varies, with its setting's name where several do."""
        if len(variant) == 1:
            return value_text(next(iter(variant.values())))
        return ", ".join(f"{name}={value_text(value)}" for name, value in variant.items())


def choose_scores(options: RunOptions, alignment: str | None, quality: str | None) -> tuple[str, str]:
    """The two metrics by name; for one that is not given, the best that bench and machine allow.

    Raises InputError where there is none, and for an unknown one.
    """
    if alignment is None or quality is None:
        scoring = replace(options.scoring, metrics=None)
        scorer = prepare(replace(options, scoring=scoring)).scorer
        names = () if scorer is None else scorer.metrics
        alignment = alignment or next((name for name in _ALIGNMENT_FIRST if name in names), None)
        quality = quality or next((name for name in FRECHET_CHOICES if name in names), None)
        if alignment is None:
            raise InputError("no metric of alignment can be computed here; give one with --alignment")
        if quality is None:
            raise InputError(
                "no metric of quality can be computed here: give --reference FOLDER for a Fréchet distance, "
                "or a metric without reference pictures with --quality"
            )
    check_pair(alignment, quality)
    return alignment, quality


def prepare_points(options: RunOptions, ask: Ask) -> list[Prepared]:
    """Every point that is asked for, checked before anything is drawn. Raises InputError."""
    names = [ask.along.name, *(axis.name for axis in ask.varied)]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"{doubled} is varied twice; give all its values in one list")
    if ask.most is not None:
        numbers = [value for value in ask.along.values if sort_key(value)[0] == 0]
        if len(numbers) < len(ask.along.values) or len(numbers) < 2:
            raise InputError(f"--adaptive needs at least two values of {ask.along.name}, all of them numbers")
    runs = [prepare(at(_with_scores(options, ask), {**v, **p})) for v, p in _places(ask)]
    if len({run.run_dir for run in runs}) < len(runs):
        raise InputError("two points of the sweep come to the same settings; or --out is one run's folder")
    return runs


def sweep_name(options: RunOptions, ask: Ask) -> str:
    """`pareto-<hash8>` of all that is asked: of two equal commands the second finds the first one's file."""
    asked = options.resolved()
    content = [
        {name: asked[name] for name in sorted(asked) if name not in ("engine", "batch_size", "images_to")},
        [ask.along.name, list(ask.along.values)],
        [[axis.name, list(axis.values)] for axis in ask.varied],
        [ask.alignment, ask.quality, ask.reference, ask.most is not None],
    ]
    return f"pareto-{hashlib.sha256(canonical_json(content).encode()).hexdigest()[:8]}"


def sweep(
    options: RunOptions,
    ask: Ask,
    progress: Progress,
    save: Callable[[Pareto], None],
    before: Pareto | None = None,
) -> Pareto:
    """Makes, scores and returns all points; `save` is called with what there is after each new one.

    `before` is an earlier result of the same ask. Of it, points are kept whose runs and pictures are the
    same, unless a metric has become another by its identity since: then all are measured again. Reference
    pictures are taken to be those that they were. Raises InputError as a run does, and NotComparable where
    two points' scores are not of one identity.
    """
    try:
        return _Sweep(options, ask, progress, save, before).carry_out()
    except NotComparable:
        if before is None:
            raise
        return _Sweep(options, ask, progress, save, None).carry_out()


class _Sweep:
    def __init__(
        self,
        options: RunOptions,
        ask: Ask,
        progress: Progress,
        save: Callable[[Pareto], None],
        before: Pareto | None,
    ) -> None:
        self.options, self.ask = _with_scores(options, ask), ask
        self.progress, self.save = progress, save
        self.before = before
        self.known = {point.run_hash: point for point in before.points} if before else {}
        self.measures = (before.alignment, before.quality) if before else None
        self.about = dict(before.about) if before else {}
        self.name = sweep_name(options, ask)
        self.found: list[list[Point]] = [[] for _ in ask.variants]
        self.stopped: list[str | None] = [None] * len(self.found)
        self.fresh = False

    def carry_out(self) -> Pareto:
        """See `sweep`."""
        for number, variant in enumerate(self.ask.variants):
            for value in self.ask.along.values:
                self._add(number, variant, value)
        reference = self.ask.reference or self._corner()
        if self.ask.most is not None:
            for number, variant in enumerate(self.ask.variants):
                self._fill(number, variant, reference, self.ask.most)
        result = self._result(reference)
        if result != self.before:
            self.save(result)
        return result

    def _add(self, number: int, variant: Mapping[str, Any], value: Any) -> None:
        """Makes one point, and leaves all that there is on disk."""
        run = prepare(at(self.options, {**variant, self.ask.along.name: value}))
        point = self._point(run, value)
        self.found[number] = sorted([*self.found[number], point], key=lambda p: sort_key(p.at))
        if self.fresh and self.measures is not None:
            self.save(self._result(self.ask.reference or self._corner()))

    def _point(self, run: Prepared, value: Any) -> Point:
        whole = finished_before(run) == run.plan.planned and (run.run_dir / SUMMARY_NAME).exists()
        if not whole or (run.options.on_failure == "regenerate" and RunView.load(run.run_dir).failures):
            execute(run, self.progress)
        view = RunView.load(run.run_dir)
        known = self.known.get(view.manifest["run_hash"])
        if known is not None and known.pictures == pictures_digest(view.samples) and known.scored:
            return known
        if run.scorer is None:
            return replace(unscored_point(view, value), reason="scoring is off")
        if not self.fresh:
            self.fresh, self.about = True, self._about(view)
        point, measures = measure_point(
            view, value, self.ask.alignment, self.ask.quality, run.scorer.plan, self.progress
        )
        if measures is not None:
            self._same(measures)
        return point

    def _same(self, measures: tuple[Measure, Measure]) -> None:
        """All points must be scored alike."""
        if self.measures is not None:
            for one, other in zip(self.measures, measures, strict=True):
                check_identities(one.metric, one.identity, other.identity)
        self.measures = measures

    def _corner(self) -> tuple[float, float]:
        """The reference point from the points that were asked for, so that adaptive ones do not move it."""
        asked = {canonical_json(value) for value in self.ask.along.values}
        scores = [
            p.scores for points in self.found for p in points if p.scored and canonical_json(p.at) in asked
        ]
        if not scores or self.measures is None:
            return 0.0, 0.0
        return worst_corner(np.array(scores), (self.measures[0].direction, self.measures[1].direction))

    def _fill(
        self, number: int, variant: Mapping[str, Any], reference: tuple[float, float], most: int
    ) -> None:
        """Adds points to a curve until no more can change its front."""
        if self.measures is None:
            return
        directions = (self.measures[0].direction, self.measures[1].direction)
        corner = gains(np.array([reference]), directions)[0]
        while True:
            scored = [point for point in self.found[number] if point.scored]
            if len(scored) < 2:
                self.stopped[number] = "fewer than two of its points have both scores"
                return
            proposal = next_weight(
                [float(point.at) for point in scored],
                gains(np.array([point.scores for point in scored]), directions),
                gains(np.array([point.left_out for point in scored]), directions),
                corner,
                most=most,
            )
            tried = {float(point.at) for point in self.found[number]}
            if proposal.weight is None or proposal.weight in tried:
                why = proposal.why if proposal.weight is None else f"{proposal.weight:g} could not be scored"
                self.stopped[number] = why
                return
            with self.progress.stage(f"next {self.ask.along.name} {proposal.weight:g}, {proposal.why}", 1):
                pass
            self._add(number, variant, proposal.weight)

    def _result(self, reference: tuple[float, float]) -> Pareto:
        if self.measures is None:
            reasons = {point.reason for points in self.found for point in points if point.reason}
            raise InputError(
                f"no point has both scores: {'; '.join(sorted(reasons)) or 'nothing was scored'}"
            )
        curves = tuple(
            Curve(self.ask.label(variant), variant, tuple(points), stopped)
            for variant, points, stopped in zip(self.ask.variants, self.found, self.stopped, strict=True)
        )
        return Pareto(self.name, self.ask.along.name, *self.measures, reference, curves, self.about)

    def _about(self, view: RunView) -> dict[str, Any]:
        """What holds for all points, as one of their runs has it."""
        bench = view.manifest["bench"]
        return {
            "made": now(),
            "command": shlex.join(self.options.command),
            "model": self.options.model,
            "bench": {name: bench[name] for name in ("spec", "name", "version", "digest")},
            "prompts": len(view.prompts),
            "samples_per_prompt": view.manifest["samples_per_prompt"],
            "seed": view.manifest["run_seed"],
            "seed_rule": view.manifest["seed_rule"],
            "settings": dict(self.options.settings),
            "scoring": json.loads(json.dumps(asdict(self.options.scoring), default=str)),
            "versions": package_versions(),
            "git_commit": git_commit(),
            "machine": machine(),
        }


def _with_scores(options: RunOptions, ask: Ask) -> RunOptions:
    return replace(options, scoring=replace(options.scoring, metrics=(ask.quality, ask.alignment)))


def _places(ask: Ask) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for variant in ask.variants:
        for value in ask.along.values:
            yield variant, {ask.along.name: value}
