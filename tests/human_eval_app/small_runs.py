"""Run folders made by the real store, without a model, for tests of studies made from runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from drawbench.benches import scenes
from drawbench.types import Bench, Prompt, Reference
from harness.manifest import build_manifest, write_manifest
from harness.pictures import encode_png
from harness.plan import make_plan
from harness.store import RunStore
from harness.types import Failure

TEXTS: Mapping[str, Sequence[str]] = {
    "Colors": ("a red apple", "a blue horse on a hill", "two green birds"),
    "Counting": ("three dogs in the snow", "five boats", "one yellow umbrella"),
}


def small_run(
    folder: Path,
    *,
    model: str = "imagen",
    texts: Mapping[str, Sequence[str]] = TEXTS,
    samples: int = 1,
    size: tuple[int, int] = (48, 48),
    seed: int = 0,
    failures: Mapping[tuple[str, int], Failure] | None = None,
    unmade: Sequence[str] = (),
    reference: Reference | None = None,
    prompts: Sequence[Prompt] | None = None,
    settings: Mapping[str, float] | None = None,
) -> Path:
    """A finished run of `texts` (category -> prompts), prompt ids p000, p001, ..., or of given `prompts`.

    `failures` by (prompt id, index); prompts in `unmade` have no samples yet. Pictures differ by `seed`.
    """
    if prompts is None:
        pairs = [(category, text) for category, listed in texts.items() for text in listed]
        prompts = [Prompt(f"p{n:03d}", text, category) for n, (category, text) in enumerate(pairs)]
    bench = Bench("test-bench", "1", tuple(prompts), samples, reference)
    plan = make_plan(bench, settings=dict(settings or {}), seed=seed)
    identity = {"name": model, "version": 1}
    manifest = build_manifest(plan, identity, model_spec=model, bench_spec="test-bench")
    with RunStore(folder) as store:
        write_manifest(folder, manifest)
        for number, request in enumerate(plan.requests):
            if request.prompt.id in unmade:
                continue
            key = request.key(identity)
            failure = (failures or {}).get((request.prompt.id, request.index))
            if failure is not None:
                store.put_failure(request, key, failure)
            else:
                store.put_picture(request, key, encode_png(blocks(size, 1000 * seed + number)), seconds=0.1)
    return folder


def scenes_run(folder: Path, *, n: int = 8, model: str = "imagen", seed: int = 0) -> Path:
    """A run of the scenes bench, whose reference are the true pictures."""
    bench = scenes.load(n)
    return small_run(folder, model=model, prompts=bench.prompts, reference=bench.reference, seed=seed)


def blocks(size: tuple[int, int], number: int) -> Image.Image:
    """Coloured blocks that compress better or worse from number to number."""
    drawn = np.random.default_rng(number)
    cells = 2 + number % 7 * 3
    small = drawn.integers(30, 230, (cells, cells, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.NEAREST)
