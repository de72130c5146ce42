"""How often 95% intervals of set metrics cover what they should: the mean value at that number of pictures.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py --draws 400 --out results/reference/coverage.json

Each draw is 200 prompts with 1 or 4 samples, whose features share half their variance with the prompt. The
reference is fixed. The mean over all draws stands for the expected value. Two models of the generated set are
used, one that is wider than the reference and a little beside it, and one that is narrower and further away.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Estimate, Inputs, ReferenceFeatures, SetMetric
from harness.metrics.cmmd import Cmmd
from harness.metrics.distance import FrechetMetric
from harness.metrics.fid_infinity import FidInfinity
from harness.metrics.inception_score import InceptionScore
from harness.metrics.kid import KidMetric, KidSubsetsMetric
from harness.metrics.manifold import ManifoldMetric, Quantity
from harness.rows import as_rows

PROMPTS = 200
REFERENCE = 500
# how the generated set differs from the reference: scale of its spread, shift in the reference's spreads
MODELS = {"wider": (1.2, 0.1), "narrower": (0.7, 0.3)}


@dataclass(frozen=True)
class Case:
    """Metrics on the same synthetic features of `d` dimensions, or `d` classes for an Inception Score."""

    metrics: tuple[str, ...]
    d: int
    samples: int
    model: str


@dataclass(frozen=True)
class Found:
    """Over all draws: the mean value and its spread, and how often an interval held the mean.

    `width` is the intervals' mean half-length over 1.96 times the spread.
    """

    metric: str
    d: int
    samples: int
    model: str
    draws: int
    mean: float
    spread: float
    covered: float
    width: float
    method: str


def metric_for(name: str) -> SetMetric:
    """The metric of a case: the project's own class, on the extractor "x"."""
    quantities: tuple[Quantity, ...] = ("precision", "recall", "density", "coverage")
    for quantity in quantities:
        if name.startswith(quantity):
            k = int(name.partition("_k")[2])
            return ManifoldMetric(name=name, extractor="x", summary="", quantity=quantity, k=k)
    made: dict[str, SetMetric] = {
        "fid": FrechetMetric(name=name, extractor="x"),
        "fid_infinity": FidInfinity(name=name, extractor="x"),
        "kid": KidMetric(name=name, extractor="x"),
        "kid_subsets": KidSubsetsMetric(name=name, extractor="x", subsets=20, size=100),
        "cmmd": Cmmd(extractor="x"),
        "inception_score": InceptionScore(name=name, extractor="x"),
    }
    return made[name]


def cases() -> Iterator[Case]:
    """Every case of the table."""
    for samples in (1, 4):
        for model in MODELS:
            yield Case(("fid", "fid_infinity"), 16, samples, model)
            yield Case(("fid", "kid", "kid_subsets", "cmmd"), 64, samples, model)
            yield Case(("precision_k3", "recall_k3", "density_k5", "coverage_k5"), 8, samples, model)
        for classes in (10, 200):
            yield Case(("inception_score",), classes, samples, "classes")
    yield Case(("fid",), 512, 1, "wider")  # fewer pictures than dimensions
    yield Case(("fid",), 256, 4, "narrower")


def features(case: Case, random: np.random.Generator) -> NDArray[np.float32]:
    """One generated set, (PROMPTS * samples, d); samples of a prompt lie side by side."""
    shared = random.normal(size=(PROMPTS, case.d)).repeat(case.samples, 0)
    own = random.normal(size=shared.shape)
    mixed = np.sqrt(0.5) * (shared + own)
    if case.model == "classes":
        return (1.5 * mixed + np.linspace(-1, 1, case.d)).astype(np.float32)
    strength = np.exp(0.25 * random.normal(size=(PROMPTS, 1))).repeat(case.samples, 0)
    scale, shift = MODELS[case.model]
    return (_spread(case.d) * (scale * strength * mixed + shift)).astype(np.float32)


@cache
def reference(d: int) -> ReferenceFeatures:
    """The reference's features, the same for every draw."""
    rows = (np.random.default_rng(99).normal(size=(REFERENCE, d)) * _spread(d)).astype(np.float32)
    return ReferenceFeatures("synthetic", REFERENCE, {"x": as_rows(rows)})


def one_draw(case: Case, seed: int) -> list[Estimate]:
    """What each metric of the case says about one generated set."""
    rows = features(case, np.random.default_rng([seed, case.d, case.samples]))
    inputs = Inputs(
        features={"x": as_rows(rows)},
        captions=[""] * len(rows),
        clusters=np.arange(PROMPTS).repeat(case.samples),
        identities={"x": "x"},
        embed=_no_texts,
        reference=reference(case.d),
    )
    return [metric_for(name).whole_set(inputs) for name in case.metrics]


def study(case: Case, draws: int) -> list[Found]:
    """The draws of one case, by metric."""
    by_metric = zip(*(one_draw(case, seed) for seed in range(draws)), strict=True)
    found = []
    for name, estimates in zip(case.metrics, by_metric, strict=True):
        rows = [(e.value, e.interval.low, e.interval.high) for e in estimates]
        value, low, high = np.array(rows).T
        mean, spread = float(value.mean()), float(value.std(ddof=1))
        covered = float(((low <= mean) & (mean <= high)).mean())
        width = float((high - low).mean() / 2 / (1.96 * spread))
        method = estimates[0].interval.method
        found.append(
            Found(name, case.d, case.samples, case.model, draws, mean, spread, covered, width, method)
        )
    return found


def table(found: list[Found]) -> str:
    """One line a case."""
    heads = ("metric", "d", "samples", "model", "mean", "spread", "covered", "width")
    lines = [_line(*heads)]
    for f in found:
        numbers = f"{f.mean:.4g}", f"{f.spread:.3g}", f"{f.covered:.1%}", f"{f.width:.2f}"
        lines.append(_line(f.metric, str(f.d), str(f.samples), f.model, *numbers))
    methods = {f.metric: f.method for f in found}
    lines += ["", *(f"{name}: {method}" for name, method in methods.items())]
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--only", default="", help="metrics whose name starts so")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a .json file; the table goes beside it as .txt")
    args = parser.parse_args()
    chosen = [case for case in cases() if any(name.startswith(args.only) for name in case.metrics)]
    found: list[Found] = []
    with ProcessPoolExecutor(args.workers) as pool:
        for part in pool.map(study, chosen, [args.draws] * len(chosen)):
            found += sorted(part, key=lambda f: f.metric)
            print(len(found), part[0].metric, [f"{f.covered:.1%}" for f in part], flush=True)
    found.sort(key=lambda f: (f.metric, f.d, f.samples, f.model))
    print(text := table(found))
    if args.out:
        content: list[dict[str, Any]] = [asdict(f) for f in found]
        args.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        args.out.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")


def _line(metric: str, d: str, samples: str, model: str, *numbers: str) -> str:
    return f"{metric:<16}{d:>5}{samples:>9}  {model:<10}" + "".join(f"{number:>10}" for number in numbers)


def _spread(d: int) -> NDArray[np.float64]:
    return np.arange(1, d + 1) ** -0.5


def _no_texts(name: str, texts: Any) -> NDArray[np.float32]:
    raise ValueError("these metrics read no texts")


if __name__ == "__main__":
    main()
