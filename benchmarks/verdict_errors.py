"""How often `drawbench compare` gives a false alarm, and how often it finds a real loss.

    python benchmarks/verdict_errors.py simulated --work verdict-errors
    python benchmarks/verdict_errors.py real --work verdict-errors
    python benchmarks/verdict_errors.py report --work verdict-errors --out verdict-errors.txt

`simulated` draws `imagen-mini` on 200 captions of the bench scenes at 64 pixels: as it is, with half the
steps and at guidance 1; and makes two more models of its pictures: 10% of the pictures change places, and
JPEG at quality 30. Of these real values and features it makes pairs of runs:

- the same model under other seeds, 500 pairs of 200 prompts: prompts are drawn with replacement, and the
  other side has, with probability 1/2, the picture of another prompt of the category (other noise, another
  outcome), else the same one;
- the model and each worse one, prompts drawn with replacement, each with the real pair of pictures. The
  planner sees the simulated baseline alone and says what losses a comparison finds 95 times in 100. Where the
  true loss, that over all prompts at hand, is greater in any row, the loss is due to be found.

`real` draws 21 runs of 100 captions under seeds 0 to 20 and compares the first with each other by the
functions of the command. Runs that are finished are not drawn again, and cases that were counted not counted
again, so the same command resumes.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.atomic import write_atomic
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

Row = tuple[str, str | None]
Places = NDArray[np.intp]

METRICS = ("scenes_accuracy", "align_conse")
SET_METRIC = "fd_effnet_lite0"
REFERENCE = "scenes:n=300,size=64"
GROUPS = 20
SIZES = (200, 1000, 5000)
SET_SIZE = 200
SHARED = 0.5
DRAWN = {"half the steps": ("--steps", "4"), "guidance 1": ("--guidance-scale", "1")}
MADE = ("10% of prompts swapped", "JPEG 30")


@dataclass(frozen=True)
class Table:
    """A run's values by metric (prompts,), NaN where there is none, its features (prompts, d), categories."""

    values: Mapping[str, NDArray[np.float64]]
    features: NDArray[np.float32]
    categories: NDArray[np.str_]

    @property
    def prompts(self) -> int:
        """How many."""
        return self.features.shape[0]

    def rows(self) -> list[str | None]:
        """None for all prompts, then the categories in order."""
        return [None, *dict.fromkeys(self.categories.tolist())]


@dataclass(frozen=True)
class SetJudge:
    """The whole-set metric with inputs that hold the reference."""

    metric: SetMetric
    inputs: Inputs

    def over(self, features: NDArray[np.float32]) -> Callable[[Places], float]:
        """A function from places to the metric's value over the rows (n, d) at these places."""
        n = features.shape[0]
        name = self.metric.image_extractors[0]
        return value_over(
            self.metric, replace(self.inputs, features={name: as_rows(features)}, clusters=np.arange(n))
        )


