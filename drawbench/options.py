"""What a caller may ask of any bench, whatever its kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """Options of `drawbench.registry.load_bench`; the same for every bench.

    How many prompts of the bench a run uses (`--limit`) is not here: it is a property of the run and
    never changes the bench or its digest.
    """

    prompts: Path | None = None
    """A prompt file given by the user, in place of the bench's own source."""
    strict: bool = False
    """Refuse anything but the official prompts instead of going on with a notice."""
    data_dir: Path | None = None
    """A folder of pictures and captions (COCO)."""
    seed: int = 0
    """Seed of the draw, for benches that draw their prompts (coco, scenes)."""
    n: int | None = None
    """How many prompts to draw, for benches that draw; None is the bench's own number."""
    samples_per_prompt: int | None = None
    """Pictures per prompt; None is the bench's own number."""
    offline: bool = False
    """Never try the network."""
