"""Does a run follow its prompts at all? Its own pictures scored against other prompts of the same bench.

A model that ignores the text scores as high on shuffled captions as on the right ones, and no alignment
score by itself shows that. The pictures' features are cached, so the control costs seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.ledger import read_ledger
from harness.manifest import manifest_prompts, read_manifest
from harness.score import Progress, SampleScore, ScorePlan, score_samples
from harness.stats import cluster_mean_interval, sign_flip_test
from harness.summary import planned_samples


@dataclass(frozen=True, slots=True)
class Control:
    """Right against shuffled captions. `low` and `high` bound the mean difference's 95% interval.

    `right_wins` is the share of pictures that fit their own caption better, `p` the one-sided p-value of a
    sign-flip test clustered by prompt, `n` the number of pictures.
    """

    metric: str
    identity: str
    right: float
    shuffled: float
    difference: float
    low: float
    high: float
    right_wins: float
    p: float
    n: int
    method: str


def other_prompts(prompts: Sequence[Prompt], seed: int) -> dict[str, Prompt]:
    """Each prompt id with the text of another prompt, no two with the same one.

    A random cyclic order decides, so no prompt keeps its own text. Raises InputError below two prompts.
    """
    if len(prompts) < 2:
        raise InputError("shuffling captions needs a run of at least two prompts")
    order = np.random.default_rng(seed).permutation(len(prompts))
    following = dict(zip(order, np.roll(order, -1), strict=True))
    return {
        prompt.id: Prompt(prompt.id, prompts[following[i]].text, prompt.category)
        for i, prompt in enumerate(prompts)
    }


def caption_control(
    run_dir: Path, metric: str = "align_conse", seed: int = 0, progress: Progress | None = None
) -> Control:
    """Scores a run folder with its own and with shuffled captions.

    Raises InputError where the folder is no run, the metric is not of one picture and its caption, or fewer
    than two prompts have pictures.
    """
    manifest = read_manifest(run_dir)
    samples = [s for s in planned_samples(manifest, read_ledger(run_dir)) if s.status == "ok"]
    drawn = {sample.prompt_id for sample in samples}
    prompts = [prompt for prompt in manifest_prompts(manifest) if prompt.id in drawn]
    plan = ScorePlan(metrics=(metric,))

    def values(texts: Mapping[str, Prompt]) -> list[SampleScore]:
        rows = score_samples(samples, texts, run_dir, plan, progress).per_sample
        if not rows:
            raise InputError(f"metric {metric} does not judge single pictures by their captions")
        return sorted((row for row in rows if row.value is not None), key=lambda row: row.key)

    own = values({prompt.id: prompt for prompt in prompts})
    shuffled = values(other_prompts(prompts, seed))
    a, b = (np.array([row.value for row in rows], dtype=np.float64) for rows in (own, shuffled))
    clusters = [row.prompt_id for row in own]
    difference, interval = cluster_mean_interval(a - b, clusters)
    test = sign_flip_test(a - b, clusters, alternative="greater", seed=seed)
    return Control(
        metric=metric,
        identity=own[0].identity,
        right=float(a.mean()),
        shuffled=float(b.mean()),
        difference=difference,
        low=interval.low,
        high=interval.high,
        right_wins=float((a > b).mean()),
        p=test.p,
        n=len(a),
        method=f"{interval.method}; {test.method}; captions shuffled with seed {seed}",
    )


def control_lines(control: Control) -> list[str]:
    """The result for people, one line each."""
    return [
        f"{control.identity}, n = {control.n}",
        f"  own captions       {control.right:.3f}",
        f"  shuffled captions  {control.shuffled:.3f}",
        f"  difference         {control.difference:.3f}  [{control.low:.3f}, {control.high:.3f}]",
        f"  own caption wins   {control.right_wins:.1%} of pictures",
        f"  p                  {control.p:.2g}  (one-sided)",
        f"  {control.method}",
    ]


def control_json(control: Control) -> dict[str, Any]:
    """The result for machines."""
    return {name: getattr(control, name) for name in Control.__dataclass_fields__}
