"""How often `drawbench compare` gives a false alarm, and how often it sees a real loss.

    python benchmarks/verdict_errors.py --work verdict-errors --out results/reference/verdict-errors.txt

Draws `imagen-mini` on 100 captions of the bench scenes at 64 pixels: the same model under 21 seeds (the
baseline and 20 repeats) and, each under two seeds, four that are worse on purpose: half the steps, guidance 1,
every tenth prompt's picture swapped, JPEG at quality 30. A run that is finished is not drawn again, so the same
command resumes. Then it counts

- regressions among the real pairs of baseline and repeat, and among 500 simulated ones. A simulated pair
  draws 200 prompts with replacement from those at hand, and for each prompt two of the seeds, one a side, so
  that both sides are the same model under other noise; values and features are those of real pictures.
- regressions among simulated pairs of the model and a worse one. The planner sees the simulated baseline
  alone and says what losses a comparison finds 95 times in 100; a case in which the true loss, that over all
  prompts and seeds at hand, is greater in any row is one in which the loss should be found.

Everything goes through the functions that the command uses; simulations only leave out folders and files.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.difference import Place
from harness.difference_sets import of_folder, value_over
from harness.manifest import manifest_reference
from harness.metrics import find_metric
from harness.metrics.base import Inputs, SetMetric
from harness.options import ScoreOptions
from harness.progress import NoProgress
from harness.regression.evidence import Evidence, PairedValues, mean_evidence, set_evidence
from harness.regression.judge import CompareOptions, judge
from harness.regression.margins import margin_of
from harness.regression.planner import Noise, plan_rows, unpaired_error
from harness.regression.verdict import judge_rows, judge_whole
from harness.rows import as_rows
from harness.run_view import RunView
from harness.score_plan import extractors_for
from harness.scoring import make_scorer
from harness.stats import cluster_mean_interval, paired_jackknife

Numbers = NDArray[np.float64]

METRICS = ("scenes_accuracy", "align_conse")
SET_METRIC = "fd_effnet_lite0"
REFERENCE = "scenes:n=300,size=64"
GROUPS = 20
LOSSES = {"half the steps": ("--steps", "4"), "guidance 1": ("--guidance-scale", "1")}
CHANGED = ("10% of prompts swapped", "JPEG 30")


@dataclass(frozen=True)
class Runs:
    """Folders of scored runs: the model under its seeds, and each worse model under some of them."""

    same: tuple[Path, ...]
    worse: dict[str, tuple[Path, ...]]


@dataclass(frozen=True)
class Table:
    """Values and features of a model's runs over the same prompts.

    `values[metric]` is (seeds, prompts), NaN where a metric has none; `features` (seeds, prompts, d);
    `categories` (prompts,).
    """

    values: dict[str, Numbers]
    features: NDArray[np.float32]
    categories: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(seeds, prompts)."""
        return self.features.shape[0], self.features.shape[1]


@dataclass(frozen=True)
class Judge:
    """What whole-set values are computed with: the metric and inputs that have the reference."""

    metric: SetMetric
    inputs: Inputs

    def value(self, features: NDArray[np.float32]) -> Any:
        """A function from places to the metric's value over the rows (n, d) at these places."""
        n = features.shape[0]
        extractor = self.metric.image_extractors[0]
        inputs = replace(self.inputs, features={extractor: as_rows(features)}, clusters=np.arange(n))
        return value_over(self.metric, inputs)