def run(work: Path, *flags: str) -> Path:
    """Draws and scores a run, or finds it finished. Raises CalledProcessError."""
    started = time.monotonic()
    command = [sys.executable, "-m", "harness.run", *flags, "--offline", "--json", "--reference", REFERENCE]
    command += ["--metrics", ",".join((*METRICS, SET_METRIC)), "--out", str(work / "runs")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    folder = work / "runs" / str(json.loads(done.stdout)["run"])
    print(f"{time.monotonic() - started:6.0f} s  {folder.name}", file=sys.stderr, flush=True)
    return folder


def changed_pictures(source: Path, how: str, out: Path) -> Path:
    """A folder of the run's pictures, made worse: those of every tenth prompt change places, or JPEG."""
    view = RunView.load(source)
    out.mkdir(parents=True, exist_ok=True)
    ids = [prompt.id for prompt in view.prompts]
    tenth = ids[::10]
    taken = dict(zip(tenth, [*tenth[1:], tenth[0]], strict=True)) if how.startswith("10%") else {}
    pictures = {sample.prompt_id: view.picture(sample) for sample in view.samples}
    for prompt_id in ids:
        picture = pictures[taken.get(prompt_id, prompt_id)]
        assert picture is not None
        if how.startswith("JPEG"):
            buffer = io.BytesIO()
            picture.save(buffer, format="JPEG", quality=30)
            picture = Image.open(buffer).convert("RGB")
        picture.save(out / f"{prompt_id}.png")
    return out


def load(folder: Path) -> tuple[Table, SetJudge]:
    """A run's table; features come from the cache."""
    view = RunView.load(folder)
    plan = make_scorer(
        ScoreOptions(metrics=(SET_METRIC,), reference=REFERENCE),
        manifest_reference(view.manifest),
        view.prompts,
    ).plan
    metric = find_metric(SET_METRIC)
    assert isinstance(metric, SetMetric)
    looked = of_folder(view, NoProgress())(view.samples, plan, [metric], extractors_for(plan))
    places = [(prompt.id, 0) for prompt in view.prompts]
    values = {
        name: np.array([view.per_sample.get(place, {}).get(name, np.nan) for place in places])
        for name in METRICS
    }
    features = np.asarray(looked.inputs.features[metric.image_extractors[0]])
    table = Table(values, features, np.array([prompt.category for prompt in view.prompts]))
    return table, SetJudge(metric, looked.inputs)


def evidence_of(a: Table, at_a: Places, b: Table, at_b: Places, set_judge: SetJudge | None) -> list[Evidence]:
    """Evidence on every row from the prompts (n,) whose pictures either side has; places are paired."""
    labels = np.arange(at_a.size)
    categories = a.categories[at_a]
    found = []
    for name in METRICS:
        metric = find_metric(name)
        one, other = a.values[name][at_a], b.values[name][at_b]
        for group in a.rows():
            inside = ~np.isnan(one) & ~np.isnan(other) & (group is None or categories == group)
            if inside.any():
                places = tuple((str(label), 0) for label in labels[inside])
                pairs = PairedValues(group, one[inside], other[inside], places, 0)
                margin = margin_of(name, {}).at(float(pairs.a.mean()))
                found.append(mean_evidence(name, metric.direction, pairs, margin, metric.bounds))
    if set_judge is not None:
        sides = set_judge.over(a.features[at_a]), set_judge.over(b.features[at_b])
        estimate = paired_jackknife(*sides, labels, max_groups=GROUPS)
        values = sides[0](labels), sides[1](labels)
        margin = margin_of(SET_METRIC, {}).at(values[0])
        places = tuple((str(label), 0) for label in labels)
        found.append(set_evidence(SET_METRIC, set_judge.metric.direction, values, estimate, places, margin))
    return found


def promised(a: Table, at: Places, set_judge: SetJudge | None) -> dict[Row, float]:
    """The loss of each row that the planner says is found 95 times in 100, from the baseline alone."""
    labels = np.arange(at.size)
    categories = a.categories[at]
    noise = []
    for name in METRICS:
        metric = find_metric(name)
        values = a.values[name][at]
        for group in a.rows():
            inside = ~np.isnan(values) & (group is None or categories == group)
            if not inside.any():
                continue
            error, source = unpaired_error(values[inside], list(map(str, labels[inside])), metric.bounds)
            mean, n = float(values[inside].mean()), int(inside.sum())
            margin = margin_of(name, {}).at(mean)
            noise.append(
                Noise(
                    name, group, metric.direction, mean, n, n, error, n - 1.0, source, margin, metric.bounds
                )
            )
    if set_judge is not None:
        value = set_judge.over(a.features[at])
        level, error = value(labels), float(np.sqrt(2)) * _set_error(value, labels)
        margin = margin_of(SET_METRIC, {}).at(level)
        direction = set_judge.metric.direction
        noise.append(
            Noise(SET_METRIC, None, direction, level, at.size, at.size, error, GROUPS - 1.0, "", margin)
        )
    return {(row.noise.metric, row.noise.category): row.detectable_95 for row in plan_rows(noise)}


def _set_error(value: Callable[[Places], float], labels: Places) -> float:
    return paired_jackknife(lambda places: 0.0, value, labels, max_groups=GROUPS).error


def true_losses(a: Table, b: Table) -> dict[Row, float]:
    """What is lost over all prompts at hand, in each row of a per-picture metric."""
    losses: dict[Row, float] = {}
    for name in METRICS:
        sign = 1 if find_metric(name).direction == "higher" else -1
        for group in a.rows():
            inside = np.full(a.prompts, True) if group is None else a.categories == group
            one, other = (np.nanmean(table.values[name][inside]) for table in (a, b))
            losses[name, group] = sign * float(one - other)
    return losses


def set_loss(a: Table, b: Table, set_judge: SetJudge, n: int, draws: int = 20) -> float:
    """The mean difference of the whole-set metric over draws of n prompts."""
    rng = np.random.default_rng(11)
    everything = np.arange(n)
    lost = []
    for _ in range(draws):
        at = rng.integers(0, a.prompts, n)
        lost.append(set_judge.over(b.features[at])(everything) - set_judge.over(a.features[at])(everything))
    return float(np.mean(lost))


def same_model(rng: np.random.Generator, table: Table, n: int) -> tuple[Places, Places]:
    """n prompts, and whose picture the other side has: half of them that of another of the category."""
    at = rng.integers(0, table.prompts, n)
    members = {group: np.flatnonzero(table.categories == group) for group in set(table.categories.tolist())}
    others = np.array([rng.choice(members[group]) for group in table.categories[at].tolist()])
    return at, np.where(rng.random(n) < SHARED, at, others)


def outcome(evidence: Sequence[Evidence]) -> str:
    """The verdict on the whole."""
    return judge_whole(judge_rows(evidence))[0]


def without_margin(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The same evidence with margins of 0: the p of being worse is then that of not being better."""
    return [replace(one, margin=0.0, p_worse=1 - one.p_better) for one in evidence]


def simulated(args: argparse.Namespace) -> None:
    """False alarms and power on resampled values."""
    flags = ["--model", "imagen", "--bench", f"scenes:n={args.prompts}", "--stages", "64", "--seed", "0"]
    base = args.baseline or run(args.work, *flags)
    worse = dict(text.split("=", 1) for text in args.worse)
    if not worse:
        worse = {name: str(run(args.work, *flags, *more)) for name, more in DRAWN.items()}
    for name in MADE:
        pictures = changed_pictures(base, name, args.work / "changed" / name.replace(" ", "-"))
        worse[name] = str(run(args.work, "--model", f"folder:{pictures}", *flags[2:4], "--seed", "0"))
    table, set_judge = load(base)
    counts = Counts(args.work / "simulated.json", {"baseline": base.name, "prompts": table.prompts})

    def same(number: int) -> list[str]:
        at, other = same_model(np.random.default_rng([0, number]), table, SET_SIZE)
        evidence = evidence_of(table, at, table, other, set_judge)
        return [outcome(evidence), outcome(without_margin(evidence))]

    counts.count("same", args.pairs, same)
    for n in SIZES:
        judge_ = set_judge if n == SET_SIZE else None
        for name, folder in worse.items():
            candidate, _ = load(Path(folder))
            losses = true_losses(table, candidate)
            losses[SET_METRIC, None] = set_loss(table, candidate, set_judge, SET_SIZE)
            whole = {metric: losses[metric, None] for metric in (*METRICS, SET_METRIC)}
            counts.state.setdefault("losses", {})[name] = whole

            def case(number: int) -> list[bool]:
                at = np.random.default_rng([5, number]).integers(0, table.prompts, n)  # noqa: B023
                found = outcome(evidence_of(table, at, candidate, at, judge_))  # noqa: B023
                limits = promised(table, at, judge_)  # noqa: B023
                due = any(losses[row] >= limit for row, limit in limits.items())  # noqa: B023
                return [found == "regression", due]

            counts.count(f"{name}, n = {n}", args.cases, case)


@dataclass(frozen=True)
class Counts:
    """Outcomes by experiment in a JSON file, so that what was counted is not counted again."""

    path: Path
    state: dict[str, Any]

    def __post_init__(self) -> None:
        held = _read(self.path)
        if held is not None and held["baseline"] == self.state["baseline"]:
            self.state.update(held)

    def count(self, name: str, wanted: int, make: Callable[[int], Any]) -> None:
        """Adds `make(number)` for each number up to `wanted` that the experiment has not yet."""
        found = self.state.setdefault("found", {}).setdefault(name, [])
        while len(found) < wanted:
            found.append(make(len(found)))
            if len(found) % 10 == 0 or len(found) == wanted:
                write_atomic(self.path, (json.dumps(self.state, indent=1) + "\n").encode())
                print(f"{name}: {len(found)} of {wanted}", file=sys.stderr, flush=True)


def real(args: argparse.Namespace) -> None:
    """Verdicts on the first of the runs and each other one."""
    flags = ["--model", "imagen", "--bench", f"scenes:n={args.real_prompts}", "--stages", "64"]
    runs = [run(args.work, *flags, "--seed", str(seed)) for seed in range(args.seeds)]
    options = CompareOptions(scoring=ScoreOptions(reference=REFERENCE), seeds="differ")
    verdicts = [judge(str(runs[0]), str(other), options, NoProgress()).verdict for other in runs[1:]]
    found = {"prompts": args.real_prompts, "outcomes": [verdict.outcome for verdict in verdicts]}
    write_atomic(args.work / "real.json", (json.dumps(found, indent=1) + "\n").encode())


def report(args: argparse.Namespace) -> Iterator[str]:
    """The lines of the result, of the parts that there are."""
    yield "python benchmarks/verdict_errors.py: how often drawbench compare is wrong"
    rows = f"{', '.join(METRICS)} over all prompts and by category, {SET_METRIC}, at their default margins"
    yield f"imagen-mini on the bench scenes, 64 px; {rows}"
    yield ""
    yield "False alarms: the same model under other seeds. A regression is one; at most 5% are allowed."
    for name, what in (
        ("real", "real pairs of runs"),
        ("simulated", f"simulated pairs of {SET_SIZE} prompts"),
    ):
        found = _read(args.work / f"{name}.json")
        if found is None or not found.get("outcomes", found.get("found", {}).get("same")):
            yield f"  {what}: not run"
        elif name == "real":
            yield _tally(f"{what} of {found['prompts']} prompts", found["outcomes"])
        else:
            plain, strict = zip(*found["found"]["same"], strict=True)
            yield _tally(f"{what}, resampled from {found['prompts']}", plain)
            yield _tally("  the same with every margin 0", strict)
            yield f"    resampled: {found['baseline']}"
    found = _read(args.work / "simulated.json")
    if found is not None and "losses" in found:
        yield ""
        yield "Power: models that are worse on purpose. Due: the planner, which sees the baseline alone, says"
        yield f"that such a loss is found 95 times in 100. {SET_METRIC} is tested at n = {SET_SIZE} alone."
        for name, losses in found["losses"].items():
            yield f"  {name}: true loss {', '.join(f'{m} {value:.3g}' for m, value in losses.items())}"
            for n in SIZES:
                cases = found["found"].get(f"{name}, n = {n}", [])
                if cases:
                    due = [hit for hit, due in cases if due]
                    share = f"{sum(due)} of {len(due)} due" if due else "none due"
                    yield f"    n = {n}: found {sum(hit for hit, _ in cases)} of {len(cases)}, {share}"


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_bytes()) if path.is_file() else None
    return found


def _tally(what: str, found: Sequence[str]) -> str:
    bad = [float(outcome == "regression") for outcome in found]
    _, interval = cluster_mean_interval(bad, range(len(bad)), bounds=(0.0, 1.0))
    counts = ", ".join(f"{found.count(name)} {name}" for name in sorted(set(found)))
    return (
        f"  {what}: {sum(bad):.0f} of {len(bad)} ({np.mean(bad):.1%}, 95% interval {interval.low:.1%} to "
        f"{interval.high:.1%}); {counts}"
    )


def main() -> None:
    """Draws what is missing, counts, and writes the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("simulated", "real", "report"))
    parser.add_argument("--work", type=Path, required=True, help="a folder for runs and counts")
    parser.add_argument("--out", type=Path, help="report: a file for the result")
    parser.add_argument("--prompts", type=int, default=200, help="simulated: prompts of the real runs")
    parser.add_argument("--pairs", type=int, default=500, help="simulated: pairs of the same model")
    parser.add_argument("--cases", type=int, default=100, help="simulated: pairs with each worse model")
    parser.add_argument("--baseline", type=Path, help="simulated: a scored run to use instead of drawing one")
    parser.add_argument(
        "--worse", action="append", default=[], metavar="NAME=RUN", help="simulated: scored runs likewise"
    )
    parser.add_argument("--real-prompts", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=21)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.part != "report":
        {"simulated": simulated, "real": real}[args.part](args)
    lines = list(report(args))
    print("\n".join(lines))
    if args.out is not None:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
