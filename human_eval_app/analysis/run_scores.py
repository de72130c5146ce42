"""Automatic scores of the runs that a study was made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drawbench.errors import InputError
from harness.run_view import RunView
from human_eval_app.analysis.metric_agreement import RunScores
from human_eval_app.studies.design import StudyDesign


def run_scores(runs: Sequence[Path], design: StudyDesign) -> list[RunScores]:
    """Per-prompt scores of run folders, each under the name that its model has in the study.

    A run is known by its hash. Raises InputError where a folder is no run, has no scores per picture, or is
    none of the study's runs.
    """
    named = {
        source.identity.get("run_hash"): source.name for source in design.models if source.source == "run"
    }
    found = []
    for folder in runs:
        run = RunView.load(folder)
        name = named.get(str(run.manifest.get("run_hash")))
        if name is None:
            known = ", ".join(sorted(named.values())) or "none at all"
            raise InputError(f"{folder} is no run that the study was made from (it has runs of {known})")
        if not run.per_sample:
            raise InputError(
                f"{folder} has no scores of single pictures; score the run with a metric that has them"
            )
        by_prompt: dict[str, dict[str, list[float]]] = {}
        for (prompt_id, _), values in run.per_sample.items():
            for metric, value in values.items():
                by_prompt.setdefault(metric, {}).setdefault(prompt_id, []).append(value)
        means = {
            metric: {prompt: float(np.mean(values)) for prompt, values in prompts.items()}
            for metric, prompts in by_prompt.items()
        }
        lower = frozenset(score.metric for score in run.scores if score.direction == "lower")
        found.append(RunScores(name, means, lower))
    return found