def draw(work: Path, prompts: int, seeds: int, worse_seeds: int) -> Runs:
    """Draws and scores every run that is not there yet. Raises CalledProcessError."""
    started = time.monotonic()
    bench = f"scenes:n={prompts}"
    base = ["--model", "imagen", "--bench", bench, "--stages", "64"]

    def run(*flags: str) -> Path:
        command = [
            sys.executable,
            "-m",
            "harness.run",
            *flags,
            "--offline",
            "--json",
            "--reference",
            REFERENCE,
        ]
        command += ["--metrics", ",".join((*METRICS, SET_METRIC)), "--out", str(work / "runs")]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        folder = work / "runs" / str(json.loads(done.stdout)["run"])
        print(f"{time.monotonic() - started:6.0f} s  {folder.name}", file=sys.stderr, flush=True)
        return folder

    worse: dict[str, list[Path]] = {name: [] for name in (*LOSSES, *CHANGED)}
    same = [run(*base, "--seed", str(seed)) for seed in range(worse_seeds)]
    for seed, folder in enumerate(same):
        for name, flags in LOSSES.items():
            worse[name].append(run(*base, "--seed", str(seed), *flags))
        for name in CHANGED:
            pictures = changed_pictures(folder, name, work / "changed" / f"{name.replace(' ', '-')}-{seed}")
            worse[name].append(run("--model", f"folder:{pictures}", "--bench", bench, "--seed", str(seed)))
    same += [run(*base, "--seed", str(seed)) for seed in range(worse_seeds, seeds)]
    return Runs(tuple(same), {name: tuple(folders) for name, folders in worse.items()})


def changed_pictures(run: Path, how: str, out: Path) -> Path:
    """A folder of the run's pictures, made worse: those of every tenth prompt change places, or JPEG."""
    view = RunView.load(run)
    out.mkdir(parents=True, exist_ok=True)
    ids = [prompt.id for prompt in view.prompts]
    pictures = {sample.prompt_id: view.picture(sample) for sample in view.samples}
    tenth = ids[::10]
    source = {prompt_id: prompt_id for prompt_id in ids}
    if how.startswith("10%"):
        source |= dict(zip(tenth, [*tenth[1:], tenth[0]], strict=True))
    for prompt_id in ids:
        picture = pictures[source[prompt_id]]
        assert picture is not None
        if how.startswith("JPEG"):
            buffer = io.BytesIO()
            picture.save(buffer, format="JPEG", quality=30)
            picture = Image.open(buffer).convert("RGB")
        picture.save(out / f"{prompt_id}.png")
    return out


def load(folders: Sequence[Path]) -> Table:
    """The values and features of runs over the same prompts; features come from the cache."""
    views = [RunView.load(folder) for folder in folders]
    places: list[Place] = [(prompt.id, 0) for prompt in views[0].prompts]
    values = {
        name: np.array([[v.per_sample.get(p, {}).get(name, np.nan) for p in places] for v in views])
        for name in METRICS
    }
    features = np.stack([_inputs(folder)[1] for folder in folders])
    return Table(values, features, tuple(prompt.category for prompt in views[0].prompts))


@cache
def _inputs(folder: Path) -> tuple[Judge, NDArray[np.float32]]:
    view = RunView.load(folder)
    options = ScoreOptions(metrics=(SET_METRIC,), reference=REFERENCE)
    plan = make_scorer(options, manifest_reference(view.manifest), view.prompts).plan
    metric = find_metric(SET_METRIC)
    assert isinstance(metric, SetMetric)
    looked = of_folder(view, NoProgress())(view.samples, plan, [metric], extractors_for(plan))
    return Judge(metric, looked.inputs), np.asarray(looked.inputs.features[metric.image_extractors[0]])


def evidence_of(judge_: Judge, a: Table, b: Table, chosen: tuple[Any, Any, Any]) -> list[Evidence]:
    """Evidence on every row from prompts (n,) and the seed of each prompt's picture on either side (n,)."""
    prompts, of_a, of_b = chosen
    labels = np.arange(prompts.size)
    categories = np.array(a.categories)[prompts]
    rows = []
    for name in METRICS:
        one, other = a.values[name][of_a, prompts], b.values[name][of_b, prompts]
        metric = find_metric(name)
        known = ~np.isnan(one) & ~np.isnan(other)
        for group in (None, *dict.fromkeys(a.categories)):
            inside = known & (True if group is None else categories == group)
            if not inside.any():
                continue
            places = tuple((str(label), 0) for label in labels[inside])
            pairs = PairedValues(group, one[inside], other[inside], places, 0)
            margin = margin_of(name, {}).at(float(pairs.a.mean()))
            rows.append(mean_evidence(name, metric.direction, pairs, margin, metric.bounds))
    of_a_value = judge_.value(a.features[of_a, prompts])
    of_b_value = judge_.value(b.features[of_b, prompts])
    estimate = paired_jackknife(of_a_value, of_b_value, labels, max_groups=GROUPS)
    values = (of_a_value(labels), of_b_value(labels))
    places = tuple((str(label), 0) for label in labels)
    margin = margin_of(SET_METRIC, {}).at(values[0])
    rows.append(set_evidence(SET_METRIC, judge_.metric.direction, values, estimate, places, margin))
    return rows


