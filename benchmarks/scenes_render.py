"""Prints how many captioned pictures a second one process makes, by picture size and crop.

Usage: python benchmarks/scenes_render.py [--seconds 3] [--cache-mb 320]
"""

from __future__ import annotations

import argparse
import itertools
import time

from drawbench.scenes import set_sprite_cache, training_pairs

CASES: tuple[tuple[int, int | None], ...] = (
    *((64, None), (128, None), (256, None), (512, None), (1024, None)),
    *((256, 64), (1024, 64), (1024, 256)),
)


def rate(size: int, crop: int | None, seconds: float) -> float:
    """Pictures a second over about `seconds`, drawings already rasterised as far as the cache holds them."""
    pairs = training_pairs(0, size, crop=crop)
    warm_up = time.perf_counter() + 2 * seconds
    while time.perf_counter() < warm_up:
        next(pairs)
    start, made = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        made += sum(1 for _ in itertools.islice(pairs, 5))
    return made / (time.perf_counter() - start)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="time measured per case")
    parser.add_argument("--cache-mb", type=int, default=320, help="memory for rasterised drawings")
    arguments = parser.parse_args()
    set_sprite_cache(arguments.cache_mb)
    for size, crop in CASES:
        name = f"{size} px" + (f", crops of {crop}" if crop else "")
        print(f"{name:>24}  {rate(size, crop, arguments.seconds):8.1f} pictures/s", flush=True)


if __name__ == "__main__":
    main()
