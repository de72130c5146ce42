"""Between a run and `harness.score`: what is to be measured, settled before the first picture is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drawbench.types import Prompt, Reference
from harness.atomic import writing_to
from harness.options import ScoreOptions
from harness.progress import Progress, StageCalls
from harness.types import Sample

if TYPE_CHECKING:
    from harness.score import ScoreResult
    from harness.score_plan import ScorePlan


@dataclass(frozen=True)
class Scorer:
    """A scoring plan that this machine can carry out. `metrics` are those it will compute."""

    plan: ScorePlan
    metrics: tuple[str, ...]

    def score(
        self, samples: Sequence[Sample], prompts: Sequence[Prompt], run_dir: Path, progress: Progress
    ) -> ScoreResult:
        """Scores the pictures in `run_dir` and writes its scores.parquet."""
        from harness.score import score_samples
        from harness.score_io import write_scores

        by_id = {prompt.id: prompt for prompt in prompts}
        with StageCalls(progress) as report:
            result = score_samples(samples, by_id, run_dir, self.plan, report)
        with writing_to(run_dir):
            write_scores(result, run_dir)
        return result


def make_scorer(options: ScoreOptions, reference: Reference | None, prompts: Sequence[Prompt]) -> Scorer:
    """The scorer for `options` and the run's prompts.

    `reference` is the bench's own, used where the options name none. Loads no network. Raises InputError for
    an unknown metric, for one that lacks weights or references, and for one that cannot judge such prompts.
    """
    from harness.extractors.base import DEFAULT_CLIP, DEFAULT_DETECTOR, DEFAULT_PICK, DEFAULT_VQA
    from harness.reference import ReferenceSource
    from harness.score_plan import ScorePlan, choose_metrics

    source = None if reference is None else ReferenceSource.of(reference)
    if options.reference is not None:
        source = ReferenceSource.parse(options.reference)
    plan = ScorePlan(
        metrics=options.metrics,
        reference=source,
        weights_dir=options.weights,
        download=options.download,
        device=options.device,
        clip_model=options.networks.get("clip", DEFAULT_CLIP),
        pick_model=options.networks.get("pick", DEFAULT_PICK),
        vqa_model=options.networks.get("vqa", DEFAULT_VQA),
        detector=options.networks.get("detector", DEFAULT_DETECTOR),
    )
    return Scorer(plan, choose_metrics(plan, prompts=prompts).names)
