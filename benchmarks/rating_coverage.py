"""Do 95% intervals of ratings cover the truth 95 times in 100? By simulation, prompts and raters drawn anew.

    OMP_NUM_THREADS=1 python benchmarks/rating_coverage.py --draws 400 --out coverage.txt

Impressions are latent: prompts of standard deviation 0.8, raters of 0.4, noise of 1, two thresholds. Each
study is analysed by the code that `drawbench study analyse` uses. "reported" is the interval of the report,
"bootstrap" and "Wilson t" the two it is chosen from, "pooled" Wilson's over all ratings as if they were
independent, as papers often do. "by bootstrap" is how often the bootstrap is reported, false alarms are the
share of studies without a true preference whose p is below 5%. A mark stands beside reported shares outside
92% to 98%; with 400 draws a share of 95% is known to 1.1%, with 2,000 to 0.5%.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from human_eval_app.analysis.bounded import ends_of
from human_eval_app.analysis.crossed import contrast_estimate
from human_eval_app.analysis.layout import Layout, macro_contrast
from human_eval_app.analysis.proportions import wilson
from human_eval_app.analysis.resampling import two_way_replicates
from human_eval_app.planning.latent_model import LatentModel, dealt

DRAWBENCH = (25, 10, 19, 20, 20, 10, 10, 20, 7, 38, 21)
LEAST, MOST = 0.92, 0.98


@dataclass(frozen=True)
class Case:
    """A design: prompts of each category, raters (of each where nested), ratings a prompt, and a model."""

    name: str
    prompts: tuple[int, ...]
    raters: int
    per_prompt: int
    model: LatentModel
    nested: bool = False


@dataclass(frozen=True)
class Found:
    """Shares of studies whose interval held the truth, mean length, and studies with p below 5%."""

    case: Case
    draws: int
    truth: float
    reported: float
    bootstrap: float
    wilson_t: float
    pooled: float
    length: float
    used: float
    alarms: float


def cases() -> Iterator[Case]:
    """Every line of the table."""
    designs: list[tuple[str, tuple[int, ...], int, int, bool]] = [
        ("200 prompts, 5 of 25 raters each", (200,), 25, 5, False),
        ("200 prompts x 25 raters", (200,), 25, 25, False),
        ("18 prompts x 25 raters", (18,), 25, 25, False),
        ("7 prompts x 25 raters", (7,), 25, 25, False),
        ("50 prompts x 6 raters", (50,), 6, 6, False),
        ("DrawBench, 25 raters nested in each category", DRAWBENCH, 25, 25, True),
        ("DrawBench, 5 of 25 raters each", DRAWBENCH, 25, 5, False),
    ]
    for name, prompts, raters, per_prompt, nested in designs:
        for mu in (0.0, 1.0, 2.0) if len(prompts) == 1 else (0.0, 1.0):
            yield Case(name, prompts, raters, per_prompt, LatentModel(mu), nested)
    for mu in (0.0, 1.0):
        model = LatentModel(mu, rater_sd=0.0)
        yield Case("200 prompts, 5 of 25 raters each, all raters alike", (200,), 25, 5, model)


def study(case: Case, draws: int, resamples: int = 1000, seed: int = 0) -> Found:
    """Simulates and analyses `draws` studies of one case."""
    rng = np.random.default_rng(seed)
    truth = case.model.mean
    hits = np.zeros(4)
    lengths, used, alarms = 0.0, 0, 0
    for draw in range(draws):
        layout, values = one_study(case, rng)
        contrast = macro_contrast(layout, (1.0,))
        replicates = two_way_replicates(layout, values[:, None], resamples=resamples, seed=draw)
        prompts, raters = int(layout.prompt.max()) + 1, int(layout.rater.max()) + 1
        ends = ends_of(
            contrast_estimate(layout, values, contrast),
            replicates.contrast(contrast, np.ones(1)),
            bounds=(0.0, 1.0),
            null=0.5,
            prompts=prompts,
            raters=raters,
            seed=draw,
        )
        by_bootstrap = "bootstrap" in ends.interval.method
        both = (ends.interval, ends.beside) if by_bootstrap else (ends.beside, ends.interval)
        pooled = wilson(round(float(values.sum())), values.size)
        shown = [(i.low, i.high) for i in (ends.interval, *both)]
        hits += [low - 1e-12 <= truth <= high + 1e-12 for low, high in (*shown, pooled)]
        lengths += ends.interval.high - ends.interval.low
        used += by_bootstrap
        alarms += ends.p < 0.05
    reported, bootstrap, wilson_t, naive = (hits / draws).tolist()
    return Found(
        case,
        draws,
        truth,
        reported,
        bootstrap,
        wilson_t,
        naive,
        lengths / draws,
        used / draws,
        alarms / draws,
    )


def one_study(case: Case, rng: np.random.Generator) -> tuple[Layout, np.ndarray]:
    """The layout and the values (n,) of one simulated study."""
    prompts, raters, categories, values = [], [], [], []
    total = sum(case.prompts)
    everyone = case.model.draw(rng, total, case.raters)
    who = dealt(rng, total, case.raters, case.per_prompt)
    start = 0
    for number, count in enumerate(case.prompts):
        rows = slice(start, start + count)
        table = case.model.draw(rng, count, case.raters) if case.nested else everyone[rows]
        row, column = np.nonzero(who[rows])
        prompts.append(row + start)
        raters.append(column + number * case.raters * case.nested)
        categories.append(np.full(row.size, number))
        values.append(table[row, column])
        start += count
    joined = [np.concatenate(part) for part in (prompts, raters, categories)]
    layout = Layout.of(joined[0], joined[1], joined[2], np.zeros(joined[0].size, dtype=int))
    return layout, np.concatenate(values)


def table(found: list[Found]) -> str:
    """One line a case."""
    head = ("truth", "reported", "bootstrap", "Wilson t", "pooled", "length", "by bootstrap", "false alarms")
    lines = [f"{'design':<52}" + "".join(f"{name:>13}" for name in head)]
    for f in found:
        mark = " " if LEAST <= f.reported <= MOST else "*"
        alarms = f"{f.alarms:.1%}" if f.case.model.mu == 0 else ""
        cells = (
            f"{f.truth:.3f}",
            f"{f.reported:.1%}{mark}",
            f"{f.bootstrap:.1%} ",
            f"{f.wilson_t:.1%} ",
            f"{f.pooled:.1%} ",
            f"{f.length:.3f}",
            f"{f.used:.0%}",
            alarms,
        )
        lines.append(f"{f.case.name:<52}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join([*lines, "", f"{found[0].draws} simulated studies a line"])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--only", default="", help="designs whose name starts so")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="a text file for the table")
    args = parser.parse_args()
    chosen = [case for case in cases() if case.name.startswith(args.only)]
    found: list[Found] = []
    with ProcessPoolExecutor(args.workers) as pool:
        for part in pool.map(study, chosen, [args.draws] * len(chosen)):
            found.append(part)
            print(table([part]).splitlines()[1], flush=True)
    if args.out:
        args.out.write_text(table(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