def planned(judge_: Judge, a: Table, prompts: Any, of_a: Any) -> dict[tuple[str, str | None], float]:
    """The loss that the planner promises to find 95 times in 100 in each row, from the baseline alone."""
    labels = np.arange(prompts.size)
    categories = np.array(a.categories)[prompts]
    noise = []
    for name in METRICS:
        metric = find_metric(name)
        values = a.values[name][of_a, prompts]
        for group in (None, *dict.fromkeys(a.categories)):
            inside = ~np.isnan(values) & (True if group is None else categories == group)
            if not inside.any():
                continue
            error, source = unpaired_error(values[inside], [str(p) for p in labels[inside]], metric.bounds)
            mean, count = float(values[inside].mean()), int(inside.sum())
            margin = margin_of(name, {}).at(mean)
            noise.append(
                Noise(
                    name,
                    group,
                    metric.direction,
                    mean,
                    count,
                    count,
                    error,
                    count - 1.0,
                    source,
                    margin,
                    metric.bounds,
                )
            )
    value = judge_.value(a.features[of_a, prompts])
    level = value(labels)
    estimate = paired_jackknife(lambda places: 0.0, value, labels, max_groups=GROUPS)
    error = np.sqrt(2) * estimate.error
    margin = margin_of(SET_METRIC, {}).at(level)
    count = prompts.size
    noise.append(
        Noise(SET_METRIC, None, judge_.metric.direction, level, count, count, error, GROUPS - 1.0, "", margin)
    )
    return {(row.noise.metric, row.noise.category): row.detectable_95 for row in plan_rows(noise)}


def true_losses(judge_: Judge, a: Table, b: Table, n: int) -> dict[tuple[str, str | None], float]:
    """The loss of each row over all prompts and seeds at hand; of the distance, the mean over draws of n."""
    losses: dict[tuple[str, str | None], float] = {}
    categories = np.array(a.categories)
    for name in METRICS:
        sign = 1 if find_metric(name).direction == "higher" else -1
        for group in (None, *dict.fromkeys(a.categories)):
            inside = np.full(categories.shape, True) if group is None else categories == group
            one, other = (np.nanmean(t.values[name][:, inside]) for t in (a, b))
            losses[name, group] = sign * float(one - other)
    rng = np.random.default_rng(11)
    differences = []
    for _ in range(20):
        prompts, of_a, of_b = draw_pair(rng, a, b, n)
        values = [judge_.value(t.features[s, prompts])(np.arange(n)) for t, s in ((a, of_a), (b, of_b))]
        differences.append(values[1] - values[0])
    losses[SET_METRIC, None] = float(np.mean(differences))
    return losses


def draw_pair(rng: np.random.Generator, a: Table, b: Table, n: int) -> tuple[Any, Any, Any]:
    """n prompts with replacement, and a seed for each on either side; never the same of the same table."""
    prompts = rng.integers(0, a.shape[1], n)
    of_a = rng.integers(0, a.shape[0], n)
    other = (of_a + rng.integers(1, a.shape[0], n)) % a.shape[0] if a is b else None
    return prompts, of_a, rng.integers(0, b.shape[0], n) if other is None else other


def outcomes(evidence: Sequence[Evidence]) -> str:
    """The verdict on the whole."""
    return judge_whole(judge_rows(evidence))[0]


