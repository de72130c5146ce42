"""The Fréchet distance at d = 2048 against scipy.linalg.sqrtm, and its memory at 2,000 and 20,000 pictures.

    python benchmarks/frechet_speed.py --rounds 3

Runs alternate, and the fastest of each counts. Memory is the peak of a process of its own that computes the
value and its interval from rows that are made as they are asked for.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
from scipy import linalg

from harness.metrics.frechet import Generated, Reference, frechet_distance, jackknife_interval
from harness.moments import Moments
from harness.rows import LazyRows, Places, Vectors

D = 2048
MIX = (np.random.default_rng(0).normal(size=(64, D)) / 8).astype(np.float32)


def rows(n: int, seed: int) -> LazyRows:
    """Features (n, D) with a strong part of rank 64, after a ReLU as Inception's, made on demand."""

    def one(place: int) -> Vectors:
        random = np.random.default_rng([seed, place])
        made = random.normal(size=64) @ MIX + 0.3 * random.normal(size=D)
        return np.maximum(made, 0).astype(np.float32)

    def fetch(places: Places) -> Vectors:
        return np.stack([one(int(place)) for place in places])

    return LazyRows((n, D), fetch)


def through_sqrtm(a: Moments, b: Moments) -> float:
    """The distance as other codes have it."""
    gap = a.mean - b.mean
    root = linalg.sqrtm(a.covariance @ b.covariance)
    return float(gap @ gap + np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.trace(root).real)


def speed(rounds: int) -> None:
    """Prints both times, their ratio and how far the values are apart."""
    a, b = Moments.of(rows(3000, 1)), Moments.of(rows(3000, 2))
    ours, theirs = [], []
    value = expected = 0.0
    for _ in range(rounds):
        start = time.perf_counter()
        value = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
        middle = time.perf_counter()
        expected = through_sqrtm(a, b)
        ours.append(middle - start)
        theirs.append(time.perf_counter() - middle)
    ratio, apart = min(theirs) / min(ours), abs(value - expected) / expected
    print(f"d = {D}: {min(ours):.2f} s, through sqrtm {min(theirs):.2f} s, {ratio:.1f} times as long")
    print(f"relative difference {apart:.1e}")


def measure(n: int) -> None:
    """Prints the value at n pictures with its interval, the time and this process's peak memory in MB."""
    start = time.perf_counter()
    reference = Reference.of(rows(3000, 2))
    value, interval = jackknife_interval(Generated(rows(n, 1), reference), np.arange(n))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - start
    print(
        f"n = {n}: {value:.4f} [{interval.low:.4f}, {interval.high:.4f}], {seconds:.0f} s, peak {peak:.0f} MB"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--measure", type=int, help="measure memory at this number of pictures, and nothing else"
    )
    args = parser.parse_args()
    if args.measure:
        measure(args.measure)
        return
    speed(args.rounds)
    for n in (2000, 20000):
        subprocess.run([sys.executable, __file__, "--measure", str(n)], check=True)


if __name__ == "__main__":
    main()
