"""Inputs of whole-set metrics from what was kept of a run instead of from its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drawbench.errors import InputError
from harness.difference_sets import Look
from harness.extractors import Extractors
from harness.metrics import AnyMetric
from harness.metrics.needs import judge_names, observer_names
from harness.progress import Progress, StageCalls
from harness.regression.baselines import KeptRun
from harness.rows import as_rows
from harness.score import Looked, file_type, look_at_pictures
from harness.score_plan import ScorePlan
from harness.types import Sample


def of_kept(kept: KeptRun, progress: Progress) -> Look:
    """Gives kept vectors where a run folder's pictures would be looked at; see `difference_sets.of_folder`.

    The extractors' identities are those of the kept vectors, so that a metric which another version of a
    network would compute is not comparable. Raises InputError for a metric that needs more than vectors.
    """
    prompts = {prompt.id: prompt for prompt in kept.view.prompts}

    def look(
        samples: Sequence[Sample], plan: ScorePlan, metrics: Sequence[AnyMetric], extractors: Extractors
    ) -> Looked:
        if observer_names(metrics) or judge_names(metrics):
            raise InputError(f"metric {metrics[0].name} needs the baseline's pictures, which were not kept")
        with StageCalls(progress) as report:
            empty = look_at_pictures([], prompts, kept.view.folder, plan, metrics, extractors, report)
        needed = list(dict.fromkeys(name for metric in metrics for name in metric.image_extractors))
        rows = {}
        scored = tuple(sample for sample in samples if sample.status == "ok")
        for name in needed:
            held = kept.features.get(name)
            if held is None:
                raise InputError(f"the baseline was kept without {name}'s features; promote the run again")
            at = {sha256: place for place, sha256 in enumerate(held.sha256)}
            scored = tuple(sample for sample in scored if sample.sha256 in at)
        for name in needed:
            held = kept.features[name]
            at = {sha256: place for place, sha256 in enumerate(held.sha256)}
            rows[name] = as_rows(held.vectors[[at[str(sample.sha256)] for sample in scored]])
        number = {prompt_id: n for n, prompt_id in enumerate(dict.fromkeys(s.prompt_id for s in scored))}
        inputs = replace(
            empty.inputs,
            features=rows,
            captions=[prompts[s.prompt_id].text for s in scored],
            clusters=np.array([number[s.prompt_id] for s in scored], dtype=np.intp),
            identities={**empty.inputs.identities, **{n: kept.features[n].identity for n in needed}},
            metas=[prompts[s.prompt_id].meta for s in scored],
            file_type=file_type(s.path or "" for s in scored),
        )
        there = {sample.key for sample in scored}
        unreadable = {s.key: "its features were not kept" for s in samples if s.key not in there}
        return Looked(inputs, scored, unreadable, empty.remarks)

    return look