def report(runs: Runs, pairs: int, n: int, cases: int) -> Iterator[str]:
    """The lines of the result."""
    yield f"python benchmarks/verdict_errors.py, {time.strftime('%Y-%m-%d')}"
    same = load(runs.same)
    judge_, _ = _inputs(runs.same[0])
    yield (
        f"imagen-mini, bench scenes, 64 px: {same.shape[1]} prompts, {same.shape[0]} seeds; rows: "
        f"{', '.join(METRICS)} over all prompts and {len(set(same.categories))} categories, {SET_METRIC}"
    )
    yield ""
    yield "False alarms: verdicts on the same model under other seeds (a regression is one)"
    options = CompareOptions(scoring=ScoreOptions(reference=REFERENCE), seeds="differ")
    found = [
        judge(str(runs.same[0]), str(other), options, NoProgress()).verdict.outcome for other in runs.same[1:]
    ]
    yield _tally("real pairs of runs, by the command", found)
    rng = np.random.default_rng(0)
    simulated = [
        outcomes(evidence_of(judge_, same, same, draw_pair(rng, same, same, n))) for _ in range(pairs)
    ]
    yield _tally(f"simulated pairs of {n} prompts", simulated)
    strict = []
    rng = np.random.default_rng(0)
    for _ in range(pairs):
        evidence = evidence_of(judge_, same, same, draw_pair(rng, same, same, n))
        strict.append(sum(row.outcome == "regression" for row in judge_rows(_without_margin(evidence))) > 0)
    yield f"  the same with every margin 0: {sum(strict)} of {pairs} ({np.mean(strict):.1%}) regressions"
    yield ""
    yield f"Power: simulated pairs of {n} prompts, {cases} a row; the planner sees the baseline alone"
    for name, folders in runs.worse.items():
        worse = load(folders)
        losses = true_losses(judge_, same, worse, n)
        rng = np.random.default_rng(5)
        caught, due, caught_due = 0, 0, 0
        for _ in range(cases):
            prompts, of_a, of_b = draw_pair(rng, same, worse, n)
            hit = outcomes(evidence_of(judge_, same, worse, (prompts, of_a, of_b))) == "regression"
            promised = planned(judge_, same, prompts, of_a)
            should = any(losses[row] >= limit for row, limit in promised.items())
            caught, due, caught_due = caught + hit, due + should, caught_due + (hit and should)
        share = f"{caught_due} of {due} ({caught_due / due:.1%})" if due else "none"
        whole = ", ".join(f"{metric} {losses[metric, None]:.3g}" for metric in (*METRICS, SET_METRIC))
        yield f"  {name}: found {caught} of {cases}; of those due: {share}; true loss: {whole}"


def _without_margin(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The same evidence with margins of 0: the p of being worse is then that of not being better."""
    return [replace(one, margin=0.0, p_worse=1 - one.p_better) for one in evidence]


def _tally(what: str, found: Sequence[str]) -> str:
    bad = sum(outcome == "regression" for outcome in found)
    _, interval = cluster_mean_interval(
        [float(outcome == "regression") for outcome in found], range(len(found)), bounds=(0.0, 1.0)
    )
    counts = ", ".join(f"{found.count(name)} {name}" for name in dict.fromkeys(found))
    return (
        f"  {what}: {bad} of {len(found)} ({bad / len(found):.1%}, 95% interval {interval.low:.1%} to "
        f"{interval.high:.1%}) regressions; {counts}"
    )


def main() -> None:
    """Draws what is missing, counts, and writes the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for the runs")
    parser.add_argument("--out", type=Path, help="a file for the result")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=21)
    parser.add_argument("--worse-seeds", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=500, help="simulated pairs")
    parser.add_argument("--n", type=int, default=200, help="prompts in a simulated pair")
    parser.add_argument("--cases", type=int, default=100, help="simulated pairs with each worse model")
    args = parser.parse_args()
    runs = draw(args.work, args.prompts, args.seeds, args.worse_seeds)
    lines = []
    for line in report(runs, args.pairs, args.n, args.cases):
        print(line, flush=True)
        lines.append(line)
    if args.out is not None:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
