"""Does a run follow its prompts at all? Its own pictures scored against other prompts of the same bench.

A model that ignores the text scores as high on shuffled captions as on the right ones, and no alignment
score by itself shows that. The pictures' features are cached, so the control costs seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drawbench.errors import InputError
from drawbench.types import Prompt
from harness.ledger import read_ledger
from harness.manifest import manifest_prompts, read_manifest
from harness.metrics import find_metric
from harness.metrics.base import Inputs, JudgesPairs, PerImageMetric, Selective
from harness.options import ScoreOptions
from harness.score import look_at_pictures, seven_digits
from harness.score_plan import Progress, extractors_for
from harness.scoring import make_scorer
from harness.stats import cluster_mean_interval, sign_flip_test
from harness.summary import planned_samples
from harness.types import Sample

DEFAULT = ScoreOptions(device="cpu")


@dataclass(frozen=True, slots=True)
class Control:
    """Own against shuffled captions, n pictures.

    `own` and `shuffled` are mean scores; `low` and `high` bound the 95% interval of their difference.
    `own_wins` is the share of pictures that fit their own caption better than the mean of the others.
    `p` is one-sided, of a sign-flip test clustered by prompt; `p_one_shuffle` is the same test in its
    simplest form, each picture's own score against that with one other caption.
    """

    metric: str
    identity: str
    own: float
    shuffled: float
    difference: float
    low: float
    high: float
    own_wins: float
    p: float
    p_one_shuffle: float
    n: int
    method: str


def other_prompts(ids: Sequence[str], seed: int, shuffles: int) -> list[dict[str, str]]:
    """`shuffles` times a permutation of the prompt ids, as a mapping from each to another.

    The prompts stand in a random circle and each is given the one 1, 2, ... places on, so none meets itself
    or another one twice. Raises InputError where there are too few prompts for that.
    """
    if not 1 <= shuffles < len(ids):
        raise InputError(
            f"{shuffles} shuffles of captions need at least {max(shuffles, 1) + 1} prompts with pictures; "
            f"there are {len(ids)}"
        )
    circle = [ids[i] for i in np.random.default_rng(seed).permutation(len(ids))]
    return [dict(zip(circle, circle[step:] + circle[:step], strict=True)) for step in range(1, shuffles + 1)]


def excess(
    own: NDArray[np.float64], others: NDArray[np.float64], captions: NDArray[np.intp], of: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How much better each picture fits its own caption than picture and caption fit others, (n,).

    own: (n,); others: (shuffles, n), scores with other captions; captions: (shuffles, n), which ones, as
    numbers from 0; of: (n,), each picture's own. From a picture's own score go the mean of its scores with
    other captions and the mean of its caption's with other pictures, both about the mean of all others: the
    first takes out pictures, the second captions that suit everything, and the mean over pictures stays
    that of own minus others.
    """
    sums = np.bincount(captions.ravel(), weights=others.ravel(), minlength=int(of.max()) + 1)
    counts = np.bincount(captions.ravel(), minlength=int(of.max()) + 1)
    of_caption = (sums / np.maximum(counts, 1))[of]
    result: NDArray[np.float64] = own - others.mean(0) - (of_caption - of_caption.mean())
    return result


def caption_control(
    run_dir: Path,
    metric: str = "align_conse",
    seed: int = 0,
    shuffles: int = 16,
    progress: Progress | None = None,
    scoring: ScoreOptions = DEFAULT,
) -> Control:
    """Scores a run folder with its own and with shuffled captions, by the networks that `scoring` names.

    Raises InputError where the folder is no run, the metric is not of one picture and its caption, or there
    are not more prompts with pictures than shuffles.
    """
    manifest = read_manifest(run_dir)
    samples = [s for s in planned_samples(manifest, read_ledger(run_dir)) if s.status == "ok"]
    drawn = {sample.prompt_id for sample in samples}
    prompts = {prompt.id: prompt for prompt in manifest_prompts(manifest) if prompt.id in drawn}
    permutations = other_prompts(list(prompts), seed, shuffles)
    judge, inputs, pictured = _look(samples, prompts, run_dir, metric, scoring, progress)

    def values(asked: Sequence[str]) -> NDArray[np.float64]:
        captions, metas = [prompts[i].text for i in asked], [prompts[i].meta for i in asked]
        scores = judge.per_image(replace(inputs, captions=captions, metas=metas))
        if np.isnan(scores).any():
            raise InputError(
                f"metric {metric} does not apply to every picture; the control needs one that does"
            )
        return np.array([seven_digits(float(score)) for score in scores], dtype=np.float64)

    own = values(pictured)
    others = np.stack([values([p[i] for i in pictured]) for p in permutations])
    number = {prompt_id: i for i, prompt_id in enumerate(prompts)}
    captions = np.array([[number[p[i]] for i in pictured] for p in permutations], dtype=np.intp)
    of = np.array([number[i] for i in pictured], dtype=np.intp)
    better = excess(own, others, captions, of)
    difference, interval = cluster_mean_interval(better, of)
    test = sign_flip_test(better, of, alternative="greater", seed=seed)
    one = sign_flip_test(own - others[0], of, alternative="greater", seed=seed)
    return Control(
        metric=metric,
        identity=judge.identity(inputs),
        own=float(own.mean()),
        shuffled=float(others.mean()),
        difference=difference,
        low=interval.low,
        high=interval.high,
        own_wins=float((own > others.mean(0)).mean()),
        p=test.p,
        p_one_shuffle=one.p,
        n=len(own),
        method=f"{interval.method}; {test.method}; {shuffles} other captions each, shuffled by seed {seed}",
    )


def _look(
    samples: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    run_dir: Path,
    metric: str,
    scoring: ScoreOptions,
    progress: Progress | None,
) -> tuple[PerImageMetric, Inputs, list[str]]:
    """The metric, its inputs from one pass over the pictures, and the prompt id of each picture."""
    plan = make_scorer(replace(scoring, metrics=(metric,)), None, tuple(prompts.values())).plan
    extractors = extractors_for(plan, progress)
    judge = find_metric(metric)
    if not isinstance(judge, PerImageMetric) or not _hears(judge):
        raise InputError(f"metric {judge.name} does not judge single pictures by their captions")
    ordered = sorted(samples, key=lambda sample: sample.key)
    looked = look_at_pictures(ordered, prompts, run_dir, plan, (judge,), extractors, progress)
    return judge, looked.inputs, [sample.prompt_id for sample in looked.scored]


def _hears(metric: PerImageMetric) -> bool:
    """Whether a caption can change the metric's values."""
    return bool(metric.text_extractors) or isinstance(metric, JudgesPairs | Selective)


def control_lines(control: Control) -> list[str]:
    """The result for people, one line each."""
    return [
        f"{control.identity}, n = {control.n}",
        f"  own captions       {control.own:.3f}",
        f"  shuffled captions  {control.shuffled:.3f}",
        f"  difference         {control.difference:.3f}  [{control.low:.3f}, {control.high:.3f}]",
        f"  own caption wins   {control.own_wins:.1%} of pictures",
        f"  p                  {control.p:.2g}  (one-sided; {control.p_one_shuffle:.2g} with one shuffle)",
        f"  {control.method}",
    ]


def control_json(control: Control) -> dict[str, Any]:
    """The result for machines."""
    return asdict(control)
